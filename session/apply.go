package session

import (
	"bytes"
	"cmp"
	"encoding/json"
	"fmt"
	"slices"
)

// Rules bound what a mutation may do.
type Rules struct {
	MaxKeys  int // 0: no limit
	MaxBytes int // of all keys and compact values; 0: no limit
	// Writable says which keys the writer may write; nil: all. Clear removes just these.
	Writable func(key string) bool
}

// Apply returns the state after a checked mutation, and s itself where nothing would change. It is pure: s stays as it is.
func (s *State) Apply(m *Mutation, rules Rules) (*State, error) {
	if err := s.checkVersion(m.IfVersion); err != nil {
		return nil, err
	}
	if rules.Writable != nil {
		for key := range m.Keys {
			if !rules.Writable(key) {
				return nil, Refuse(ForbiddenKey, "key %q is not yours to write", key)
			}
		}
	}
	d := draft{base: s, cleared: m.Clear}
	if err := d.run(m); err != nil {
		return nil, err
	}
	if m.Clear {
		d.clear(rules.Writable)
	}
	next := d.state()
	if next == s {
		return s, nil
	}
	return next, s.checkLimits(next, rules)
}

func (s *State) checkVersion(want *uint64) error {
	if want == nil || *want == s.Version {
		return nil
	}
	return &Error{Code: Conflict, Version: s.Version, Message: fmt.Sprintf("the session is at version %d, not %d: read it again", s.Version, *want)}
}

// checkLimits refuses growth over a limit. What only shrinks a session that is over (the limit was lowered) is let through.
func (s *State) checkLimits(next *State, rules Rules) error {
	if rules.MaxKeys > 0 && len(next.Entries) > rules.MaxKeys && len(next.Entries) > len(s.Entries) {
		return Refuse(TooLarge, "the session would have %d keys, the limit is %d", len(next.Entries), rules.MaxKeys)
	}
	if rules.MaxBytes > 0 && next.size > rules.MaxBytes && next.size > s.size {
		return Refuse(TooLarge, "the session would have %d bytes of keys and values, the limit is %d", next.size, rules.MaxBytes)
	}
	return nil
}

// draft collects the new value of each key that a mutation touches. No key is named twice.
type draft struct {
	base    *State
	cleared bool
	touched []touched
}

// touched is a key with its new value; nil: the key is gone.
type touched struct {
	key   string
	value json.RawMessage
}

func byKey(a, b touched) int { return cmp.Compare(a.key, b.key) }

func (d *draft) put(key string, value json.RawMessage) {
	d.touched = append(d.touched, touched{key, value})
}

// value is what an operation works on. Whoever clears may write, and so clears, each key that the mutation names.
func (d *draft) value(key string) json.RawMessage {
	if d.cleared {
		return nil
	}
	value, _ := d.base.Get(key)
	return value
}

// clear removes what may be written and was not written anew.
func (d *draft) clear(writable func(string) bool) {
	slices.SortFunc(d.touched, byKey)
	named := d.touched
	for _, e := range d.base.Entries {
		if _, found := slices.BinarySearchFunc(named, touched{key: e.Key}, byKey); !found && (writable == nil || writable(e.Key)) {
			d.put(e.Key, nil)
		}
	}
}

func (d *draft) run(m *Mutation) error {
	for _, key := range m.Delete {
		d.put(key, nil)
	}
	for key, value := range m.Set {
		d.put(key, value)
	}
	for key, patch := range m.Merge {
		if isNull(patch) {
			d.put(key, nil)
		} else {
			d.put(key, merge(d.value(key), patch))
		}
	}
	for key, more := range m.Append {
		array := d.value(key)
		if array == nil {
			array = json.RawMessage("[]")
		}
		if !isArray(array) {
			return Refuse(NotAnArray, "append to %q: its value is not an array", key)
		}
		d.put(key, concat(array, more))
	}
	for key, by := range m.Incr {
		number := d.value(key)
		if number == nil {
			number = json.RawMessage("0")
		}
		if !isNumber(number) {
			return Refuse(NotANumber, "incr of %q: its value is not a number", key)
		}
		sum, err := add(number, by)
		if err != nil {
			return err
		}
		d.put(key, sum)
	}
	return nil
}

// state makes the next state out of the draft, or returns the base where every key would hold the same value.
func (d *draft) state() *State {
	slices.SortFunc(d.touched, byKey)
	next := &State{Version: max(d.base.Version+1, d.base.Floor), Floor: d.base.Floor, size: d.base.size}
	next.Entries = make([]Entry, 0, len(d.base.Entries)+len(d.touched))
	rest, fresh := d.base.Entries, d.touched[:0]
	for _, t := range d.touched {
		at, had := find(rest, t.key)
		next.Entries = append(next.Entries, rest[:at]...)
		rest = rest[at:]
		switch {
		case t.value == nil && !had: // untouched after all
			continue
		case had && t.value != nil && string(rest[0].Value) == string(t.value):
			continue
		case t.value == nil:
			next.Deletions = append(next.Deletions, Deletion{t.key, next.Version})
			next.size -= len(t.key) + len(rest[0].Value)
			rest = rest[1:]
		case had:
			next.size -= len(t.key) + len(rest[0].Value)
			rest = rest[1:]
			fallthrough
		default:
			value := bytes.Clone(t.value) // else it would keep the whole message that it came in
			next.Entries = append(next.Entries, Entry{t.key, value, next.Version})
			next.size += len(t.key) + len(value)
		}
		fresh = append(fresh, t)
	}
	if len(fresh) == 0 {
		return d.base
	}
	next.Entries = append(next.Entries, rest...)
	if len(next.Entries) < len(d.base.Entries)/2 { // what a clear leaves need not keep the room of what was there
		next.Entries = slices.Clone(next.Entries)
	}
	next.bury(d.base.Deletions, fresh)
	return next
}

// bury puts the deletions there were before those of this version, but for those of keys that live again or went anew.
func (s *State) bury(before []Deletion, fresh []touched) {
	late := s.Deletions
	s.Deletions = make([]Deletion, 0, len(before)+len(late))
	for _, old := range before {
		if _, again := slices.BinarySearchFunc(fresh, touched{key: old.Key}, byKey); !again {
			s.Deletions = append(s.Deletions, old)
		}
	}
	s.Deletions = append(s.Deletions, late...)
	if over := len(s.Deletions) - MaxDeletions; over > 0 {
		s.Floor = s.Deletions[over-1].Version
		s.Deletions = slices.Clone(s.Deletions[over:])
	}
}

// Outcome is what the mutation's sender is answered: the resulting value of each key it named,
// and the keys that it deleted (a key that was not there was not deleted).
func (m *Mutation) Outcome(before, after *State) (set []Entry, deleted []string) {
	for key := range m.Keys {
		if at, found := find(after.Entries, key); found {
			set = append(set, after.Entries[at])
		}
	}
	for _, e := range before.Entries {
		if _, found := find(after.Entries, e.Key); !found {
			deleted = append(deleted, e.Key)
		}
	}
	slices.SortFunc(set, func(a, b Entry) int { return cmp.Compare(a.Key, b.Key) })
	return set, deleted
}
