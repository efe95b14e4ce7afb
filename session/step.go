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

	// Imported is a session that comes from another store, or a newer copy of it. The story tells it as what it was over there.
	Imported Cause = "imported"
)

// replaces says whether the devices that went had others put in their place.
func (c Cause) replaces() bool { return c == LoggedIn || c == Rotated }

// Step is what one commit does to one session: from a record to its successor, nil where there is none. Every store
// takes from it what else the same commit holds.
type Step struct {
	Handle        Handle // who took it; of a login's own session the new device
	Before, After *Record
	Cause         Cause
	Span          *Span
	From, Into    ID // of a login that led from one session to another: the one it combined, the one it led to
}

// Event is one commit, as the feed tells it.
type Event struct {
	ID     ID
	Record *Record // as committed; nil where the session ended
	Cause  Cause
	Began  bool       // it is the session's first; of another server's commit nobody knows
	Gone   []DeviceID // the devices that it took off the list
	// Replaced is the one of them that got another token; zero: none. The others have no part in the session any more.
	Replaced DeviceID
	Into     ID    // the session that a login took it to, if it is another one
	Span     *Span // of the mutation that this server made; nil: it is not traced
}

// Event returns what the feed is told of the step.
func (s Step) Event() Event {
	e := Event{ID: s.Handle.ID, Record: s.After, Cause: s.Cause, Began: s.Before == nil, Into: s.Into, Span: s.Span}
	for _, d := range s.gone() {
		e.Gone = append(e.Gone, d.ID)
		if s.replaced(d) {
			e.Replaced = d.ID
		}
	}
	return e
}

// gone lists the devices that are no longer listed. Where nothing had been written the one that asked counts as listed:
// its tabs may be open, and its token is as good as any.
func (s Step) gone() (gone []Device) {
	before := []Device{s.Handle.device()}
	if s.Before != nil {
		before = s.Before.Devices
	}
	for _, d := range before {
		if s.After == nil || s.After.device(d.ID) < 0 {
			gone = append(gone, d)
		}
	}
	return gone
}

// replaced says of a device that is gone whether another token took its place. Whatever else a login puts off the list
// had come to its end, or was one too many.
func (s Step) replaced(d Device) bool { return s.Cause.replaces() && d.ID == s.Handle.Device }

// Tokens returns the token records that the step writes: of devices that are new, of those that were replaced, and of the
// one that asked where nothing had been written, which is what keeps an ended session from coming back; and one of its end, for
// imports: elsewhere it may have got tokens since that nobody knows here.
func (s Step) Tokens(now time.Time) map[TokenKey]TokenRecord {
	if s.Cause == "" && s.Before != nil {
		return nil
	}
	tokens := make(map[TokenKey]TokenRecord)
	var last time.Time
	for _, d := range s.gone() {
		if d.Ends.After(last) {
			last = d.Ends
		}
		switch {
		case s.replaced(d):
			tokens[d.Key] = TokenRecord{ID: s.Handle.ID, Ends: d.Ends, Replaced: now}
		case s.Before == nil:
			tokens[d.Key] = TokenRecord{ID: s.Handle.ID, Ends: d.Ends}
		}
	}
	if s.After == nil {
		tokens[s.Handle.ID.endKey()] = TokenRecord{ID: s.Handle.ID, Ends: last}
	}
	for _, d := range s.arrivals() {
		tokens[d.Key] = TokenRecord{ID: s.After.ID, Ends: d.Ends}
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
	Device DeviceID // the new one of a login or a rotation, the one that was logged out; zero: it was the whole session
	User   string
	From   ID // the session that a login combined into this one
}

// Lives tells the step's part of the story.
func (s Step) Lives(now time.Time) (lives []Life) {
	if s.Cause == "" && s.Before != nil {
		return nil
	}
	life := Life{At: now, ID: s.Handle.ID}
	tell := func(cause Cause, device DeviceID) {
		life.Cause, life.Device = cause, device
		lives = append(lives, life)
	}
	if s.Before == nil && s.After != nil {
		tell(Created, s.arrived().ID)
	}
	life.User, life.From = s.user(), s.From
	left := s.Into != ID{} // by a login, whose own line tells where it led
	switch {
	case s.Cause == "", left && life.User == "":
		return lives
	case s.After == nil && left:
		tell(LoggedOut, DeviceID{})
	case s.After == nil:
		tell(s.Cause, DeviceID{})
	case s.Cause.replaces() && !left:
		tell(s.Cause, s.arrived().ID)
	case s.Cause == Imported && life.User != "" && (s.Before == nil || s.Before.User != life.User):
		tell(LoggedIn, s.arrived().ID)
	}
	if s.After == nil || s.Before == nil {
		return lives
	}
	for _, d := range s.gone() {
		if now.Before(d.Ends) && (left || !s.replaced(d)) {
			tell(LoggedOut, d.ID)
		}
	}
	return lives
}

// user is whose session it is, or was.
func (s Step) user() (user string) {
	for _, r := range []*Record{s.Before, s.After} {
		if r != nil && r.User != "" {
			user = r.User
		}
	}
	return user
}

// arrived is the device that was not listed before; the first of them, where several are imported.
func (s Step) arrived() (first Device) {
	if all := s.arrivals(); len(all) > 0 {
		first = all[0]
	}
	return first
}

func (s Step) arrivals() (arrived []Device) {
	if s.After == nil {
		return nil
	}
	for _, d := range s.After.Devices {
		if s.Before == nil || s.Before.device(d.ID) < 0 {
			arrived = append(arrived, d)
		}
	}
	return arrived
}
