package session_test

import (
	"context"
	"sync"
	"testing"
	"time"

	"github.com/seshd/seshd/session"
)

// house is ann's shared session on two devices, another of hers apart, and bob's.
type house struct {
	server
	phone, laptop, apart, bob session.Handle
}

func houseOf(t *testing.T) house {
	s := serve(t, session.Options{})
	return house{
		server: s,
		phone:  s.login(s.visitor(`{"a":1}`), session.Login{User: "ann", Shared: true}).Handle,
		laptop: s.login(s.visitor(""), session.Login{User: "ann", Shared: true}).Handle,
		apart:  s.login(s.visitor(`{"b":1}`), session.Login{User: "ann"}).Handle,
		bob:    s.login(s.visitor(`{"c":1}`), session.Login{User: "bob", Shared: true}).Handle,
	}
}

func TestLogout(t *testing.T) {
	for scope, stay := range map[session.Scope]string{session.This: "laptop apart bob", session.Others: "phone bob", session.All: "bob"} {
		h := houseOf(t)
		if err := h.Logout(context.Background(), h.phone, scope); err != nil {
			t.Fatalf("%s: %v", scope, err)
		}
		got := ""
		for _, device := range []struct {
			name string
			h    session.Handle
		}{{"phone", h.phone}, {"laptop", h.laptop}, {"apart", h.apart}, {"bob", h.bob}} {
			if _, err := h.Load(context.Background(), device.h); err == nil {
				got += " " + device.name
			} else {
				h.wantDead(device.h, session.NoSuchSession)
			}
		}
		if got != " "+stay {
			t.Errorf("%s: these stay:%s, want: %s", scope, got, stay)
		}
		h.wantSessions("bob", h.bob.ID)
		switch scope {
		case session.This:
			h.wantSessions("ann", h.laptop.ID, h.apart.ID)
		case session.Others:
			h.wantSessions("ann", h.phone.ID)
		case session.All:
			h.wantSessions("ann")
		}
	}
}

func TestLogoutOfTheLastDevice(t *testing.T) {
	ctx := context.Background()
	s := serve(t, session.Options{})
	for _, h := range []session.Handle{s.visitor(""), s.visitor(`{"a":1}`), s.login(s.visitor(`{"a":1}`), session.Login{User: "ann"}).Handle} {
		if err := s.Logout(ctx, h, session.This); err != nil {
			t.Fatal(err)
		}
		s.wantDead(h, session.NoSuchSession)
		if _, err := s.Load(ctx, session.Handle{ID: h.ID}); session.CodeOf(err) != session.NoSuchSession {
			t.Errorf("the session is still there: %v", err)
		}
	}
	for _, data := range []string{``, `{"a":1}`} { // there are no others
		guest := s.visitor(data)
		if err := s.Logout(ctx, guest, session.Others); err != nil {
			t.Fatal(err)
		}
		s.set(guest, `{"b":1}`)
	}
}

func TestEndUser(t *testing.T) {
	h := houseOf(t)
	if n, err := h.EndUser(context.Background(), "ann"); n != 2 || err != nil {
		t.Errorf("ended %d, %v", n, err)
	}
	for _, gone := range []session.Handle{h.phone, h.laptop, h.apart} {
		h.wantDead(gone, session.NoSuchSession)
	}
	h.wantSessions("ann")
	h.wantData(h.bob, `{"c":1}`)
	if n, err := h.EndUser(context.Background(), "nobody"); n != 0 || err != nil {
		t.Errorf("ended %d of nobody's, %v", n, err)
	}
	back := h.login(h.visitor(""), session.Login{User: "ann", Shared: true})
	h.wantData(back.Handle, `{}`)
}

