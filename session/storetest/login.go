package storetest

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/seshd/seshd/session"
)

const user = "u42"

// renewed is the handle of a new token that leads where h does.
func renewed(h session.Handle, n byte) session.Handle {
	fresh := handle(n)
	fresh.ID = h.ID
	return fresh
}

// enter returns the record of a user's shared session with one device more, and without another.
func enter(r *session.Record, fresh session.Handle, without session.DeviceID) *session.Record {
	now := time.Now().Truncate(time.Millisecond)
	next := session.Record{State: &session.State{}, Created: now}
	if r != nil {
		next = *r
	}
	next.ID, next.User, next.Shared = fresh.ID, user, true
	next.Epoch++
	next.Devices = slices.DeleteFunc(slices.Clone(next.Devices), func(d session.Device) bool { return d.ID == without })
	next.Devices = append(next.Devices, session.Device{
		ID: fresh.Device, Key: fresh.Key, Issued: fresh.Issued, Ends: fresh.Ends, Seen: now, Agent: "browser",
	})
	next.Touched, next.Deadline = now, now.Add(time.Hour)
	return &next
}

// join is the Change of a login: a guest's session becomes the user's, or is added to the one that the user shares.
func join(h, fresh session.Handle) func(mine, theirs *session.Record) ([]session.Step, error) {
	return func(mine, theirs *session.Record) ([]session.Step, error) {
		if theirs == nil {
			return []session.Step{{Handle: h, Before: mine, After: enter(mine, renewed(h, fresh.Device[0]), h.Device), Cause: session.LoggedIn}}, nil
		}
		fresh := fresh
		fresh.ID = theirs.ID
		next := enter(theirs, fresh, session.DeviceID{})
		next.Absorbed = append(slices.Clip(next.Absorbed), h.ID)
		if mine != nil {
			n, _ := mine.State.Get("n")
			var err error
			if next.State, err = theirs.State.Apply(&session.Mutation{Incr: map[string]json.RawMessage{"n": n}}, session.Rules{}); err != nil {
				return nil, err
			}
		}
		return []session.Step{
			{Handle: h, Before: mine, Cause: session.LoggedIn, Into: theirs.ID},
			{Handle: fresh, Before: theirs, After: next, Cause: session.LoggedIn, From: h.ID},
		}, nil
	}
}

func (s *suite) login(a session.Admission) error {
	s.Helper()
	done := make(chan error, 1)
	a.Done = func(err error) { done <- err }
	s.store.Login(a)
	select {
	case err := <-done:
		return err
	case <-time.After(30 * time.Second):
		s.Fatal("a login was never answered")
		return nil
	}
}

// mustLogin logs a visitor in, with a new token named by fresh.
func (s *suite) mustLogin(h, fresh session.Handle) {
	s.Helper()
	if err := s.login(session.Admission{Handle: h, User: user, Shared: true, Change: join(h, fresh)}); err != nil {
		s.Fatalf("login: %v", err)
	}
}

func (s *suite) wantSessions(want ...session.ID) {
	s.Helper()
	got, err := s.store.UserSessions(context.Background(), user)
	if err != nil {
		s.Fatalf("UserSessions: %v", err)
	}
	if !slices.Equal(got, want) {
		s.Errorf("the user has %v, want %v", got, want)
	}
}

// wantReplaced wants a token that is stale for a while, and dead after that.
func (s *suite) wantReplaced(h session.Handle) {
	s.Helper()
	_, err := s.update(session.Update{Handle: h, Change: incr(h, time.Hour)})
	if session.CodeOf(err) != session.StaleCookie || err == nil {
		s.Errorf("a write with a token that was replaced just now: %v", err)
	}
	if err := s.login(session.Admission{Handle: h, User: user, Change: join(h, handle(99))}); session.CodeOf(err) != session.StaleCookie || err == nil {
		s.Errorf("a login with a token that was replaced just now: %v", err)
	}
	token, err := s.store.Token(context.Background(), h.Key)
	if err != nil || token == nil || token.Replaced.IsZero() || !token.Ends.Equal(h.Ends) || token.ID != h.ID {
		s.Fatalf("the replaced token: %+v, %v", token, err)
	}
	r := s.load(h.ID)
	if err := h.Admit(r, token, token.Replaced.Add(session.StaleFor-time.Second)); session.CodeOf(err) != session.StaleCookie || err == nil {
		s.Errorf("before StaleFor has passed: %v", err)
	}
	s.wantGone(h.Admit(r, token, token.Replaced.Add(session.StaleFor)))
}

