package web_test

import (
	"bufio"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/seshd/seshd/session"
)

// stream is an open event stream.
type stream struct {
	t        *testing.T
	response *http.Response
	lines    *bufio.Scanner
}

type event struct{ kind, id, data string }

func (b *browser) events(lastEventID string, headers ...string) *stream {
	b.t.Helper()
	r, _ := http.NewRequest("GET", b.s.url+"/session/events", nil)
	if lastEventID != "" {
		r.Header.Set("Last-Event-ID", lastEventID)
	}
	for i := 0; i < len(headers); i += 2 {
		r.Header.Add(headers[i], headers[i+1])
	}
	response, err := b.http.Do(r)
	if err != nil {
		b.t.Fatal(err)
	}
	b.t.Cleanup(func() { response.Body.Close() })
	if response.StatusCode != 200 || response.Header.Get("Content-Type") != "text/event-stream" {
		b.t.Fatalf("events: %d %v", response.StatusCode, response.Header)
	}
	lines := bufio.NewScanner(response.Body)
	lines.Buffer(nil, 1<<20)
	return &stream{b.t, response, lines}
}

// next reads an event, or its absence at the end of the stream.
func (s *stream) next() (e event) {
	s.t.Helper()
	for s.lines.Scan() {
		name, value, _ := strings.Cut(s.lines.Text(), ": ")
		switch name {
		case "event":
			e.kind = value
		case "id":
			e.id = value
		case "data":
			e.data = value
		case "":
			return e
		default:
			s.t.Errorf("a line of a stream: %q", s.lines.Text())
		}
	}
	return event{kind: "end"}
}

func TestEventsAreTheFramesOfWS(t *testing.T) {
	b := start(t, setup{}).browser()
	e := b.events("")
	id := b.id()
	first := e.next()
	same(t, first.kind+" "+first.id, "session "+id+":0")
	same(t, plain(t, first.data), `{"type":"session","id":"`+id+`","version":0,"data":{},"tabs":1,"expires":"…"}`)
	answer{t: t, what: "events", header: e.response.Header}.guarded()
	if len(e.response.Header.Values("Set-Cookie")) != 1 {
		t.Error("a new visitor gets the cookie")
	}
	b.post(`{"set":{"a":"é\u2028"}}`).want(200)
	if got := e.next(); got != (event{"change", id + ":1", `{"type":"change","from":0,"version":1,"set":{"a":"é\u2028"},"delete":[],"by":"http"}`}) {
		t.Errorf("got %+v", got)
	}
	b.enter("")
	if got := e.next(); got != (event{"tabs", id + ":1", `{"type":"tabs","tabs":2}`}) {
		t.Errorf("got %+v", got)
	}
	b.do("DELETE", "/session", "").want(204)
	if got := e.next(); got.kind != "bye" || got.id != "" || !strings.Contains(got.data, `"code":"destroyed"`) {
		t.Errorf("got %+v", got)
	}
	if got := e.next(); got.kind != "end" {
		t.Errorf("after bye: %+v", got)
	}
}

func TestEventsResumeByLastEventID(t *testing.T) {
	s := start(t, setup{})
	b := s.visit()
	id := b.id()
	for range 3 {
		b.post(`{"incr":{"n":1}}`).want(200)
	}
	e := b.events(id + ":1")
	if got := e.next(); got != (event{"change", id + ":3", `{"type":"change","from":1,"version":3,"set":{"n":3},"delete":[]}`}) {
		t.Errorf("got %+v", got)
	}
	if got := e.next(); got.kind != "tabs" || got.id != id+":3" {
		t.Errorf("got %+v", got)
	}
	if got := b.events(id + ":3").next(); got.data != `{"type":"change","from":3,"version":3,"set":{},"delete":[]}` {
		t.Errorf("got %+v", got)
	}
	for _, other := range []string{id + ":4", strings.Repeat("0", 32) + ":1", "nonsense", "3", id + ":x"} {
		if got := b.events(other).next(); got.kind != "session" || got.id != id+":3" {
			t.Errorf("Last-Event-ID %s: %+v", other, got)
		}
	}
}

func TestEventsEndWithTheServer(t *testing.T) {
	s := start(t, setup{})
	e := s.visit().events("")
	e.next()
	s.drain()
	if got := e.next(); got.kind != "bye" || !strings.Contains(got.data, `"code":"restarting"`) {
		t.Errorf("got %+v", got)
	}
}

func TestEventsCountAsTabs(t *testing.T) {
	b := start(t, setup{session: session.Options{MaxTabs: 1}}).visit()
	e := b.events("")
	e.next()
	b.get("/session/events").problem(429, "too_many_tabs")
	b.open("").bye("too_many_tabs", 4229)
	if body := b.get("/session/tabs").body; !strings.Contains(body, `"transport":"events"`) {
		t.Errorf("got %s", body)
	}
	e.response.Body.Close()
}

// broken is a middleware's ResponseWriter with a bug.
type broken struct{ http.ResponseWriter }

func (broken) Write([]byte) (int, error) { panic("a bug of somebody's") }

func TestATabLeavesWhereAMiddlewarePanics(t *testing.T) {
	s := start(t, setup{})
	func() {
		defer func() {
			if recover() == nil {
				t.Error("nobody wrote")
			}
		}()
		s.app.ServeHTTP(broken{httptest.NewRecorder()}, httptest.NewRequest("GET", "/session/events", nil))
	}()
	if text := s.inside("/metrics").body; !strings.Contains(text, "seshd_rooms 0\n") || !strings.Contains(text, `seshd_tabs{transport="events"} 0`) {
		t.Error("the tab is still there")
	}
}

func TestPostingToEventsIsNotAllowed(t *testing.T) {
	b := start(t, setup{}).visit()
	b.do("POST", "/session/events", "").guarded().problem(405, "method_not_allowed")
}
