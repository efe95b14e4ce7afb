package session_test

import (
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/seshd/seshd/session"
	"github.com/seshd/seshd/session/pebblestore"
)

// server is a Manager on a store of its own.
type server struct {
	testing.TB
	*session.Manager
}

func serve(t testing.TB, o session.Options) server {
	t.Helper()
	return serveFrom(t, t.TempDir(), o)
}

func serveFrom(t testing.TB, dir string, o session.Options) server {
	t.Helper()
	o.Logger = slog.New(slog.DiscardHandler)
	store, err := pebblestore.Open(dir, pebblestore.Options{Logger: o.Logger})
	if err != nil {
		t.Fatal(err)
	}
	m := session.NewManager(store, o)
	t.Cleanup(func() {
		if err := m.Close(); err != nil {
			t.Error(err)
		}
	})
	return server{t, m}
}

// visitor is somebody who has just come, and whose session holds data, an object.
func (s server) visitor(data string) session.Handle {
	s.Helper()
	_, h := s.Begin()
	if data != "" {
		s.set(h, data)
	}
	return h
}

func (s server) submit(h session.Handle, mutation string) error {
	m, err := session.DecodeMutation([]byte(mutation))
	if err == nil {
		_, err = s.Apply(context.Background(), session.Submission{Handle: h, By: session.ByAPI, Mutation: &m})
	}
	return err
}

func (s server) set(h session.Handle, data string) {
	s.Helper()
	if err := s.submit(h, `{"set":`+data+`}`); err != nil {
		s.Fatalf("set %s: %v", data, err)
	}
}

func (s server) login(h session.Handle, l session.Login) session.LoggedInto {
	s.Helper()
	into, err := s.Login(context.Background(), h, l)
	if err != nil {
		s.Fatalf("login: %v", err)
	}
	return into
}

func (s server) data(h session.Handle) string {
	s.Helper()
	data, err := s.Session(h).Data(context.Background())
	if err != nil {
		s.Fatalf("data: %v", err)
	}
	text, err := json.Marshal(data)
	if err != nil {
		s.Fatal(err)
	}
	return string(text)
}

func (s server) wantData(h session.Handle, want string) {
	s.Helper()
	if got := s.data(h); got != want {
		s.Errorf("the session holds %s, want %s", got, want)
	}
}

// wantDead wants a handle that can do nothing any more.
func (s server) wantDead(h session.Handle, code session.Code) {
	s.Helper()
	ctx := context.Background()
	_, load := s.Load(ctx, h)
	_, login := s.Login(ctx, h, session.Login{User: "mallory"})
	_, rotate := s.Rotate(ctx, h)
	for what, err := range map[string]error{
		"load": load, "login": login, "rotate": rotate, "write": s.submit(h, `{"set":{"evil":1}}`),
		"no-op": s.submit(h, `{}`), "logout": s.Logout(ctx, h, session.All), "destroy": s.Destroy(ctx, h, nil),
	} {
		if err == nil || session.CodeOf(err) != code {
			s.Errorf("%s: %v, want %s", what, err, code)
		}
	}
}

func (s server) wantSessions(user string, want ...session.ID) {
	s.Helper()
	records, err := s.UserSessions(context.Background(), user)
	if err != nil {
		s.Fatal(err)
	}
	got := []session.ID{}
	for _, r := range records {
		got = append(got, r.ID)
	}
	slices.SortFunc(got, compareIDs)
	slices.SortFunc(want, compareIDs)
	if !slices.Equal(got, want) {
		s.Errorf("%s has the sessions %v, want %v", user, got, want)
	}
}

func compareIDs(a, b session.ID) int { return strings.Compare(a.String(), b.String()) }

func TestKeep(t *testing.T) {
	const data = `{"cart":1,"draft.a":2,"draft.b":3,"hidden":4,"_secret":5,"_key":6}`
	s := serve(t, session.Options{TabWrite: session.Globs{"cart", "draft.*", "_*"}})
	for _, test := range []struct {
		name string
		keep session.Globs
		want []string
	}{
		{"what tabs may write", nil, []string{"cart", "draft.a", "draft.b"}},
		{"nothing", session.Globs{}, []string{}},
		{"names", session.Globs{"cart", "none"}, []string{"cart"}},
		{"globs", session.Globs{"draft.*"}, []string{"draft.a", "draft.b"}},
		{"all but private ones", session.Globs{"*"}, []string{"cart", "draft.a", "draft.b", "hidden"}},
		{"a star is no underscore", session.Globs{"*secret", "*_key"}, []string{}},
		{"private ones too", session.Globs{"*", "_*"}, []string{"_key", "_secret", "cart", "draft.a", "draft.b", "hidden"}},
		{"one private", session.Globs{"_key"}, []string{"_key"}},
	} {
		for _, shared := range []bool{false, true} { // its own, and one that is combined into another
			user := fmt.Sprint(test.name, shared)
			if shared {
				s.login(s.visitor(""), session.Login{User: user, Shared: true})
			}
			into := s.login(s.visitor(data), session.Login{User: user, Keep: test.keep, Shared: shared})
			var held []string
			for _, e := range into.Record.State.Entries {
				held = append(held, e.Key)
			}
			if !slices.Equal(into.Kept, test.want) || !slices.Equal(held, test.want) {
				t.Errorf("%s (shared %v): kept %q, holds %q, want %q", test.name, shared, into.Kept, held, test.want)
			}
		}
	}
}