// TestFence: a handle, and a ticket, from before a device's end can do nothing after it, and brings nothing back.
func TestFence(t *testing.T) {
	ctx := context.Background()
	for what, test := range map[string]struct {
		end  func(s server, h session.Handle) error
		code session.Code
	}{
		"rotated": {func(s server, h session.Handle) error { _, err := s.Rotate(ctx, h); return err }, session.StaleCookie},
		"login": {func(s server, h session.Handle) error {
			_, err := s.Login(ctx, h, session.Login{User: "u"})
			return err
		}, session.StaleCookie},
		"logged out": {func(s server, h session.Handle) error { return s.Logout(ctx, h, session.This) }, session.NoSuchSession},
		"destroyed":  {func(s server, h session.Handle) error { return s.Destroy(ctx, h, nil) }, session.NoSuchSession},
	} {
		for _, data := range []string{"", `{"a":1}`} {
			s := serve(t, session.Options{IdleTimeout: 800 * time.Millisecond})
			h := s.visitor(data)
			held, err := s.Load(ctx, h)
			if err != nil {
				t.Fatal(err)
			}
			ticket, err := s.MintTicket(ctx, h)
			if err != nil {
				t.Fatal(err)
			}
			if err := test.end(s, h); err != nil {
				t.Fatalf("%s: %v", what, err)
			}
			before, _ := s.Load(ctx, session.Handle{ID: h.ID})
			time.Sleep(s.Grain() + 20*time.Millisecond) // a touch would be worth a commit
			s.Touch(h, held)
			s.wantDead(h, test.code)
			if _, err := s.RedeemTicket(ctx, ticket); session.CodeOf(err) != session.BadTicket {
				t.Errorf("%s: the ticket is good: %v", what, err)
			}
			after, _ := s.Load(ctx, session.Handle{ID: h.ID})
			if (before == nil) != (after == nil) || before != nil && (!after.Touched.Equal(before.Touched) || after.State.Version != before.State.Version) {
				t.Errorf("%s: the session was %+v, is %+v", what, before, after)
			}
		}
	}
}

// TestFenceOfTheExpired: neither before nor after the sweep has found the session.
func TestFenceOfTheExpired(t *testing.T) {
	s := serve(t, session.Options{IdleTimeout: 200 * time.Millisecond})
	h := s.login(s.visitor(`{"a":1}`), session.Login{User: "ann", Shared: true}).Handle
	r, err := s.Load(context.Background(), h)
	if err != nil {
		t.Fatal(err)
	}
	time.Sleep(time.Until(r.Deadline))
	s.wantDead(h, session.NoSuchSession)
	s.wantSessions("ann")
	into := s.login(s.visitor(""), session.Login{User: "ann", Shared: true})
	if into.Handle.ID == h.ID {
		t.Error("a login led into a session that has timed out")
	}
	time.Sleep(2 * s.Grain())
	s.wantDead(h, session.NoSuchSession)
}

// TestExpiredDevice: its absolute end is not put off by the others', whose session goes on.
func TestExpiredDevice(t *testing.T) {
	ctx := context.Background()
	s := serve(t, session.Options{Lifetime: 600 * time.Millisecond})
	phone := s.login(s.visitor(`{"a":1}`), session.Login{User: "ann", Shared: true})
	time.Sleep(300 * time.Millisecond)
	laptop := s.login(s.visitor(""), session.Login{User: "ann", Shared: true}).Handle
	s.wantData(phone.Handle, `{"a":1}`)
	time.Sleep(time.Until(phone.Handle.Ends))
	s.wantDead(phone.Handle, session.NoSuchSession)
	s.wantData(laptop, `{"a":1}`)
	time.Sleep(2 * s.Grain()) // by now the sweep has forgotten the token
	if _, _, err := s.Resolve(ctx, phone.Token, phone.Handle.Issued); session.CodeOf(err) != session.NoSuchSession {
		t.Errorf("the token that the sweep has forgotten: %v", err)
	}
}

// TestOnlyOneRotationWins: two answers with a new cookie each would leave the browser with a dead one.
func TestOnlyOneRotationWins(t *testing.T) {
	for _, data := range []string{"", `{"a":1}`} {
		s := serve(t, session.Options{})
		h := s.visitor(data)
		var (
			all sync.WaitGroup
			mu  sync.Mutex
			won []session.LoggedInto
		)
		for i := range 16 {
			all.Go(func() {
				renew := func() (session.LoggedInto, error) { return s.Rotate(context.Background(), h) }
				if i%2 == 0 {
					renew = func() (session.LoggedInto, error) {
						return s.Login(context.Background(), h, session.Login{User: "ann"})
					}
				}
				into, err := renew()
				mu.Lock()
				defer mu.Unlock()
				if err == nil {
					won = append(won, into)
				} else if session.CodeOf(err) != session.StaleCookie {
					t.Error(err)
				}
			})
		}
		all.Wait()
		if len(won) != 1 {
			t.Fatalf("%d of them won", len(won))
		}
	}
}

// TestMaxDevicesOfAUser: the device that was seen least recently is logged out, its cookie not replaced.
func TestMaxDevicesOfAUser(t *testing.T) {
	s := serve(t, session.Options{})
	var in []session.Handle
	for range session.MaxDevices + 1 {
		in = append(in, s.login(s.visitor(""), session.Login{User: "ann", Shared: true}).Handle)
	}
	s.wantDead(in[0], session.NoSuchSession)
	for _, h := range in[1:] {
		if _, err := s.Load(context.Background(), h); err != nil {
			t.Errorf("one that was seen later: %v", err)
		}
	}
}
