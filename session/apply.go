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
	d := draft{base: s, values: make(map[string]json.RawMessage)}
	if m.Clear {
		d.clear(rules.Writable)
	}
	if err := d.run(m); err != nil {
		return nil, err
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

// draft collects the new value of each key that a mutation touches; nil: the key is gone.
type draft struct {
	base   *State
	values map[string]json.RawMessage
}

func (d *draft) clear(writable func(string) bool) {
	for _, e := range d.base.Entries {
		if writable == nil || writable(e.Key) {
			d.values[e.Key] = nil
		}
	}
}

// value is what an operation works on: clear comes before it, and no other operation names its key.
func (d *draft) value(key string) json.RawMessage {
	if value, touched := d.values[key]; touched {
		return value
	}
	value, _ := d.base.Get(key)
	return value
}

func (d *draft) run(m *Mutation) (err error) {
	for _, key := range m.Delete {
		d.values[key] = nil
	}
	for key, value := range m.Set {
		d.values[key] = value
	}
	for key, patch := range m.Merge {
		if isNull(patch) {
			d.values[key] = nil
		} else {
			d.values[key] = merge(d.value(key), patch)
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
		d.values[key] = concat(array, more)
	}
	for key, by := range m.Incr {
		number := d.value(key)
		if number == nil {
			number = json.RawMessage("0")
		}
		if !isNumber(number) {
			return Refuse(NotANumber, "incr of %q: its value is not a number", key)
		}
		if d.values[key], err = add(number, by); err != nil {
			return err
		}
	}
	return nil
}

// state makes the next state out of the draft, or returns the base where every key would hold the same value.
func (d *draft) state() *State {
	next := &State{Version: d.base.Version + 1, Floor: d.base.Floor, size: d.base.size}
	var fresh []Entry
	for key, value := range d.values {
		old, had := d.base.Get(key)
		value = bytes.Clone(value) // else it would keep the whole message that it came in
		switch {
		case value == nil && had:
			next.Deletions = append(next.Deletions, Deletion{key, next.Version})
			next.size -= len(key) + len(old)
		case value == nil, had && string(old) == string(value):
			delete(d.values, key) // untouched after all
		case had:
			fresh = append(fresh, Entry{key, value, next.Version})
			next.size += len(value) - len(old)
		default:
			fresh = append(fresh, Entry{key, value, next.Version})
			next.size += len(key) + len(value)
		}
	}
	if len(d.values) == 0 {
		return d.base
	}
	slices.SortFunc(fresh, func(a, b Entry) int { return cmp.Compare(a.Key, b.Key) })
	slices.SortFunc(next.Deletions, func(a, b Deletion) int { return cmp.Compare(a.Key, b.Key) })
	next.Entries = d.mergeEntries(fresh)
	next.Deletions = d.mergeDeletions(next.Deletions)
	if over := len(next.Deletions) - MaxDeletions; over > 0 {
		next.Floor = next.Deletions[over-1].Version
		next.Deletions = next.Deletions[over:]
	}
	return next
}

// mergeEntries merges the sorted fresh entries into the base's, leaving out what was touched.
func (d *draft) mergeEntries(fresh []Entry) []Entry {
	entries := make([]Entry, 0, len(d.base.Entries)+len(fresh))
	for _, e := range d.base.Entries {
		if _, touched := d.values[e.Key]; touched {
			continue
		}
		for len(fresh) > 0 && fresh[0].Key < e.Key {
			entries = append(entries, fresh[0])
			fresh = fresh[1:]
		}
		entries = append(entries, e)
	}
	return append(entries, fresh...)
}

// mergeDeletions drops the deletions of keys that live again or were deleted anew, and adds the new ones at the end.
func (d *draft) mergeDeletions(fresh []Deletion) []Deletion {
	deletions := make([]Deletion, 0, len(d.base.Deletions)+len(fresh))
	for _, old := range d.base.Deletions {
		if _, touched := d.values[old.Key]; !touched {
			deletions = append(deletions, old)
		}
	}
	return append(deletions, fresh...)
}

// Outcome is what the mutation's sender is answered: the resulting value of each key it named,
// and the keys that it deleted (a key that was not there was not deleted).
func (m *Mutation) Outcome(before, after *State) (set []Entry, deleted []string) {
	for key := range m.Keys {
		if at, found := after.find(key); found {
			set = append(set, after.Entries[at])
		}
	}
	for _, e := range before.Entries {
		if _, found := after.find(e.Key); !found {
			deleted = append(deleted, e.Key)
		}
	}
	slices.SortFunc(set, func(a, b Entry) int { return cmp.Compare(a.Key, b.Key) })
	return set, deleted
}