// TestSameUserAgain: the device gets a new token for a new lifetime, the old one is dead, and the session stays as it was.
func TestSameUserAgain(t *testing.T) {
	for _, shared := range [][2]bool{{false, false}, {true, true}, {true, false}} {
		s := serve(t, session.Options{})
		_, guest := s.Begin()
		guest.Agent = "browser"
		s.set(guest, `{"cart":1}`)
		in := s.login(guest, session.Login{User: "ann", Shared: shared[0]})
		s.set(in.Handle, `{"_private":2}`)
		before, _ := s.Load(context.Background(), in.Handle)
		end, _ := s.StoryEnd(context.Background())
		asked := in.Handle
		asked.Agent = "" // as a backend asks
		again := s.login(asked, session.Login{User: "ann", Shared: shared[1], Keep: session.Globs{}, Combine: map[string]session.How{"cart": session.Sum}})
		if again.Handle.ID != in.Handle.ID || again.Handle.Device == in.Handle.Device || !again.Handle.Ends.After(in.Handle.Ends) ||
			!slices.Equal(again.Kept, []string{"_private", "cart"}) || len(again.Combined) != 0 {
			t.Errorf("shared %v: the second login led to %+v", shared, again)
		}
		s.wantDead(in.Handle, session.StaleCookie)
		after, err := s.Load(context.Background(), again.Handle)
		if err != nil || len(after.Devices) != 1 || after.Devices[0].Agent != "browser" {
			t.Fatalf("shared %v: after the second login there is %+v, %v", shared, after, err)
		}
		if diff := cmp.Diff(before, after, cmp.AllowUnexported(session.State{}),
			cmpopts.IgnoreFields(session.Record{}, "Devices", "Epoch", "Touched", "Deadline")); diff != "" {
			t.Errorf("shared %v: the second login changed the session: %s", shared, diff)
		}
		lines, _, err := s.Story(context.Background(), end, 10)
		if err != nil || len(lines) != 1 || lines[0].Cause != session.LoggedIn || lines[0].Device != again.Handle.Device || lines[0].From != (session.ID{}) {
			t.Errorf("shared %v: the story of the second login is %+v, %v", shared, lines, err)
		}
		s.wantSessions("ann", in.Handle.ID)
	}
}

// TestAnotherUserCarriesNothingOver: on a device that ann left logged in bob gets nothing of hers, and she loses nothing.
func TestAnotherUserCarriesNothingOver(t *testing.T) {
	for _, bobHasOne := range []bool{false, true} {
		s := serve(t, session.Options{})
		phone := s.login(s.visitor(`{"hers":1}`), session.Login{User: "ann", Shared: true}).Handle
		laptop := s.login(s.visitor(""), session.Login{User: "ann", Shared: true}).Handle
		want := `{}`
		if bobHasOne {
			s.login(s.visitor(`{"his":1}`), session.Login{User: "bob", Shared: true})
			want = `{"his":1}`
		}
		bob := s.login(phone, session.Login{User: "bob", Shared: true, Keep: session.Globs{"*"}})
		if bob.Handle.ID == laptop.ID || bob.Record.Continues(laptop.ID) || len(bob.Kept) != 0 {
			t.Errorf("bob was led to %+v", bob)
		}
		s.wantData(bob.Handle, want)
		s.wantData(laptop, `{"hers":1}`)
		s.wantDead(phone, session.StaleCookie)
		s.wantSessions("ann", laptop.ID)
		s.wantSessions("bob", bob.Handle.ID)
		last := s.login(laptop, session.Login{User: "bob", Shared: true}) // ann's last device
		if last.Handle.ID != bob.Handle.ID {
			t.Error("bob's devices are not together")
		}
		s.wantSessions("ann")
		if _, err := s.Load(context.Background(), session.Handle{ID: laptop.ID}); session.CodeOf(err) != session.NoSuchSession {
			t.Errorf("a session without a device is still there: %v", err)
		}
	}
}

