package session

import (
	"encoding/json"
	"slices"
	"time"
)

// maxAbsorbed is how many ids of sessions that were combined into it a session remembers, for the tabs that come from
// them and ask for what they know. They come within seconds.
const maxAbsorbed = 32

// arrival is one login on its way: what it asks for, and what it came to.
type arrival struct {
	Login
	manager *Manager
	asked   Handle     // the visitor's
	fresh   Handle     // of the new token
	into    LoggedInto // set by steps, anew at each call
}

// steps decides what a login does to the visitor's session and to the one that the user shares, which is nil where there
// is none. Both are as committed; what they become is in the steps.
func (a *arrival) steps(mine, theirs *Record) ([]Step, error) {
	a.into = LoggedInto{Combined: []Combined{}}
	if mine != nil {
		a.fresh.Agent = mine.agent(a.asked)
	}
	switch {
	case mine != nil && mine.User == a.User && (mine.Shared || !a.Shared): // it is in already
		return a.own(mine)
	case mine != nil && mine.User != "" && mine.User != a.User:
		return a.leave(mine, theirs), nil
	case theirs != nil:
		return a.combine(mine, theirs)
	}
	return a.own(mine)
}

// own makes the visitor's session the user's. One that is the user's already keeps all it has, and stays shared.
func (a *arrival) own(mine *Record) ([]Step, error) {
	old := mine
	if old == nil {
		old = begin(a.asked, time.Now())
	}
	kept := a.kept(old)
	var drop Mutation
	for _, e := range old.State.Entries {
		if !slices.Contains(kept, e.Key) {
			drop.Delete = append(drop.Delete, e.Key)
		}
	}
	next := *old
	next.Shared = old.Shared || a.Shared
	if err := a.enter(&next, old.without(a.asked.Device), &drop); err != nil {
		return nil, err
	}
	a.into.Kept = kept
	return []Step{{Handle: a.asked, Before: mine, After: &next, Cause: LoggedIn}}, nil
}

// combine brings what is kept of the visitor's session into the one that the user shares, and ends the visitor's.
func (a *arrival) combine(mine, theirs *Record) ([]Step, error) {
	set := Mutation{Set: make(map[string]json.RawMessage)}
	a.into.Kept = a.kept(mine)
	for _, key := range a.into.Kept {
		value, _ := mine.State.Get(key)
		if have, both := theirs.State.Get(key); both {
			var how How
			value, how = a.how(key).combine(have, value)
			a.into.Combined = append(a.into.Combined, Combined{key, how})
		}
		set.Set[key] = value
	}
	next := *theirs
	next.Absorbed = append(slices.Clip(theirs.Absorbed), a.asked.ID)
	next.Absorbed = next.Absorbed[max(0, len(next.Absorbed)-maxAbsorbed):]
	if mine != nil {
		next.Senders = together(theirs.Senders, mine.Senders, a.manager.senders)
	}
	if err := a.enter(&next, slices.Clone(theirs.Devices), &set); err != nil {
		return nil, err
	}
	return []Step{
		{Handle: a.asked, Before: mine, Cause: LoggedIn, Into: next.ID},
		{Handle: a.into.Handle, Before: theirs, After: &next, Cause: LoggedIn, From: a.asked.ID},
	}, nil
}

// leave takes the device out of another user's session, which is not the visitor's to bring along, and into the user's own.
func (a *arrival) leave(mine, theirs *Record) []Step {
	left := *mine
	left.relist(mine.without(a.asked.Device), time.Now())
	rest := &left
	if len(left.Devices) == 0 {
		rest = nil
	}
	before, next := theirs, Record{ID: a.fresh.ID, State: &State{}, Created: time.Now(), Shared: a.Shared}
	if theirs != nil {
		next = *theirs
	}
	_ = a.enter(&next, slices.Clone(next.Devices), &Mutation{}) // nothing is written, so nothing can be refused
	return []Step{
		{Handle: a.asked, Before: mine, After: rest, Cause: LoggedIn, Into: next.ID},
		{Handle: a.into.Handle, Before: before, After: &next, Cause: LoggedIn},
	}
}

// enter finishes a record that the login leads to: the user's, with the new device on its list.
func (a *arrival) enter(next *Record, devices []Device, m *Mutation) error {
	state, err := next.State.Apply(m, a.manager.rules)
	if err != nil {
		return err
	}
	if state != next.State {
		next.State, next.By = state, ByAPI
	}
	now := time.Now()
	h := a.fresh
	h.ID = next.ID
	d := h.device()
	d.Seen = now
	next.User = a.User
	next.relist(append(devices, d), now)
	next.touch(h, now, a.manager.timing)
	a.into.Handle, a.into.Record = h, next
	return nil
}

// kept lists the keys of the visitor's that survive, in order. What a user has already is nobody's to take away, private
// keys too: they were set after the login that made the session the user's.
func (a *arrival) kept(mine *Record) []string {
	kept := []string{}
	for _, e := range mine.state().Entries {
		if mine.User == a.User || a.keeps(e.Key, a.manager.Writable) {
			kept = append(kept, e.Key)
		}
	}
	return kept
}

func (a *arrival) how(key string) How {
	if how, asked := a.Combine[key]; asked {
		return how
	}
	return Theirs
}
