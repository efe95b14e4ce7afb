package web_test

import (
	"testing"
	"time"

	"github.com/seshd/seshd/session"
	"github.com/seshd/seshd/web"
)

const briefly = time.Second // a busy machine stands still for a part of that

func TestAnIdleSessionIsClosedWith4003(t *testing.T) {
	s := start(t, setup{session: session.Options{IdleTimeout: briefly}, web: web.Options{CloseIdleTabs: true}})
	b := s.visit()
	b.post(`{"set":{"a":1}}`).want(200)
	id := b.id()
	begun := time.Now()
	x, _ := b.enter("")
	x.bye("expired", 4003)
	if took := time.Since(begun); took < briefly {
		t.Errorf("it timed out after %v of idleness, not %v", took, briefly)
	}
	if b.id() == id {
		t.Error("the old cookie leads to the session that timed out")
	}
	x, f := b.enter("since=" + id + ":1")
	if f.Type != "session" || f.Version != 0 {
		t.Errorf("got %s", f.line)
	}
	x.conn.Close()
}

// Pings are no activity; neither is a frame that only asks.
func TestPingsAndGetsDoNotKeepASessionAlive(t *testing.T) {
	s := start(t, setup{session: session.Options{IdleTimeout: briefly}, web: web.Options{CloseIdleTabs: true}})
	b := s.visit()
	b.post(`{"set":{"a":1}}`).want(200)
	x, _ := b.enter("")
	for begun := time.Now(); time.Since(begun) < patience; {
		x.send(`{"ping":true}`)
		x.send(`{"get":true}`)
		for {
			f := x.next()
			if f.Type == "bye" {
				same(t, f.Code, "expired")
				x.closed(4003)
				return
			}
			if f.Type == "session" {
				break
			}
		}
	}
	t.Error("it never timed out")
}

func TestAnOpenTabKeepsItsSessionAlive(t *testing.T) {
	s := start(t, setup{session: session.Options{IdleTimeout: briefly}})
	b := s.visit()
	b.post(`{"set":{"a":1}}`).want(200)
	x, _ := b.enter("")
	x.conn.SetReadDeadline(time.Now().Add(5 * briefly))
	if _, text, err := x.conn.ReadMessage(); err == nil {
		t.Errorf("got %s", text)
	}
	same(t, b.get("/session/keys/a").body, "1\n")
}

func TestMutationsKeepASessionAlive(t *testing.T) {
	s := start(t, setup{session: session.Options{IdleTimeout: briefly, Rate: -1}, web: web.Options{CloseIdleTabs: true}})
	b := s.visit()
	x, _ := b.enter("")
	for begun := time.Now(); time.Since(begun) < 4*briefly; {
		if f := x.does(`{"set":{"a":1},"id":1}`); f.Type != "ok" { // changes nothing, from the second on
			t.Fatalf("got %s", f.line)
		}
	}
}

func TestNothingOutlivesTheAbsoluteLifetime(t *testing.T) {
	for name, written := range map[string]bool{"a session never written": false, "a written one": true} {
		t.Run(name, func(t *testing.T) {
			s := start(t, setup{session: session.Options{Lifetime: 3 * briefly}})
			b := s.visit()
			id := b.id()
			if written {
				b.post(`{"set":{"a":1}}`).want(200)
			}
			value := b.cookie().Value
			x, _ := b.enter("")
			x.bye("expired", 4003)
			b.setCookie(value) // the jar has dropped it by itself
			if b.id() == id {
				t.Error("the cookie outlives its lifetime")
			}
		})
	}
}

func TestAnUnwrittenSessionHasOnlyTheAbsoluteLimit(t *testing.T) {
	s := start(t, setup{session: session.Options{IdleTimeout: briefly}, web: web.Options{CloseIdleTabs: true}})
	b := s.visit()
	id := b.id()
	x, _ := b.enter("")
	x.conn.SetReadDeadline(time.Now().Add(3 * briefly))
	if _, text, err := x.conn.ReadMessage(); err == nil {
		t.Errorf("got %s", text)
	}
	same(t, b.id(), id)
}