func TestCombineInOneCommit(t *testing.T) {
	s := serve(t, session.Options{})
	l := session.Login{User: "ann", Shared: true, Combine: map[string]session.How{
		"cart": session.Sum, "seen": session.Union, "best": session.Max, "theme": session.Mine, "absent": session.Sum, "lang": session.Sum,
	}}
	first := s.login(s.visitor(`{"cart":{"a":1,"b":2},"seen":[1],"best":3,"theme":"dark","lang":"en"}`), l)
	guest := s.visitor(`{"cart":{"b":1,"c":4},"seen":[2,1],"best":5,"theme":"light","lang":"de","new":true,"_x":1}`)
	into := s.login(guest, l)
	if into.Handle.ID != first.Handle.ID || !into.Record.Continues(guest.ID) || into.Record.State.Version != 2 || into.Record.By != session.ByAPI {
		t.Errorf("led to %+v", into.Record)
	}
	want := []session.Combined{{"best", session.Max}, {"cart", session.Sum}, {"lang", session.Theirs}, {"seen", session.Union}, {"theme", session.Mine}}
	if diff := cmp.Diff(want, into.Combined); diff != "" {
		t.Errorf("combined: %s", diff)
	}
	s.wantData(first.Handle, `{"best":5,"cart":{"a":1,"b":3,"c":4},"lang":"en","new":true,"seen":[1,2],"theme":"light"}`)
	s.wantDead(guest, session.StaleCookie)
	s.wantSessions("ann", first.Handle.ID)
}

// TestApartBecomesShared: a user's own session, kept apart until now, brings all it has, what the app hid in it too.
func TestApartBecomesShared(t *testing.T) {
	s := serve(t, session.Options{})
	apart := s.login(s.visitor(`{"cart":1}`), session.Login{User: "ann"}).Handle
	s.set(apart, `{"_customer":7}`)
	shared := s.login(apart, session.Login{User: "ann", Shared: true})
	if shared.Handle.ID != apart.ID || shared.Handle.Device == apart.Device {
		t.Errorf("led to %+v", shared.Handle)
	}
	s.wantData(shared.Handle, `{"_customer":7,"cart":1}`)
	other := s.login(s.visitor(`{"more":1}`), session.Login{User: "ann"}).Handle
	s.set(other, `{"_hidden":8}`)
	s.wantSessions("ann", apart.ID, other.ID)
	s.wantData(s.login(other, session.Login{User: "ann", Shared: true}).Handle, `{"_customer":7,"_hidden":8,"cart":1,"more":1}`)
	s.wantSessions("ann", apart.ID)
}

func TestCombineOverTheLimitsChangesNothing(t *testing.T) {
	for name, o := range map[string]session.Options{"bytes": {MaxBytes: 29}, "keys": {MaxKeys: 2}} {
		s := serve(t, o)
		first := s.login(s.visitor(`{"a":"0123456789","b":1}`), session.Login{User: "ann", Shared: true}).Handle
		guest := s.visitor(`{"c":"0123456789","d":1}`)
		end, _ := s.StoryEnd(context.Background())
		_, err := s.Login(context.Background(), guest, session.Login{User: "ann", Shared: true})
		if session.CodeOf(err) != session.TooLarge || err == nil {
			t.Errorf("%s: %v", name, err)
		}
		s.wantData(first, `{"a":"0123456789","b":1}`)
		s.wantData(guest, `{"c":"0123456789","d":1}`)
		s.wantSessions("ann", first.ID)
		if now, _ := s.StoryEnd(context.Background()); now != end {
			t.Errorf("%s: the story went from %d to %d", name, end, now)
		}
		s.set(guest, `{"c":1}`)
		s.login(guest, session.Login{User: "ann", Shared: true, Keep: session.Globs{}}) // there is a way in
	}
}

// once sends a mutation that is applied once.
func (s server) once(h session.Handle, sender byte, id uint64) (duplicate bool) {
	s.Helper()
	m := session.Mutation{ID: id, Incr: map[string]json.RawMessage{"n": json.RawMessage("1")}}
	result, err := s.Apply(context.Background(), session.Submission{Handle: h, Sender: session.SenderID{sender}, By: session.ByTab, Mutation: &m})
	if err != nil {
		s.Fatalf("mutation %d of %d: %v", id, sender, err)
	}
	return result.Duplicate
}

