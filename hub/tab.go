package hub

import (
	"time"

	"github.com/seshd/seshd/session"
)

// Tab is one live connection to a session. Its methods may be called concurrently, but Next and Session by its
// writer alone, since the order of their frames is the order in which the tab must read them.
type Tab struct {
	room   *room
	join   Join
	opened time.Time

	// Guarded by room.mu.
	greeted  bool   // the first frame was given, since the store may last have gone back
	told     uint64 // the version that the frames given so far lead to
	toldTabs int
	bye      *Bye
	out      bool // its device was put out: what was committed since is not for it, whatever becomes of the tab
	left     bool
}

// Next appends to frames what the tab has not been told: at most one frame of content and one of the tab count. After a bye
// there is nothing more to tell.
func (t *Tab) Next(frames []Frame) ([]Frame, *Bye) {
	r := t.room
	r.mu.Lock()
	defer r.mu.Unlock()
	if content, ok := t.content(); ok {
		frames = append(frames, content)
	}
	if t.miscounts() {
		t.toldTabs = r.count()
		frames = append(frames, tabsFrame(t.toldTabs, r.id, t.told))
	}
	return frames, t.bye
}

// content is the change or the whole session that the tab needs; the caller holds room.mu.
func (t *Tab) content() (Frame, bool) {
	first := !t.greeted
	switch {
	case t.out || t.bye != nil && first:
		return Frame{}, false
	case first && t.join.Since == nil:
		return t.session(), true
	case first:
		t.told = *t.join.Since
		return t.change(), true
	case t.told == t.room.version():
		return Frame{}, false
	}
	before := t.told
	f := t.change()
	f.Committed, f.Folded = t.room.hub.began.Add(t.room.committed), f.Version-before-1
	f.Spans = t.given(before)
	return f, true
}

// change tells what changed since the version the tab has, or the whole session where that cannot be told.
// All tabs that are one version behind share one frame.
func (t *Tab) change() Frame {
	r := t.room
	oneBehind := t.told+1 == r.version()
	if !oneBehind || r.shared == nil {
		delta, ok := r.state().Since(t.told)
		if !ok {
			return t.session()
		}
		if !oneBehind {
			t.greeted, t.told = true, delta.Version
			return Frame{Type: Change, ID: r.id, Version: t.told, JSON: changeFrame(delta, "", r.hub.manager.Visible)}
		}
		r.shared = changeFrame(delta, r.record.By, r.hub.manager.Visible)
	}
	t.greeted, t.told = true, r.version()
	return Frame{Type: Change, ID: r.id, Version: t.told, JSON: r.shared}
}

func (t *Tab) session() Frame {
	r, m := t.room, t.room.hub.manager
	expires := m.Expires(t.join.Handle, r.record)
	if t.greeted && r.hub.options.CloseIdleTabs && r.record != nil && r.record.Deadline.Before(expires) {
		expires = r.record.Deadline // asking again is no activity
	}
	var continues session.ID
	if !t.greeted && r.record.Continues(t.join.Former) {
		continues = t.join.Former
	}
	t.greeted, t.told, t.toldTabs = true, r.version(), r.count()
	return Frame{
		Type: Session, ID: r.id, Version: t.told,
		JSON: sessionFrame(r.id, r.state(), t.toldTabs, expires, continues, m.Visible),
	}
}

// Session returns the whole session, for a tab that asked; false where its device is out.
func (t *Tab) Session() (Frame, bool) {
	t.room.mu.Lock()
	defer t.room.mu.Unlock()
	if t.out {
		return Frame{}, false
	}
	before := t.told
	f := t.session()
	f.Spans = t.given(before)
	return f, true
}

// dismiss closes one tab.
func (t *Tab) dismiss(bye *Bye) {
	t.room.mu.Lock()
	defer t.room.mu.Unlock()
	t.say(bye)
	t.join.Wake()
}

// say notes why the tab is closed; the first reason stands. The caller holds room.mu.
func (t *Tab) say(bye *Bye) {
	if t.bye == nil {
		t.bye = bye
	}
}

// Leave takes the tab out of its room. It may be called more than once.
func (t *Tab) Leave() {
	r := t.room
	r.mu.Lock()
	if t.left {
		r.mu.Unlock()
		return
	}
	t.left = true
	delete(r.tabs, t)
	t.gone()
	r.countChanged()
	record := r.record
	r.mu.Unlock()
	r.hub.uncount(r)
	r.hub.exit(r)
	if !r.hub.options.CloseIdleTabs { // it was active until now
		r.hub.manager.Touch(t.join.Handle, record)
	}
}
