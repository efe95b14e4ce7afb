package session

import (
	"cmp"
	"slices"
	"time"
)

// Saved is what one store hands to another: a session as one commit left it, or a token that leads to none any more,
// without which its cookie could begin a session anew over there.
type Saved struct {
	Record *Record  // nil: it is a token
	Key    TokenKey // of the token
	Token  TokenRecord
}

// Fate says what became of a Saved in the store that it came to.
type Fate int

// The fates.
const (
	Taken     Fate = iota // it is there now
	NewerHere             // what is there is as new, or newer; of a token: it was known
	EndedHere             // the session was ended here, and stays so
	TimedOut              // it has come to its end, wherever it is
)

// ID is the session that is meant.
func (s Saved) ID() ID {
	if s.Record == nil {
		return s.Token.ID
	}
	return s.Record.ID
}

// MarksEnd says whether s is no token that anybody had, but the mark that a session was ended.
func (s Saved) MarksEnd() bool { return s.Record == nil && s.Key == s.Token.ID.endKey() }

// Keys are the tokens that Enter needs to know of.
func (s Saved) Keys() (keys []TokenKey) {
	if s.Record == nil {
		return []TokenKey{s.Key}
	}
	keys = append(keys, s.Record.ID.endKey())
	for _, d := range s.Record.Devices {
		keys = append(keys, d.Key)
	}
	return keys
}

// Enter decides what becomes of s where current is the newest record of its session, nil if there is none, and known has the
// token records there are under its Keys. What is Taken the store commits at once: the step, nil if there is none, and these
// token records. It is pure.
//
// What was ended on either side stays ended: a session that is not there though its end or its tokens are known was ended here, and a
// device that is known and not listed was put out here.
func (s Saved) Enter(current *Record, known map[TokenKey]*TokenRecord, now time.Time) (Fate, *Step, map[TokenKey]TokenRecord) {
	if s.Record == nil {
		return s.bury(current, known[s.Key], now)
	}
	endedHere := func(d Device) bool { return known[d.Key] != nil && (current == nil || current.device(d.ID) < 0) }
	devices := slices.DeleteFunc(slices.Clone(s.Record.Devices), func(d Device) bool { return !now.Before(d.Ends) || endedHere(d) })
	switch {
	case !s.Record.Alive(now):
		return TimedOut, nil, nil
	case len(devices) == 0, current == nil && (known[s.ID().endKey()] != nil || slices.ContainsFunc(s.Record.Devices, endedHere)):
		return EndedHere, nil, nil
	case current != nil && !s.Record.supersedes(current):
		return NewerHere, nil, nil
	}
	next := *s.Record
	next.Devices = devices
	next.bound()
	if current != nil {
		next.State = next.State.after(current.State)
		next.Epoch = max(next.Epoch, current.Epoch) + 1 // rooms keep it from the tabs of devices that went
	}
	h, _ := next.Handle(devices[0].ID) // which is listed
	return Taken, &Step{Handle: h, Before: current, After: &next, Cause: Imported}, nil
}

// bury takes a token that is dead elsewhere off the list here, and has what is known of it kept.
func (s Saved) bury(current *Record, known *TokenRecord, now time.Time) (Fate, *Step, map[TokenKey]TokenRecord) {
	token := map[TokenKey]TokenRecord{s.Key: s.Token}
	at := -1
	if current != nil {
		at = slices.IndexFunc(current.Devices, func(d Device) bool { return d.Key == s.Key })
	}
	switch {
	case !now.Before(s.Token.Ends):
		return TimedOut, nil, nil
	case at < 0 && known != nil:
		return NewerHere, nil, nil
	case at < 0:
		return Taken, nil, token
	}
	h, _ := current.Handle(current.Devices[at].ID) // which is listed
	step := &Step{Handle: h, Before: current, Cause: LoggedOut}
	rest := *current
	if rest.relist(current.without(h.Device), now); len(rest.Devices) > 0 {
		step.After = &rest
	}
	return Taken, step, token
}

// supersedes says whether the record is of a later commit than another one of its session. A device that comes is activity;
// epochs come last, since an import counts its own.
func (r *Record) supersedes(other *Record) bool {
	return cmp.Or(cmp.Compare(r.State.Version, other.State.Version), r.Touched.Compare(other.Touched), cmp.Compare(r.Epoch, other.Epoch)) > 0
}

// after is the state as the successor of one that it may have no history with, where both sides were written to: whoever
// was told that one needs the whole session. Equal versions are taken for the same, else nobody would be told.
func (s *State) after(before *State) *State {
	if s.Version == before.Version {
		return before
	}
	next := *s
	next.Floor, next.Deletions = s.Version, nil
	return &next
}

// NewState makes a state of parts that were read somewhere. It refuses what no commit can have left.
func NewState(version, floor uint64, entries []Entry, deletions []Deletion) (*State, error) {
	s := &State{Version: version, Floor: floor, Entries: entries, Deletions: deletions}
	slices.SortFunc(s.Entries, func(a, b Entry) int { return cmp.Compare(a.Key, b.Key) })
	for i, e := range s.Entries {
		compact, err := Compact(e.Value)
		switch {
		case err != nil:
			return nil, err
		case i > 0 && s.Entries[i-1].Key == e.Key:
			return nil, Refuse(InvalidJSON, "key %q is there twice", e.Key)
		case e.Version == 0 || e.Version > version:
			return nil, Refuse(BadRequest, "key %q is of version %d, the session of %d", e.Key, e.Version, version)
		}
		if err := CheckKey(e.Key); err != nil {
			return nil, err
		}
		s.Entries[i].Value = compact
		s.size += len(e.Key) + len(compact)
	}
	last := floor
	for _, d := range s.Deletions {
		if _, live := find(s.Entries, d.Key); live || d.Version < last || d.Version > version {
			return nil, Refuse(BadRequest, "key %q cannot have been deleted at version %d", d.Key, d.Version)
		}
		last = d.Version
	}
	if last > version && version > 0 || len(deletions) > MaxDeletions {
		return nil, Refuse(BadRequest, "a session of version %d cannot have floor %d and %d deletions", version, floor, len(deletions))
	}
	return s, nil
}
