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

// TestSecurity09PingsAreNoActivity has three sessions with nothing but pings, which the server itself sends, and pongs: one
// without a tab tells the time. Whether an open tab counts is the operator's choice.
func TestSecurity09PingsAreNoActivity(t *testing.T) {
	for flag, stays := range map[string]bool{"--open-tab-keeps-alive=true": true, "--open-tab-keeps-alive=false": false} {
		t.Run(flag, func(t *testing.T) {
			p, api := startWithAPI(t, t.TempDir(), "--idle-timeout=1s", flag)
			open, clock := newBrowser(t, p.addr), newBrowser(t, p.addr)
			open.puts(t, `{"set":{"fruit":"cherries"}}`)
			tb := openTab(t, open)
			clock.puts(t, `{"set":{"fruit":"plums"}}`)
			story, gone := api.story(t, ""), api.resolve(clock).ID
			over := make(chan struct{})
			go func() {
				defer close(over)
				for e := story.next(); e.Type != "expired" || e.ID != gone; e = story.next() {
				}
			}()
			for waiting := true; waiting; {
				if _, err := tb.pinged(); err != nil {
					if stays || !websocketClosed(err, 4003) {
						t.Fatalf("an open tab was closed: %v", err)
					}
					return
				}
				select {
				case <-over:
					waiting = false
				default:
				}
			}
			if stays {
				wantOK(t, tb, `{"set":{"fruit":"plums"},"id":1}`)
				return
			}
			wantBye(t, tb, "expired", 4003)
		})
	}
}

// pinged asks for a pong and reads up to it.
func (tb *tab) pinged() (f frame, err error) {
	if err := tb.send(`{"ping":true}`); err != nil {
		return f, err
	}
	for f.Type != "pong" && err == nil {
		f, err = tb.next()
	}
	return f, err
}