func (s *suite) wantLive(h session.Handle) {
	s.Helper()
	token, err := s.store.Token(context.Background(), h.Key)
	if err != nil || token == nil || !token.Replaced.IsZero() || token.ID != h.ID || !token.Ends.After(time.Now()) {
		s.Errorf("the new token: %+v, %v", token, err)
	}
	if _, err := s.update(session.Update{Handle: h, Change: func(r *session.Record) (*session.Record, error) { return r, nil }}); err != nil {
		s.Errorf("the new token is refused: %v", err)
	}
}

func loginMakesTheSessionTheUsers(s *suite) {
	h := handle(1)
	fresh := renewed(h, 11)
	s.mustIncr(h, time.Hour)
	s.mustLogin(h, fresh)
	check := func() {
		s.Helper()
		if r := s.load(h.ID); r == nil || r.User != user || !r.Shared || r.State.Version != 1 || r.Devices[0].Agent != "browser" {
			s.Errorf("the session is %+v", r)
		}
		s.wantSessions(h.ID)
		s.wantReplaced(h)
		s.wantLive(fresh)
	}
	check()
	told := s.events()
	last := told[len(told)-1]
	if last.Cause != session.LoggedIn || last.Replaced != h.Device || !slices.Equal(last.Gone, []session.DeviceID{h.Device}) || last.Into != (session.ID{}) {
		s.Errorf("the feed told %+v", last)
	}
	s.wantStory(0, session.Life{Cause: session.Created, ID: h.ID, Device: h.Device},
		session.Life{Cause: session.LoggedIn, ID: h.ID, Device: fresh.Device, User: user})
	s.store = s.reopen()
	check()
}

// loginOfTheUnwritten: a visitor who wrote nothing may have tabs open, and a cookie that others know.
func loginOfTheUnwritten(s *suite) {
	h := handle(1)
	fresh := renewed(h, 11)
	s.mustLogin(h, fresh)
	if told := s.events(); len(told) != 1 || told[0].Record == nil || told[0].Replaced != h.Device {
		s.Errorf("the feed told %+v", told)
	}
	s.store = s.reopen()
	s.wantReplaced(h)
	s.wantLive(fresh)
	s.wantSessions(h.ID)
}

// loginAgain: a device that is in gets another token in the same session.
func loginAgain(s *suite) {
	h := handle(1)
	s.mustIncr(h, time.Hour)
	s.mustLogin(h, handle(11))
	fresh, _ := s.load(h.ID).Handle(handle(11).Device)
	again := renewed(h, 12)
	before, newest := len(s.events()), s.newest()
	s.mustLogin(fresh, again)
	check := func() {
		s.Helper()
		if r := s.load(h.ID); r == nil || r.User != user || !r.Shared || r.State.Version != 1 || len(r.Devices) != 1 || len(r.Absorbed) != 0 {
			s.Errorf("the session is %+v", r)
		}
		s.wantSessions(h.ID)
		s.wantReplaced(h)
		s.wantReplaced(fresh)
		s.wantLive(again)
	}
	check()
	told := s.events()[before:]
	if len(told) != 1 || told[0].Record == nil || told[0].Replaced != fresh.Device || told[0].Into != (session.ID{}) {
		s.Errorf("the feed told %+v", told)
	}
	s.wantStory(newest, session.Life{Cause: session.LoggedIn, ID: h.ID, Device: again.Device, User: user})
	s.store = s.reopen()
	check()
}

