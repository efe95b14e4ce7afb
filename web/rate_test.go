package web_test

import (
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/gorilla/websocket"

	"github.com/seshd/seshd/session"
	"github.com/seshd/seshd/web"
)

// slowly takes one mutation a second, so that a test need not hurry to be over it.
var slowly = session.Options{Rate: 1, Burst: 3}

func TestOverTheRateIsAnErrorFrameAnd429(t *testing.T) {
	s := start(t, setup{session: slowly, web: web.Options{Tour: true}})
	b := s.visit()
	x, _ := b.enter("client=" + client1)
	var f frame
	id := 0
	for f.Type != "error" && id < 100 {
		id++
		f = x.does(fmt.Sprintf(`{"incr":{"n":1},"id":%d}`, id))
	}
	if id <= 3 || f.Code != "rate_limited" || string(f.ID) != fmt.Sprint(id) ||
		!strings.Contains(f.Message, "1 mutations a second per session (--rate), bursts of 3 (--burst)") {
		t.Errorf("the answer to mutation %d: %s", id, f.line)
	}
	for name, try := range map[string]func() answer{
		"POST": func() answer { return b.post(`{"incr":{"n":1}}`) },
		"PATCH": func() answer {
			return b.do("PATCH", "/session", `{"n":1}`, "Content-Type", "application/merge-patch+json")
		},
		"PUT":    func() answer { return b.do("PUT", "/session/keys/n", `1`) },
		"ticket": func() answer { return b.do("POST", "/session/ticket", "") },
		"Go":     func() answer { return b.get("/cherries") },
	} {
		refusedSoon(t, name, func() bool {
			a := try()
			if a.status == 200 {
				return false
			}
			a.problem(429, "rate_limited")
			same(t, a.header.Get("Retry-After"), "1")
			return true
		})
	}
	if f := x.does(fmt.Sprintf(`{"incr":{"n":1},"id":%d}`, id-1)); !f.Duplicate {
		t.Errorf("sent again: %s", f.line)
	}
	b.get("/session/keys/n").want(200) // reading is free
	other := s.visit()
	other.post(`{"incr":{"n":1}}`).want(200)
	if !strings.Contains(internalGet(t, s, "/metrics"), `seshd_mutations_total{result="rate_limited",source="tab"} `) {
		t.Errorf("the metrics lack the refusal")
	}
}

func internalGet(t *testing.T, s *server, path string) string {
	t.Helper()
	r, err := http.NewRequest("GET", s.internal+path, nil)
	if err != nil {
		t.Fatal(err)
	}
	return s.browser().send(r).want(200).body
}

func TestATabThatGoesOnIsClosed(t *testing.T) {
	s := start(t, setup{session: slowly})
	b := s.visit()
	x, _ := b.enter("")
	for id := range 150 {
		x.send(fmt.Sprintf(`{"incr":{"n":1},"id":%d}`, id+1))
	}
	refused := 0
	for {
		f := x.next()
		if f.Type == "error" && f.Code == "rate_limited" {
			refused++
		}
		if f.Type == "bye" {
			if f.Code != "rate_limited" {
				t.Errorf("got %s", f.line)
			}
			names(t, f.Message, 100, 10)
			break
		}
	}
	x.closed(4229)
	if refused <= 100 {
		t.Errorf("closed after %d refusals, want more than 100", refused)
	}
	if _, f := b.enter(""); f.Type != "session" {
		t.Errorf("it may come back: %s", f.line)
	}
}

func TestATabThatIsRefusedNowAndThenStays(t *testing.T) {
	b := start(t, setup{session: slowly}).visit()
	x, _ := b.enter("")
	refused := 0
	for id := range 95 {
		if f := x.does(fmt.Sprintf(`{"incr":{"n":1},"id":%d}`, id+1)); f.Type == "error" {
			refused++
		}
	}
	if refused == 0 || refused > 100 {
		t.Fatalf("%d were refused", refused)
	}
	x.send(`{"ping":true}`)
	x.until("pong")
}

