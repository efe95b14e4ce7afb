package hub

import (
	"slices"
	"sync"
	"time"

	"github.com/seshd/seshd/session"
)

// room is one session with open tabs.
type room struct {
	hub *Hub
	id  session.ID

	// Guarded by hub.mu.
	users    int    // tabs, those about to join, and who has the store watch
	watching *watch // nil: not watched, or nobody has asked yet

	mu        sync.Mutex      // guards what follows
	record    *session.Record // the newest committed one known; nil: nothing written yet
	committed time.Duration   // when this server heard of that version, since the hub began
	shared    []byte          // the frame that takes a tab from the version before to the newest; nil: not made yet
	tabs      map[*Tab]struct{}
	elsewhere int            // tabs that other servers have
	recount   bool           // the tabs are about to be told of another count
	over      *session.Event // the session ended
	term      uint64         // how often the store may have gone back in time
	settled   uint64         // the term that record is of
	passing   *passing       // the newest; nil: nothing is traced

	queued bool // guarded by hub.behind.mu
}

// admit makes a connection a tab of a room that has learned of the record that was loaded for it.
func (r *room) admit(j Join) (*Tab, error) {
	t := &Tab{room: r, join: j, opened: time.Now()}
	limit := r.hub.manager.MaxTabs()
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.hub.wentBack.Load() {
		t.join.Since = nil
	}
	if r.over != nil {
		return nil, byeOf(*r.over, j.Handle.Device)
	}
	if r.record != nil && !r.record.Lists(j.Handle.Device, time.Now()) {
		return nil, session.Refuse(session.NoSuchSession, "this device's part in the session was ended")
	}
	if limit > 0 && len(r.tabs) >= limit && r.hub.shared == nil { // else the store has seen to it
		return nil, tooManyTabs(limit)
	}
	if err := r.stay(); err != nil {
		return nil, err
	}
	r.tabs[t] = struct{}{}
	t.join.Wake()
	r.countChanged()
	return t, nil
}

// stay counts a tab in, unless a drain has begun since it entered: the drain sends away whom it finds in the rooms, and
// waits for mu to look into this one, so nobody becomes a tab behind its back.
func (r *room) stay() error {
	r.hub.mu.Lock()
	defer r.hub.mu.Unlock()
	if r.hub.draining {
		return Restarting
	}
	r.users++
	return nil
}

// adopt takes a commit from the feed. The tabs that it puts out get their bye whatever the room knew before: no device comes
// back. What is kept from them is up to the newest record, see fence.
func (r *room) adopt(e session.Event) {
	r.mu.Lock()
	defer r.mu.Unlock()
	news := false
	if len(e.Gone) > 0 {
		for t := range r.tabs {
			if device := t.join.Handle.Device; slices.Contains(e.Gone, device) {
				news = true
				t.say(byeOf(e, device))
			}
		}
	}
	switch {
	case r.settled != r.term:
		r.renew(e.Record)
		news = true
	case newer(e.Record, r.record):
		news = r.replace(e.Record) || news
	}
	if e.Span != nil {
		r.follow(e.Span, e.Record.State.Version)
	}
	if news {
		r.wakeAll()
	}
}

// newer says whether a replaces b in a room. Equal versions differ in times only, and the later commit is right.
func newer(a, b *session.Record) bool {
	return b == nil || a.State.Version > b.State.Version ||
		a.State.Version == b.State.Version && (a.Epoch > b.Epoch || a.Epoch == b.Epoch && !a.Touched.Before(b.Touched))
}

// replace sets the record and says whether it is news to tabs.
func (r *room) replace(record *session.Record) bool {
	if r.record == nil || r.record.Epoch != record.Epoch {
		r.fence(record)
	}
	before := r.version()
	r.record = record
	if record.State.Version == before {
		return false
	}
	r.shared, r.committed = nil, time.Since(r.hub.began)
	return true
}

// fence keeps what a record holds from the tabs of devices that it does not list. The feed says why they are out: what is
// loaded may be ahead of it. Where it may have been lost on the way, the store is asked.
func (r *room) fence(record *session.Record) {
	now, unexplained := time.Now(), false
	for t := range r.tabs {
		t.out = t.out || !record.Lists(t.join.Handle.Device, now)
		unexplained = unexplained || t.out && t.bye == nil
	}
	if unexplained {
		r.hub.look(r)
	}
}

func (r *room) version() uint64 { return r.state().Version }

func (r *room) state() *session.State {
	if r.record == nil {
		return &session.State{}
	}
	return r.record.State
}

// wakeAll wakes the writer of every tab; the caller holds mu.
func (r *room) wakeAll() {
	for t := range r.tabs {
		t.join.Wake()
	}
}

// end closes every tab, now and later.
func (r *room) end(e session.Event) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.over = &e
	for t := range r.tabs {
		t.say(byeOf(e, t.join.Handle.Device))
	}
	r.wakeAll()
}

// tend closes the tabs whose session or device has come to its end, and returns a handle of each device that stays. Of a
// shared store the room may not have heard that somebody was active elsewhere.
func (r *room) tend(now time.Time) (open []session.Handle, record *session.Record) {
	r.mu.Lock()
	defer r.mu.Unlock()
	over := r.record != nil && !r.record.Alive(now)
	if over && r.hub.shared != nil {
		over = false
		r.hub.look(r)
	}
	for t := range r.tabs {
		same := func(h session.Handle) bool { return h.Device == t.join.Handle.Device }
		switch {
		case over || !now.Before(t.join.Handle.Ends):
			t.say(expired)
			t.join.Wake()
		case t.bye == nil && !t.out && !slices.ContainsFunc(open, same):
			open = append(open, t.join.Handle)
		}
	}
	return open, r.record
}

func (r *room) appendTabs(tabs []*Tab) []*Tab {
	r.mu.Lock()
	defer r.mu.Unlock()
	for t := range r.tabs {
		tabs = append(tabs, t)
	}
	return tabs
}