func loginCombines(s *suite) {
	first, second := handle(1), handle(2)
	s.mustIncr(first, time.Hour)
	s.mustLogin(first, handle(11))
	s.mustIncr(second, time.Hour)
	before, newest := len(s.events()), s.newest()
	fresh := renewed(first, 12)
	s.mustLogin(second, fresh)
	check := func() {
		s.Helper()
		r := s.load(first.ID)
		if n, _ := r.State.Get("n"); string(n) != "2" || len(r.Devices) != 2 || !r.Continues(second.ID) {
			s.Errorf("the shared session has n %s, devices %v, absorbed %v", n, r.Devices, r.Absorbed)
		}
		if s.load(second.ID) != nil {
			s.Error("the visitor's session is still there")
		}
		s.wantSessions(first.ID)
		s.wantReplaced(second)
		s.wantLive(fresh)
		s.wantLive(renewed(first, 11))
	}
	check()
	told := s.events()[before:]
	if len(told) == 2 && told[0].ID == first.ID { // the order is that of each session, not of both
		slices.Reverse(told)
	}
	if len(told) != 2 || told[0].ID != second.ID || told[0].Record != nil || told[0].Into != first.ID || told[0].Replaced != second.Device ||
		told[1].ID != first.ID || told[1].Record == nil || len(told[1].Gone) != 0 {
		s.Errorf("the feed told %+v", told)
	}
	s.wantStory(newest, session.Life{Cause: session.LoggedIn, ID: first.ID, Device: fresh.Device, User: user, From: second.ID})
	s.store = s.reopen()
	check()
}

// loginMeetsOnlyTheShared: not one that has timed out, nor one that the user keeps apart, nor the visitor's own.
func loginMeetsOnlyTheShared(s *suite) {
	for n, alter := range map[byte]func(r *session.Record){
		1: func(r *session.Record) { r.Deadline = time.Now().Add(-time.Second) },
		2: func(r *session.Record) { r.Shared = false },
	} {
		h := handle(n)
		err := s.login(session.Admission{Handle: h, User: user, Shared: true, Change: func(mine, _ *session.Record) ([]session.Step, error) {
			r := enter(mine, renewed(h, 10+n), h.Device)
			alter(r)
			return []session.Step{{Handle: h, Before: mine, After: r, Cause: session.LoggedIn}}, nil
		}})
		if err != nil {
			s.Fatal(err)
		}
	}
	h := handle(3)
	s.mustIncr(h, time.Hour)
	s.mustLogin(h, handle(13))
	if s.load(h.ID) == nil {
		s.Error("the visitor was combined into a session that is none of the shared")
	}
	again := renewed(h, 13)
	met := false
	if err := s.login(session.Admission{Handle: again, User: user, Shared: true, Change: func(mine, theirs *session.Record) ([]session.Step, error) {
		met = mine == nil || theirs != nil
		return nil, nil
	}}); err != nil || met {
		s.Errorf("a login in the shared session met another: %v, %v", met, err)
	}
}

func loginThatFailsChangesNothing(s *suite) {
	first, second := handle(1), handle(2)
	s.mustIncr(first, time.Hour)
	s.mustLogin(first, handle(11))
	s.mustIncr(second, time.Hour)
	told, newest := len(s.events()), s.newest()
	theirs, mine := s.load(first.ID), s.load(second.ID)
	refused := errors.New("refused")
	err := s.login(session.Admission{Handle: second, User: user, Shared: true, Change: func(mine, theirs *session.Record) ([]session.Step, error) {
		steps, _ := join(second, handle(12))(mine, theirs)
		return steps, refused
	}})
	if !errors.Is(err, refused) {
		s.Errorf("got %v", err)
	}
	if err := s.login(session.Admission{Handle: second, User: user, Shared: true, Change: func(_, _ *session.Record) ([]session.Step, error) {
		return nil, nil
	}}); err != nil {
		s.Errorf("a login that asks for nothing: %v", err)
	}
	for _, was := range []*session.Record{theirs, mine} {
		if diff := cmp.Diff(was.State.Data(nil), s.load(was.ID).State.Data(nil)); diff != "" || s.load(was.ID).Epoch != was.Epoch {
			s.Errorf("session %s changed: %s", was.ID, diff)
		}
	}
	if token, _ := s.store.Token(context.Background(), handle(12).Key); token != nil || len(s.events()) != told || s.newest() != newest {
		s.Errorf("token %v, %d events more, the story at %d, was at %d", token, len(s.events())-told, s.newest(), newest)
	}
	s.wantLive(second)
}

