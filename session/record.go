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
	Created time.Time
	Touched time.Time // the last activity that was committed, up to a grain older than the last there was
	// Deadline is when the session is over: Touched and the idle time-out and a grain, or the last device's end.
	// So it never comes early, and at most a grain late.
	Deadline time.Time
	Devices  []Device
	Senders  []Sender // the once-memory, most recent last
}

// Device is one live token of a session.
type Device struct {
	ID     DeviceID
	Key    TokenKey
	Issued time.Time
	Ends   time.Time
}

// Alive says whether the session has not timed out.
func (r *Record) Alive(now time.Time) bool { return now.Before(r.Deadline) }

// Lists says whether the device is one of the session's and has not reached its end.
func (r *Record) Lists(id DeviceID, now time.Time) bool {
	return slices.ContainsFunc(r.Devices, func(d Device) bool { return d.ID == id && now.Before(d.Ends) })
}

// Admit is the fence that every store puts before every update and the Manager before every read: it refuses a
// handle whose session was ended, has timed out, or no longer lists its device. A nil record is admitted where the
// session can still begin, which is when its token was never written with (tokenKnown is false).
func (h Handle) Admit(r *Record, tokenKnown bool, now time.Time) error {
	switch {
	case r == nil && (tokenKnown || h.anonymous() || !now.Before(h.Ends)):
		return Refuse(NoSuchSession, "this session was ended or never began")
	case r == nil:
		return nil
	case !r.Alive(now):
		return Refuse(NoSuchSession, "this session has timed out")
	case !h.anonymous() && !r.Lists(h.Device, now):
		return Refuse(NoSuchSession, "this device's part in the session was ended")
	}
	return nil
}

// Timing is what a record needs to know about time-outs.
type Timing struct {
	Idle  time.Duration
	Grain time.Duration // how exactly idleness is kept
}

// begin makes the record of a session at its first write.
func begin(h Handle, now time.Time) *Record {
	return &Record{
		ID: h.ID, Epoch: 1, State: &State{}, Created: now,
		Devices: []Device{{ID: h.Device, Key: h.Key, Issued: h.Issued, Ends: h.Ends}},
	}
}

// touch notes activity on a record that is being made.
func (r *Record) touch(now time.Time, t Timing) {
	r.Touched = now
	r.Deadline = now.Add(t.Idle + t.Grain)
	last := slices.MaxFunc(r.Devices, func(a, b Device) int { return a.Ends.Compare(b.Ends) })
	if last.Ends.Before(r.Deadline) {
		r.Deadline = last.Ends
	}
}

// stale says whether activity now is worth a commit of its own.
func (r *Record) stale(now time.Time, t Timing) bool { return now.Sub(r.Touched) > t.Grain }

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
}

// Mutate returns the record after a write that was admitted; old is nil before the first one. It is pure. old itself
// comes back where nothing is to be stored. duplicate says that the mutation was applied before.
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
	state, err := r.State.Apply(w.Mutation, w.Rules)
	if err != nil {
		return old, false, err
	}
	if state == r.State && !remember && (state.Version == 0 || !r.stale(w.Now, w.Timing)) {
		return old, false, nil
	}
	changed := *r
	if state != r.State {
		changed.State, changed.By = state, w.By
	}
	changed.touch(w.Now, w.Timing)
	if remember {
		changed.Senders = r.remember(w.Sender, w.Mutation.ID, w.Senders)
	}
	return &changed, false, nil
}