// TestOnceThroughLogin: what a client sent before its cookie was replaced, and sends again after, is applied once.
func TestOnceThroughLogin(t *testing.T) {
	s := serve(t, session.Options{})
	l := session.Login{User: "ann", Shared: true, Combine: map[string]session.How{"n": session.Sum}}
	h := s.visitor("")
	s.once(h, 1, 1)
	rotated, err := s.Rotate(context.Background(), h)
	if err != nil {
		t.Fatal(err)
	}
	h = rotated.Handle
	again := s.once(h, 1, 1)
	h = s.login(h, l).Handle
	again = again && s.once(h, 1, 1)
	guest := s.visitor("")
	s.once(guest, 2, 1)
	s.once(guest, 1, 2) // a client that has come from the other session
	h = s.login(guest, l).Handle
	for _, sent := range []struct {
		sender byte
		id     uint64
	}{{1, 1}, {1, 2}, {2, 1}} {
		again = s.once(h, sent.sender, sent.id) && again
	}
	if !again {
		t.Error("a mutation that was sent again is no duplicate")
	}
	s.wantData(h, `{"n":3}`)
}

func TestRotateKeepsTheEnd(t *testing.T) {
	ctx := context.Background()
	s := serve(t, session.Options{Lifetime: time.Hour})
	for _, data := range []string{"", `{"a":1}`} {
		_, h := s.Begin()
		h.Issued, h.Ends, h.Agent = h.Issued.Add(-time.Minute), h.Ends.Add(-time.Minute), "browser"
		if data != "" {
			s.set(h, data)
		}
		raised := h
		raised.Ends = h.Ends.Add(time.Hour) // as if the lifetime had been raised since
		if data == "" {
			raised = h
		}
		raised.Agent = ""
		into, err := s.Rotate(ctx, raised)
		if err != nil {
			t.Fatal(err)
		}
		d := into.Record.Devices[0]
		if into.Handle.ID != h.ID || into.Handle.Device == h.Device || into.Handle.Ends.UnixMilli() != h.Ends.UnixMilli() ||
			into.Handle.Issued.UnixMilli() != h.Issued.UnixMilli() || !d.Ends.Equal(into.Handle.Ends) || len(into.Record.Devices) != 1 {
			t.Errorf("rotated to %+v, want the end of %+v", into.Handle, h)
		}
		if data != "" && d.Agent != "browser" {
			t.Errorf("the device's agent is %q", d.Agent)
		}
		s.wantDead(h, session.StaleCookie)
		in := s.login(into.Handle, session.Login{User: "ann"})
		if !in.Handle.Ends.After(h.Ends.Add(30*time.Second)) || in.Handle.Issued.Before(h.Issued.Add(30*time.Second)) {
			t.Errorf("a login starts no new lifetime: %+v", in.Handle)
		}
		again, known, err := s.Resolve(ctx, in.Token, in.Handle.Issued)
		if err != nil || again.ID != in.Handle.ID || again.Device != in.Handle.Device || known == nil {
			t.Errorf("the new token leads to %+v, %v", again, err)
		}
	}
}

// TestNoDevice: a login, a rotation and a logout are somebody's.
func TestNoDevice(t *testing.T) {
	ctx := context.Background()
	s := serve(t, session.Options{})
	h := s.visitor(`{"a":1}`)
	code := session.Handle{ID: h.ID}
	_, login := s.Login(ctx, code, session.Login{User: "ann"})
	_, rotate := s.Rotate(ctx, code)
	for what, err := range map[string]error{"login": login, "rotate": rotate, "logout": s.Logout(ctx, code, session.Others)} {
		if session.CodeOf(err) != session.BadRequest || err == nil {
			t.Errorf("%s without a device: %v", what, err)
		}
	}
	s.wantData(h, `{"a":1}`)
}

func TestCheckLogin(t *testing.T) {
	for user, good := range map[string]bool{
		"u42": true, "ann@example.com": true, "Zoë Ö": true, strings.Repeat("u", session.MaxUserBytes): true,
		"": false, " ann": false, "ann ": false, "a\nb": false, "\x00": false, "\xff": false, "ann\u00a0": false,
		strings.Repeat("u", session.MaxUserBytes+1): false,
	} {
		if err := (session.Login{User: user}).Check(); (err == nil) != good {
			t.Errorf("user %q: %v", user, err)
		}
	}
	for key, how := range map[string]session.How{"a/b": session.Sum, "a": "add", "": session.Mine} {
		if (session.Login{User: "u", Combine: map[string]session.How{key: how}}).Check() == nil {
			t.Errorf("combine %q by %q is taken", key, how)
		}
	}
}