// concurrentLoginsMeet: whichever device of a user is first, the others come to it, and nothing that they bring is lost.
func concurrentLoginsMeet(s *suite) {
	const devices = 20
	var all sync.WaitGroup
	for n := byte(1); n <= devices; n++ {
		all.Go(func() {
			h := handle(n)
			if _, err := s.update(session.Update{Handle: h, Change: incr(h, time.Hour)}); err != nil {
				s.Error(err)
			}
			if err := s.login(session.Admission{Handle: h, User: user, Shared: true, Change: join(h, handle(100+n))}); err != nil {
				s.Error(err)
			}
		})
	}
	all.Wait()
	ids, err := s.store.UserSessions(context.Background(), user)
	if err != nil || len(ids) != 1 {
		s.Fatalf("the user has %v, %v", ids, err)
	}
	r := s.load(ids[0])
	if n, _ := r.State.Get("n"); string(n) != fmt.Sprint(devices) || len(r.Devices) != devices {
		s.Errorf("n is %s, with %d devices", n, len(r.Devices))
	}
	for n := byte(1); n <= devices; n++ {
		s.wantLive(renewed(session.Handle{ID: r.ID}, 100+n))
		if id := (session.ID{n}); id != r.ID && s.load(id) != nil {
			s.Errorf("session %d is still there", n)
		}
	}
}

func usersListFollowsTheSessions(s *suite) {
	s.wantSessions()
	apart := func(n byte, idle time.Duration) session.Handle {
		h := handle(n)
		fresh := renewed(h, 10+n)
		err := s.login(session.Admission{Handle: h, User: user, Change: func(mine, _ *session.Record) ([]session.Step, error) {
			r := enter(mine, fresh, h.Device)
			r.Deadline = time.Now().Add(idle)
			return []session.Step{{Handle: h, Before: mine, After: r, Cause: session.LoggedIn}}, nil
		}})
		if err != nil {
			s.Fatal(err)
		}
		return fresh
	}
	ended, timedOut, stays := apart(1, time.Hour), apart(2, time.Minute), apart(3, time.Hour)
	s.wantSessions(ended.ID, timedOut.ID, stays.ID)
	if err := s.end(ended); err != nil {
		s.Fatal(err)
	}
	s.wantSessions(timedOut.ID, stays.ID)
	s.sweep(time.Now().Add(10 * time.Minute))
	s.wantSessions(stays.ID)
	s.store = s.reopen()
	s.wantSessions(stays.ID)
	if err := s.end(stays); err != nil {
		s.Fatal(err)
	}
	s.wantSessions()
	if ids, err := s.store.UserSessions(context.Background(), "u4"); len(ids) != 0 || err != nil {
		s.Errorf("another user has %v, %v", ids, err)
	}
}

// rotatedUnwrittenStaysDead: the record that a rotation begins is the new token's alone.
func rotatedUnwrittenStaysDead(s *suite) {
	h := handle(1)
	fresh := renewed(h, 11)
	rotate := func(r *session.Record) (*session.Record, error) {
		next := enter(r, fresh, h.Device)
		next.User, next.Shared = "", false
		return next, nil
	}
	if _, err := s.update(session.Update{Handle: h, Cause: session.Rotated, Change: rotate}); err != nil {
		s.Fatal(err)
	}
	if told := s.events(); len(told) != 1 || told[0].Replaced != h.Device || !slices.Contains(told[0].Gone, h.Device) {
		s.Errorf("the feed told %+v", told)
	}
	s.wantReplaced(h)
	s.wantLive(fresh)
	s.store = s.reopen()
	s.wantReplaced(h)
	s.mustIncr(fresh, time.Hour)
	if err := s.end(fresh); err != nil {
		s.Fatal(err)
	}
	s.store = s.reopen()
	s.wantReplaced(h) // also now that there is no session
}
