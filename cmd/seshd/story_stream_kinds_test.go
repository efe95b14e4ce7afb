package main

import (
	"encoding/json"
	"strconv"
	"strings"
	"syscall"
	"testing"
)

func mustJSON(v any) []byte {
	text, err := json.Marshal(v)
	if err != nil {
		panic(err)
	}
	return text
}

// The story tells what becomes of sessions, each once and in order.
func TestTheStoryOfAllSessions(t *testing.T) {
	p, b := startWithAPI(t, t.TempDir())
	s := b.story(t, "")
	v := visitor(t, p, `{"set":{"a":1}}`)
	id := b.resolve(v).ID
	v.post(`{"set":{"a":2}}`, "") // a plain write is no event
	login := b.login(v, `{"user":"u","shared":true}`)
	rotated := b.rotate(v)
	events := s.tells([3]string{"created", id, ""}, [3]string{"login", id, "u"}, [3]string{"rotated", id, "u"})
	if events[1].Device != login.Device || events[2].Device != rotated.Device || events[0].At == "" {
		t.Errorf("the devices are %s and %s: %+v", login.Device, rotated.Device, events)
	}
	other := visitor(t, p, `{"set":{"b":1}}`)
	from := b.resolve(other).ID
	b.login(other, `{"user":"u","shared":true}`)
	device := b.resolve(other).Device
	b.logout(other, "")
	events = s.tells([3]string{"created", from, ""}, [3]string{"login", id, "u"}, [3]string{"logged_out", id, "u"})
	if events[1].From != from || events[2].Device != device {
		t.Errorf("%+v", events)
	}
	b.logout(v, `{"scope":"all"}`)
	gone := visitor(t, p, `{"set":{"c":1}}`)
	goneID := b.resolve(gone).ID
	gone.do(t, "DELETE", "/session", "").want(204)
	s.tells([3]string{"logged_out", id, "u"}, [3]string{"created", goneID, ""}, [3]string{"destroyed", goneID, ""})

	unwritten := newBrowser(t, p.addr) // who never wrote has no story
	unwritten.session()
	b.login(unwritten, `{"user":"w"}`)
	s.tells([3]string{"created", b.resolve(unwritten).ID, ""}, [3]string{"login", b.resolve(unwritten).ID, "w"})
	b.do("DELETE", "/v1/users/w/sessions", "").want(204)
	if e := s.next(); e.Type != "destroyed" || e.User != "w" {
		t.Errorf("%+v", e)
	}
}

func TestTheStoryTellsTimeouts(t *testing.T) {
	p, b := startWithAPI(t, t.TempDir(), "--idle-timeout=2s")
	s := b.story(t, "")
	v := visitor(t, p, `{"set":{"a":1}}`)
	id := b.resolve(v).ID
	s.tells([3]string{"created", id, ""}, [3]string{"expired", id, ""})
}

// A backend that was away hears what it missed, also when the server was; or that it cannot.
func TestTheStoryResumesOverARestart(t *testing.T) {
	data := t.TempDir()
	p, b := startWithAPI(t, data)
	s := b.story(t, "")
	first := b.resolve(visitor(t, p, `{"set":{"a":1}}`)).ID
	s.tells([3]string{"created", first, ""})
	last := s.lastID
	s.stop()
	second := b.resolve(visitor(t, p, `{"set":{"a":1}}`)).ID
	open := b.story(t, last) // does not hold up the stop
	open.tells([3]string{"created", second, ""})
	p.signal(t, syscall.SIGTERM)
	if code := p.exit(t); code != 0 {
		t.Errorf("exit %d", code)
	}

	p, b = startWithAPI(t, data)
	third := b.resolve(visitor(t, p, `{"set":{"a":1}}`)).ID
	s = b.story(t, last)
	s.tells([3]string{"created", second, ""}, [3]string{"created", third, ""})
	end, err := strconv.ParseUint(s.lastID, 10, 64)
	if err != nil {
		t.Fatal(err)
	}
	for _, future := range []string{strconv.FormatUint(end+1, 10), "18446744073709551615"} { // of another store, or one that went back
		s = b.story(t, future)
		e := s.next()
		if e.Type != "reset" || e.seq != strconv.FormatUint(end, 10) {
			t.Errorf("after %s: %+v, the end is %d", future, e, end)
		}
		s.stop()
	}
	for _, bad := range []string{"x", "-1", "1.5", "18446744073709551616", "0x1", "1 ", strings.Repeat("1", 300)} {
		if a := b.do("GET", "/v1/events", "", "Last-Event-ID", bad+"."); a.status != 400 {
			t.Errorf("Last-Event-ID %q: %d", bad, a.status)
		}
	}
	if s = b.story(t, "0"); s.next().ID != first {
		t.Error("from 0 on it does not begin at the beginning")
	}
}
