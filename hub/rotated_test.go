package hub

import (
	"context"
	"encoding/json"
	"errors"
	"log/slog"
	"sync"
	"testing"
	"time"

	"github.com/seshd/seshd/session"
	"github.com/seshd/seshd/session/pebblestore"
)

func login(t *testing.T, m *session.Manager, h session.Handle, user string) session.Handle {
	t.Helper()
	into, err := m.Login(context.Background(), h, session.Login{User: user, Shared: true})
	if err != nil {
		t.Fatalf("login: %v", err)
	}
	return into.Handle
}

func (r *reader) untilBye(code string) *Bye {
	r.t.Helper()
	var last *Bye
	r.until("bye", func(bye *Bye) bool { last = bye; return bye != nil })
	if last.Code != code {
		r.t.Errorf("bye %v, want %s", last, code)
	}
	return last
}

// wantUntold wants a tab that was told nothing of a secret, and is told nothing of it when it asks.
func (r *reader) wantUntold(secret string) {
	r.t.Helper()
	r.read()
	whole, _ := r.tab.Session()
	if _, told := r.data[secret]; told || json.Valid(whole.JSON) {
		r.t.Errorf("a tab whose device is out is told %v %s", r.data, whole.JSON)
	}
}

// TestTabsOfAReplacedDevice: they get a bye and nothing of what came after; those of the new cookie and of the user's other
// devices stay. Also where nothing had been written: a planted cookie whose tab waits for somebody to log in shows nothing.
func TestTabsOfAReplacedDevice(t *testing.T) {
	renew := map[string]func(*testing.T, *session.Manager, session.Handle) session.Handle{
		"rotated": func(t *testing.T, m *session.Manager, h session.Handle) session.Handle {
			into, err := m.Rotate(context.Background(), h)
			if err != nil {
				t.Fatal(err)
			}
			return into.Handle
		},
		"login": func(t *testing.T, m *session.Manager, h session.Handle) session.Handle { return login(t, m, h, "ann") },
	}
	for name, renew := range renew {
		for _, written := range []bool{false, true} {
			m, h := start(t, session.Options{}, Options{})
			_, old := m.Begin()
			if written {
				set(t, m, old, "before", "1")
			}
			r := join(t, h, old, nil)
			r.read()
			fresh := renew(t, m, old)
			set(t, m, fresh, "secret", "1")
			now := join(t, h, fresh, nil)
			now.read()
			if bye := r.untilBye("rotated"); bye.Into != (session.ID{}) {
				t.Errorf("%s: into %s, though the session stays", name, bye.Into)
			}
			r.wantUntold("secret")
			set(t, m, fresh, "more", "1")
			now.until("more", func(bye *Bye) bool {
				if bye != nil {
					t.Fatalf("%s: a tab of the new cookie got %v", name, bye)
				}
				return now.data["more"] != nil
			})
			if _, err := tryJoin(t, h, old, nil); session.CodeOf(err) != session.StaleCookie {
				t.Errorf("%s: a tab with the old cookie: %v", name, err)
			}
		}
	}
}

// TestLoginIntoAnotherSession: the visitor's tabs learn where it led; those that are there see what was brought.
func TestLoginIntoAnotherSession(t *testing.T) {
	for _, written := range []bool{false, true} {
		m, h := start(t, session.Options{}, Options{})
		_, first := m.Begin()
		first = login(t, m, first, "ann")
		there := join(t, h, first, nil)
		there.read()
		_, guest := m.Begin()
		if written {
			set(t, m, guest, "cart", "1")
		}
		r := join(t, h, guest, nil)
		r.read()
		fresh := login(t, m, guest, "ann")
		if bye := r.untilBye("rotated"); bye.Into != first.ID {
			t.Errorf("into %s, want %s", bye.Into, first.ID)
		}
		if written {
			there.until("cart", func(*Bye) bool { return there.data["cart"] != nil })
		}
		var former session.ID
		tab, err := h.Join(context.Background(), Join{Handle: fresh, Former: guest.ID, Wake: func() {}})
		if err != nil {
			t.Fatal(err)
		}
		frames, _ := tab.Next(nil)
		tab.Leave()
		var told struct{ Continues string }
		if err := json.Unmarshal(frames[0].JSON, &told); err != nil || told.Continues != guest.ID.String() {
			t.Errorf("the first frame continues %q: %s, %v", told.Continues, frames[0].JSON, former)
		}
		if bye := there.read(); bye != nil {
			t.Errorf("the other device's tab got %v", bye)
		}
	}
}

