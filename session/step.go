package session

import "time"

// Cause says what a commit did to the life of a session. The empty Cause is a write.
type Cause string

// The causes.
const (
	Created   Cause = "created"
	LoggedIn  Cause = "login"
	Rotated   Cause = "rotated"
	LoggedOut Cause = "logged_out"
	Destroyed Cause = "destroyed"
	Expired   Cause = "expired"
)

// replaces says whether the devices that went had others put in their place.
func (c Cause) replaces() bool { return c == LoggedIn || c == Rotated }

// Step is what one commit does to one session: from a record to its successor, nil where there is none. Every store
// takes from it what else the same commit holds.
type Step struct {
	Handle        Handle // who took it; of a login's own session the new device
	Before, After *Record
	Cause         Cause
	From, Into    ID // of a login that led from one session to another: the one it combined, the one it led to
}

// Event is one commit, as the feed tells it.
type Event struct {
	ID     ID
	Record *Record // as committed; nil where the session ended
	Cause  Cause
	Gone   []DeviceID // the devices that it took off the list
	Into   ID         // where a login took them
}

// Event returns what the feed is told of the step.
func (s Step) Event() Event {
	e := Event{ID: s.Handle.ID, Record: s.After, Cause: s.Cause, Into: s.Into}
	for _, d := range s.gone() {
		e.Gone = append(e.Gone, d.ID)
	}
	return e
}

// gone lists the devices that are no longer listed.
func (s Step) gone() (gone []Device) {
	if s.Before == nil {
		return nil
	}
	for _, d := range s.Before.Devices {
		if s.After == nil || s.After.device(d.ID) < 0 {
			gone = append(gone, d)
		}
	}
	return gone
}

// Tokens returns the token records that the step writes: of devices that are new, of those that were replaced, and of the
// one that asked where nothing had been written, which is what keeps an ended session from coming back.
func (s Step) Tokens(now time.Time) map[TokenKey]TokenRecord {
	if s.Cause == "" && s.Before != nil {
		return nil
	}
	tokens := make(map[TokenKey]TokenRecord)
	gone := s.gone()
	if s.Before == nil && s.Handle.Key != (TokenKey{}) {
		gone = append(gone, s.Handle.device())
	}
	for _, d := range gone {
		t := TokenRecord{ID: s.Handle.ID, Ends: d.Ends}
		if s.Cause.replaces() {
			t.Replaced = now
		}
		if s.Before == nil || !t.Replaced.IsZero() {
			tokens[d.Key] = t
		}
	}
	if s.After != nil {
		if d := s.arrived(); d.ID != (DeviceID{}) {
			tokens[d.Key] = TokenRecord{ID: s.After.ID, Ends: d.Ends}
		}
	}
	return tokens
}

// User says whose list of sessions the step changes, and how.
func (s Step) User() (user string, listed, unlisted bool) {
	before, after := "", ""
	if s.Before != nil {
		before = s.Before.User
	}
	if s.After != nil {
		after = s.After.User
	}
	switch {
	case before == after:
		return after, false, false
	case after == "":
		return before, false, true
	}
	return after, true, false
}

// Life is one line in the story of all sessions, for backends that keep copies.
type Life struct {
	Seq    uint64 // rises by one from line to line; a store's own
	At     time.Time
	Cause  Cause
	ID     ID
	Device DeviceID // the new one of a login or a rotation, the one that left, or zero
	User   string
	From   ID // the session that a login combined into this one
}

// Lives tells the step's part of the story.
func (s Step) Lives(now time.Time) []Life {
	life := Life{At: now, Cause: s.Cause, ID: s.Handle.ID, Device: s.Handle.Device, From: s.From}
	for _, r := range []*Record{s.Before, s.After} {
		if r != nil && r.User != "" {
			life.User = r.User
		}
	}
	left := s.Into != ID{} // by a login, whose own line tells where it led
	switch {
	case s.Cause == "" && (s.Before != nil || s.After == nil), left && life.User == "":
		return nil
	case s.Cause == "":
		life.Cause = Created
	case left:
		life.Cause = LoggedOut
	case s.Cause == LoggedOut && s.After != nil:
		return s.leavers(life)
	case s.Cause.replaces() && s.After != nil:
		life.Device = s.arrived().ID
	}
	if s.Cause != "" && s.Before == nil && s.After != nil {
		created := Life{At: now, Cause: Created, ID: life.ID, Device: life.Device}
		return []Life{created, life}
	}
	return []Life{life}
}

// leavers makes a line for each device that was logged out of a session that goes on.
func (s Step) leavers(life Life) (lives []Life) {
	for _, d := range s.gone() {
		life.Device = d.ID
		lives = append(lives, life)
	}
	return lives
}

// arrived is the device that was not listed before.
func (s Step) arrived() Device {
	for _, d := range s.After.Devices {
		if s.Before == nil || s.Before.device(d.ID) < 0 {
			return d
		}
	}
	return Device{}
}