func TestNewSessionsAreLimitedByAddress(t *testing.T) {
	s := start(t, setup{session: session.Options{NewSessions: 1}, web: web.Options{Tour: true}})
	old := s.visit()
	old.post(`{"set":{"a":1}}`).want(200)
	var late *browser
	for range 300 {
		b := s.visit()
		if a := b.post(`{"set":{"a":1}}`); a.status != 200 {
			a.problem(429, "rate_limited")
			late = b
			break
		}
	}
	if late == nil {
		t.Fatal("300 sessions began within a moment")
	}
	// None of these is after more than a second: at most some would be let through.
	refusedSoon(t, "a first write in a tab", func() bool {
		b := s.visit()
		x, _ := b.enter("")
		f := x.does(`{"set":{"a":1},"id":1}`)
		return f.Code == "rate_limited" && strings.Contains(f.Message, "--new-sessions") && b.get("/session").want(200).header.Get("ETag") == `"`+b.id()+`:0"`
	})
	refusedSoon(t, "a ticket", func() bool { return s.visit().do("POST", "/session/ticket", "").status == 429 })
	refusedSoon(t, "an end", func() bool { return s.visit().do("DELETE", "/session", "").status == 429 })
	refusedSoon(t, "Go code", func() bool { return s.visit().get("/cherries").status == 429 })
	for i := range 20 {
		old.post(fmt.Sprintf(`{"set":{"a":%d}}`, i)).want(200)
	}
	old.do("POST", "/session/ticket", "").want(200)
	late.get("/session").want(200)
}

// refusedSoon tries what takes a token that may have come in meanwhile.
func refusedSoon(t *testing.T, what string, refused func() bool) {
	t.Helper()
	for range 10 {
		if refused() {
			return
		}
	}
	t.Errorf("%s was not refused", what)
}

func TestATicketsTabCountsByItsOwnAddress(t *testing.T) {
	s := start(t, setup{session: session.Options{NewSessions: 1}})
	b := s.visit()
	ticket := b.ticket().Ticket
	for range 300 {
		if s.visit().post(`{"set":{"a":1}}`).status == 429 {
			break
		}
	}
	x := s.browser().open("ticket=" + ticket)
	x.next()
	if f := x.does(`{"set":{"a":1},"id":1}`); f.Code != "rate_limited" && f.Type != "ok" { // ok where a second has passed
		t.Errorf("got %s", f.line)
	}
}

// What no limit on mutations counts is all answered, however fast it comes, and in order.
func TestFreeFramesAreReadMoreSlowlyAndAllAnswered(t *testing.T) {
	b := start(t, setup{}).visit()
	x, _ := b.enter("client=" + client1)
	x.does(`{"set":{"a":1},"id":1}`)
	const each = 500 // twice what a second lets through at once
	begun := time.Now()
	go func() {
		for range each {
			for _, line := range []string{`{"get":true}`, `{"ping":true}`, `garbled`, `{"set":{"a":1},"id":1}`} {
				if x.conn.WriteMessage(websocket.TextMessage, []byte(line)) != nil {
					return // the reader below says what is wrong
				}
			}
		}
	}()
	for range each {
		x.until("session")
		x.until("pong")
		x.until("error")
		if f := x.until("ok"); !f.Duplicate {
			t.Fatalf("got %s", f.line)
		}
	}
	if took := time.Since(begun); took < 900*time.Millisecond {
		t.Errorf("%d frames took %v", 4*each, took)
	}
}

// A tab that says nothing is no cheaper to wake: what comes between messages counts as well.
func TestControlFramesAreReadMoreSlowly(t *testing.T) {
	for name, kind := range map[string]int{"pings": websocket.PingMessage, "pongs": websocket.PongMessage} {
		t.Run(name, func(t *testing.T) {
			x, _ := start(t, setup{}).visit().enter("")
			const frames = 2000 // twice what a second lets through at once
			begun := time.Now()
			for range frames {
				if err := x.conn.WriteControl(kind, nil, time.Now().Add(time.Minute)); err != nil {
					t.Fatal(err)
				}
			}
			x.send(`{"ping":true}`)
			x.until("pong")
			if took := time.Since(begun); took < 900*time.Millisecond {
				t.Errorf("%d of them took %v", frames, took)
			}
		})
	}
}