// TestLoggedOutTabs: of one device, of the others, of all.
func TestLoggedOutTabs(t *testing.T) {
	for scope, want := range map[session.Scope][2]bool{session.This: {true, false}, session.Others: {false, true}, session.All: {true, true}} {
		m, h := start(t, session.Options{}, Options{})
		_, phone := m.Begin()
		phone = login(t, m, phone, "ann")
		_, laptop := m.Begin()
		laptop = login(t, m, laptop, "ann")
		tabs := [2]*reader{join(t, h, phone, nil), join(t, h, laptop, nil)}
		if err := m.Logout(context.Background(), phone, scope); err != nil {
			t.Fatal(err)
		}
		for i, r := range tabs {
			if bye := r.read(); (bye != nil) != want[i] || bye != nil && bye != LoggedOut {
				t.Errorf("%s: tab %d got %v", scope, i, bye)
			}
		}
	}
}

// TestOutStaysOut: whatever closes the tab first or after, what was committed since its device went is not for it.
func TestOutStaysOut(t *testing.T) {
	m, h := start(t, session.Options{}, Options{})
	_, phone := m.Begin()
	phone = login(t, m, phone, "ann")
	_, laptop := m.Begin()
	laptop = login(t, m, laptop, "ann")
	drained, ended := join(t, h, phone, nil), join(t, h, phone, nil)
	drained.read()
	ended.read()
	drained.tab.dismiss(Restarting)
	if _, err := m.Rotate(context.Background(), phone); err != nil {
		t.Fatal(err)
	}
	set(t, m, laptop, "secret", "1")
	drained.untilBye("restarting")
	drained.wantUntold("secret")
	if err := m.Destroy(context.Background(), laptop, nil); err != nil {
		t.Fatal(err)
	}
	ended.untilBye("rotated")
	ended.wantUntold("secret")
}

// TestImportOfAnotherLogin: on either side the devices changed once since the session was moved. What an import brings is not for
// the tabs of a device that it puts out.
func TestImportOfAnotherLogin(t *testing.T) {
	m, h := start(t, session.Options{}, Options{})
	_, visitor := m.Begin()
	set(t, m, visitor, "fruit", `"cherries"`)
	here, err := m.Rotate(context.Background(), visitor)
	if err != nil {
		t.Fatal(err)
	}
	r := join(t, h, here.Handle, nil)
	r.read()

	_, there := m.Begin()
	imported := *here.Record
	imported.Devices = []session.Device{{ID: there.Device, Key: there.Key, Issued: there.Issued, Ends: there.Ends}}
	secret := session.Mutation{Set: map[string]json.RawMessage{"secret": json.RawMessage("1")}}
	if imported.State, err = imported.State.Apply(&secret, session.Rules{}); err != nil {
		t.Fatal(err)
	}
	if fate, err := m.Import(context.Background(), session.Saved{Record: &imported}); err != nil || fate != session.Taken {
		t.Fatalf("%v, %v", fate, err)
	}
	r.untilBye("logged_out")
	r.wantUntold("secret")
}

// heldFeed is a store whose feed can be held back, as another node's would be.
type heldFeed struct {
	session.Store
	mu   sync.Mutex
	feed func(session.Event)
	held *[]session.Event // nil: not held
}

func (s *heldFeed) Feed(feed func(session.Event)) {
	s.feed = feed
	s.Store.Feed(func(e session.Event) {
		s.mu.Lock()
		defer s.mu.Unlock()
		if s.held != nil {
			*s.held = append(*s.held, e)
			return
		}
		feed(e)
	})
}

func (s *heldFeed) hold() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.held = &[]session.Event{}
}

func (s *heldFeed) release() {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, e := range *s.held {
		s.feed(e)
	}
	s.held = nil
}

// TestJoinAheadOfTheFeed: a join brings the room a record from which a device is gone already. Its tab is shown nothing of
// it, though nobody has said why yet; then the feed says why.
func TestJoinAheadOfTheFeed(t *testing.T) {
	quiet := slog.New(slog.DiscardHandler)
	inner, err := pebblestore.Open(t.TempDir(), pebblestore.Options{Logger: quiet})
	if err != nil {
		t.Fatal(err)
	}
	store := &heldFeed{Store: inner}
	m := session.NewManager(store, session.Options{Logger: quiet})
	h := New(m, Options{})
	t.Cleanup(func() {
		h.Close()
		if err := m.Close(); err != nil {
			t.Error(err)
		}
	})
	_, phone := m.Begin()
	phone = login(t, m, phone, "ann")
	_, laptop := m.Begin()
	laptop = login(t, m, laptop, "ann")
	r := join(t, h, phone, nil)
	r.read()
	told := len(r.frames)
	store.hold()
	if _, err := m.Rotate(context.Background(), phone); err != nil {
		t.Fatal(err)
	}
	set(t, m, laptop, "secret", "1")
	ahead := join(t, h, laptop, nil)
	ahead.read()
	if ahead.data["secret"] == nil {
		t.Error("the join was not shown the newest")
	}
	if bye := r.read(); bye != nil || len(r.frames) != told {
		t.Errorf("before the feed: %v, %+v", bye, r.frames[told:])
	}
	r.wantUntold("secret")
	store.release()
	r.untilBye("rotated")
	r.wantUntold("secret")
	set(t, m, laptop, "later", "1")
	ahead.until("later", func(*Bye) bool { return ahead.data["later"] != nil })
	if bye := ahead.read(); bye != nil {
		t.Errorf("the other device's tab got %v", bye)
	}
}

