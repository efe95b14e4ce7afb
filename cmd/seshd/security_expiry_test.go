package main

import (
	"testing"
	"time"
)

// TestSecurity09RotationDoesNotProlongALife: the absolute limit counts from the cookie's first issue, however often its token
// is replaced. Only a login begins a new one.
func TestSecurity09RotationDoesNotProlongALife(t *testing.T) {
	const life = 3 * time.Second
	p, api := startWithAPI(t, t.TempDir(), "--lifetime=3s", "--idle-timeout=1h")
	b := newBrowser(t, p.addr)
	b.puts(t, `{"set":{"fruit":"cherries"}}`)
	began, id := time.Now(), api.resolve(b).ID
	story := api.story(t, "")
	for range 3 {
		api.rotate(b)
	}
	wantBye(t, openTab(t, b), "expired", 4003)
	if lived := time.Since(began); lived > life+life/2 {
		t.Errorf("rotated, a token lived for %v, its lifetime is %v", lived, life)
	}
	for range 3 {
		story.next()
	}
	if e := story.next(); e.Type != "expired" || e.ID != id {
		t.Errorf("the story goes on with %+v, want the end of %s", e, id)
	}
	if s, err := b.session(); err != nil || string(s.ID) == `"`+id+`"` || s.Version != 0 {
		t.Errorf("after the end the cookie leads to %s, %v", s.text, err)
	}
}

// TestSecurity09PingsAreNoActivity: neither the server's own, nor those that a tab sends without end.
func TestSecurity09PingsAreNoActivity(t *testing.T) {
	p, _ := startWithAPI(t, t.TempDir(), "--idle-timeout=1s", "--open-tab-keeps-alive=false")
	b := newBrowser(t, p.addr)
	b.puts(t, `{"set":{"fruit":"cherries"}}`)
	tb := openTab(t, b)
	var err error
	for err == nil {
		_, err = tb.pinged()
	}
	if !websocketClosed(err, 4003) {
		t.Errorf("closed by %v, want 4003", err)
	}
}

// TestSecurity09AnOpenTabIsActivityByDefault has a second session tell the time, which has no tab.
func TestSecurity09AnOpenTabIsActivityByDefault(t *testing.T) {
	p, api := startWithAPI(t, t.TempDir(), "--idle-timeout=1s")
	open, clock := newBrowser(t, p.addr), newBrowser(t, p.addr)
	open.puts(t, `{"set":{"fruit":"cherries"}}`)
	tb := openTab(t, open)
	clock.puts(t, `{"set":{"fruit":"plums"}}`)
	story, gone := api.story(t, ""), api.resolve(clock).ID
	for e := story.next(); e.ID != gone; e = story.next() {
		t.Errorf("the story tells %+v", e)
	}
	wantOK(t, tb, `{"set":{"fruit":"plums"},"id":1}`)
}

// pinged asks for a pong and reads up to it, or up to the close, which says more than a failed send.
func (tb *tab) pinged() (f frame, err error) {
	_ = tb.send(`{"ping":true}`)
	for f.Type != "pong" && err == nil {
		f, err = tb.next()
	}
	return f, err
}
