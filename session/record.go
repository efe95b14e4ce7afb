package session

import (
	"slices"
	"time"
)

// Record is what a store keeps of a session: one value under one key, replaced as a whole by each commit.
// A committed Record is never changed.
type Record struct {
	ID      ID
	Epoch   uint64 // counts changes of Devices
	State   *State
	By      Source // who made the newest version
	User    string // who logged in; empty: a guest
	Shared  bool   // all devices of the user that log in so come to this session
	Created time.Time
	Touched time.Time // the last activity that was committed, up to a grain older than the last there was
	// Deadline is when the session is over: Touched and the idle time-out and a grain, or the last device's end.
	// So it never comes early, and at most a grain late.
	Deadline time.Time
	Devices  []Device
	Senders  []Sender // the once-memory, most recent last
	Absorbed []ID     // the sessions that logins combined into this one, newest last
}

// Alive says whether the session has not timed out.
func (r *Record) Alive(now time.Time) bool { return now.Before(r.Deadline) }

// Continues says whether a login combined the session of an id into this one.
func (r *Record) Continues(id ID) bool {
	return r != nil && id != ID{} && slices.Contains(r.Absorbed, id)
}

// Admit is the fence that every store puts before every update and the Manager before every read: it refuses a
// handle whose session was ended, has timed out, or no longer lists its device. A nil record is admitted where the
// session can still begin, which is when its token was never written with (token is nil). Only where
// Listed is false does the token matter.
func (h Handle) Admit(r *Record, token *TokenRecord, now time.Time) error {
	switch {
	case h.Listed(r, now):
		return nil
	case token.stale(now):
		return Refuse(StaleCookie, "this cookie was replaced a moment ago: ask again with the new one")
	case r == nil && (token != nil || h.anonymous() || h.Key == TokenKey{} || !now.Before(h.Ends)):
		return Refuse(NoSuchSession, "this session was ended or never began")
	case r == nil:
		return nil
	case !r.Alive(now):
		return Refuse(NoSuchSession, "this session has timed out")
	}
	return Refuse(NoSuchSession, "this device's part in the session was ended")
}

// Listed says whether a record alone admits a handle.
func (h Handle) Listed(r *Record, now time.Time) bool {
	return r != nil && r.Alive(now) && (h.anonymous() || r.Lists(h.Device, now))
}

// Timing is what a record needs to know about time-outs.
type Timing struct {
	Idle  time.Duration
	Grain time.Duration // how exactly idleness is kept
}

// begin makes the record of a session at its first write.
func begin(h Handle, now time.Time) *Record {
	return &Record{ID: h.ID, Epoch: 1, State: &State{}, Created: now, Devices: []Device{h.device()}}
}

// touch notes activity of a device, or of none, on a record that is being made.
func (r *Record) touch(h Handle, now time.Time, t Timing) {
	r.Touched = now
	r.Deadline = now.Add(t.Idle + t.Grain)
	r.bound()
	if at := r.device(h.Device); at >= 0 && r.Devices[at].stale(h, now, t) {
		r.Devices = slices.Clone(r.Devices)
		r.Devices[at].Seen = now
		if h.Agent != "" {
			r.Devices[at].Agent = h.Agent
		}
	}
}

// stale says whether activity now is worth a commit of its own. What was touched after now was so before the clock was set back, and
// would live too long.
func (r *Record) stale(h Handle, now time.Time, t Timing) bool {
	if now.Sub(r.Touched).Abs() > t.Grain {
		return true
	}
	at := r.device(h.Device)
	return at >= 0 && r.Devices[at].stale(h, now, t)
}

// Write is one mutation on its way to a record.
type Write struct {
	Handle   Handle
	By       Source
	Sender   SenderID // zero: none, and nothing is remembered
	Mutation *Mutation
	Rules    Rules
	Timing   Timing
	Now      time.Time
	Senders  int // how many senders the once-memory keeps

	fare *fare // what it pays at the limits; nil: nothing
}

// Mutate returns the record after a write that was admitted; old is nil before the first one. It is pure, but for the
// write's fare, which is paid once. old itself comes back where nothing is to be stored. duplicate says that the mutation was
// applied before.
func (old *Record) Mutate(w Write) (next *Record, duplicate bool, err error) {
	r := old
	if r == nil {
		r = begin(w.Handle, w.Now)
	}
	remember := w.Sender != SenderID{} && w.Mutation.ID != 0
	if remember {
		if duplicate, err = r.applied(w.Sender, w.Mutation.ID); duplicate || err != nil {
			return old, duplicate, err
		}
	}
	if err := w.fare.mutate(w.Now); err != nil {
		return old, false, err
	}
	state, err := r.State.Apply(w.Mutation, w.Rules)
	if err != nil {
		return old, false, err
	}
	if state == r.State && !remember && (old == nil || !r.stale(w.Handle, w.Now, w.Timing)) {
		return old, false, nil
	}
	if old == nil {
		if err := w.fare.begin(w.Now); err != nil {
			return nil, false, err
		}
	}
	changed := *r
	if state != r.State {
		changed.State, changed.By = state, w.By
	}
	changed.touch(w.Handle, w.Now, w.Timing)
	if remember {
		changed.Senders = r.remember(w.Sender, w.Mutation.ID, w.Senders)
	}
	return &changed, false, nil
}