// TestRotatedDuringAJoin: the load found the device, the room has heard since that it was replaced. A refusal that took the
// browser's new cookie for a lost one would cost it the session.
func TestRotatedDuringAJoin(t *testing.T) {
	quiet := slog.New(slog.DiscardHandler)
	inner, err := pebblestore.Open(t.TempDir(), pebblestore.Options{Logger: quiet})
	if err != nil {
		t.Fatal(err)
	}
	store := &lateStore{Store: inner}
	m := session.NewManager(store, session.Options{Logger: quiet})
	h := New(m, Options{})
	t.Cleanup(func() {
		h.Close()
		if err := m.Close(); err != nil {
			t.Error(err)
		}
	})
	for _, written := range []bool{false, true} {
		_, old := m.Begin()
		if written {
			set(t, m, old, "n", "1")
		}
		store.afterLoad = func() {
			if _, err := m.Rotate(context.Background(), old); err != nil {
				t.Error(err)
			}
		}
		if _, err := tryJoin(t, h, old, nil); session.CodeOf(err) != session.StaleCookie {
			t.Errorf("written %v: %v", written, err)
		}
	}
	_, guest := m.Begin()
	_, first := m.Begin()
	first = login(t, m, first, "ann")
	store.afterLoad = func() { login(t, m, guest, "ann") }
	var bye *Bye
	if _, err := tryJoin(t, h, guest, nil); !errors.As(err, &bye) || bye.Code != "rotated" || bye.Into != first.ID {
		t.Errorf("a join that a login overtook: %v", err)
	}
}

// TestPipelinedWritesOfARotatedTab: those before the rotation are applied, those behind it refused, and none is lost between.
func TestPipelinedWritesOfARotatedTab(t *testing.T) {
	m, h := start(t, session.Options{}, Options{})
	_, old := m.Begin()
	r := join(t, h, old, nil)
	r.read()
	const writes = 60
	answers := make(chan error, writes)
	var fresh session.Handle
	for i := range writes {
		if i == writes/2 {
			into, err := m.Rotate(context.Background(), old)
			if err != nil {
				t.Fatal(err)
			}
			fresh = into.Handle
		}
		mut := session.Mutation{Incr: map[string]json.RawMessage{"n": json.RawMessage("1")}}
		m.Submit(session.Submission{Handle: old, By: session.ByTab, Mutation: &mut}, func(_ session.Result, err error) { answers <- err })
	}
	for i := range writes {
		if err := <-answers; (err == nil) != (i < writes/2) || err != nil && session.CodeOf(err) != session.StaleCookie {
			t.Errorf("write %d: %v", i, err)
		}
	}
	r.untilBye("rotated")
	now := join(t, h, fresh, nil)
	now.read()
	if string(now.data["n"]) != "30" {
		t.Errorf("n is %s", now.data["n"])
	}
}

// TestEachDeviceIsTended: an open tab keeps its own device in use too, lest it be taken for one that nobody uses.
func TestEachDeviceIsTended(t *testing.T) {
	m, h := start(t, session.Options{IdleTimeout: 1600 * time.Millisecond}, Options{})
	_, phone := m.Begin()
	phone = login(t, m, phone, "ann")
	_, laptop := m.Begin()
	laptop = login(t, m, laptop, "ann")
	join(t, h, phone, nil)
	join(t, h, laptop, nil)
	begun := time.Now()
	deadline := time.After(20 * time.Second)
	tick := time.NewTicker(m.Grain())
	defer tick.Stop()
	for {
		r, err := m.Load(context.Background(), phone)
		if err != nil {
			t.Fatal(err)
		}
		if len(r.Devices) == 2 && r.Devices[0].Seen.After(begun.Add(2*m.Grain())) && r.Devices[1].Seen.After(begun.Add(2*m.Grain())) {
			return
		}
		select {
		case <-tick.C:
		case <-deadline:
			t.Fatalf("the devices were last seen %v and %v after the start", r.Devices[0].Seen.Sub(begun), r.Devices[1].Seen.Sub(begun))
		}
	}
}
