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
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/seshd/seshd/session"
)

// sameRecord compares records as another store may have them: times to the millisecond.
var sameRecord = cmp.Options{
	cmpopts.EquateEmpty(), cmp.AllowUnexported(session.State{}),
	cmp.Transformer("ms", func(t time.Time) int64 { return t.UnixMilli() }),
}

func (s *suite) export() (sessions map[session.ID]*session.Record, tokens map[session.TokenKey]session.TokenRecord) {
	s.Helper()
	sessions, tokens = map[session.ID]*session.Record{}, map[session.TokenKey]session.TokenRecord{}
	err := s.store.Export(context.Background(), func(saved session.Saved) error {
		switch {
		case saved.Record == nil:
			tokens[saved.Key] = saved.Token
			if len(sessions) > 0 {
				s.Error("a token came after a session")
			}
		case sessions[saved.ID()] != nil:
			s.Errorf("session %s came twice", saved.ID())
		default:
			sessions[saved.ID()] = saved.Record
		}
		return nil
	})
	if err != nil {
		s.Fatalf("Export: %v", err)
	}
	return sessions, tokens
}

func (s *suite) take(saved session.Saved, want session.Fate) {
	s.Helper()
	fate, err := s.store.Import(context.Background(), saved)
	if err != nil || fate != want {
		s.Errorf("Import: %v, %v, want %v", fate, err, want)
	}
}

// once is a write that counts once.
func (s *suite) once(h session.Handle, client session.SenderID, id uint64) (duplicate bool) {
	s.Helper()
	m := session.Mutation{Incr: map[string]json.RawMessage{"n": json.RawMessage("1")}, ID: id}
	_, err := s.update(session.Update{Handle: h, Change: func(r *session.Record) (next *session.Record, err error) {
		next, duplicate, err = r.Mutate(session.Write{
			Handle: h, Sender: client, Mutation: &m, Timing: session.Timing{Idle: time.Hour}, Now: time.Now(), Senders: 8,
		})
		return next, err
	}})
	if err != nil {
		s.Fatal(err)
	}
	return duplicate
}

// another is a fresh store with what this one exports.
func (s *suite) another() *suite {
	s.Helper()
	other := &suite{T: s.T, open: s.open}
	other.store, other.reopen = s.open(s.T)
	other.listen()
	err := s.store.Export(context.Background(), func(saved session.Saved) error {
		other.take(saved, session.Taken)
		return nil
	})
	if err != nil {
		s.Fatalf("Export: %v", err)
	}
	return other
}

func exportHasWhatIsAlive(s *suite) {
	alive, ended, over, guest := handle(1), handle(2), handle(3), handle(4)
	s.mustIncr(alive, time.Hour)
	s.mustIncr(ended, time.Hour)
	if err := s.end(ended); err != nil {
		s.Fatal(err)
	}
	s.mustIncr(over, time.Millisecond)
	for s.load(over.ID).Alive(time.Now()) { // it takes a millisecond
	}
	s.mustIncr(guest, time.Hour)
	s.mustLogin(guest, renewed(guest, 14))
	check := func() {
		s.Helper()
		sessions, tokens := s.export()
		if len(sessions) != 2 {
			s.Errorf("%d sessions, want 2", len(sessions))
		}
		for _, id := range []session.ID{alive.ID, guest.ID} {
			if diff := cmp.Diff(s.load(id), sessions[id], sameRecord); diff != "" {
				s.Errorf("session %s: %s", id, diff)
			}
		}
		for _, h := range []session.Handle{ended, over, guest} {
			token, found := tokens[h.Key]
			if !found || token.ID != h.ID || !token.Ends.Equal(h.Ends) || token.Replaced.IsZero() != (h.Key != guest.Key) {
				s.Errorf("token %d: %+v, %v", h.ID[0], token, found)
			}
		}
		if len(tokens) != 4 { // and that of the end
			s.Errorf("%d tokens lead nowhere, want 4", len(tokens))
		}
	}
	check()
	s.store = s.reopen()
	check()
}

// exportEndsAtAnError, and so does one whose reader has gone.
func exportEndsAtAnError(s *suite) {
	s.mustIncr(handle(1), time.Hour)
	s.mustIncr(handle(2), time.Hour)
	enough, calls := errors.New("enough"), 0
	if err := s.store.Export(context.Background(), func(session.Saved) error { calls++; return enough }); !errors.Is(err, enough) || calls != 1 {
		s.Errorf("%v after %d calls", err, calls)
	}
	ctx, cancel := context.WithCancel(context.Background())
	calls = 0
	if err := s.store.Export(ctx, func(session.Saved) error { calls++; cancel(); return nil }); err == nil || calls != 1 {
		s.Errorf("%v after %d calls of a reader that has gone", err, calls)
	}
}

// exportWhileWriting: each session is as one commit left it, and none that was there all the time is missing.
func exportWhileWriting(s *suite) {
	const sessions, rounds = 20, 10
	for n := range byte(sessions) {
		s.mustIncr(handle(n+1), time.Hour)
	}
	stop := make(chan struct{})
	var writers sync.WaitGroup
	for w := range byte(4) {
		writers.Go(func() {
			for i := w; ; i++ {
				select {
				case <-stop:
					return
				default:
				}
				h := handle(i%sessions + 1)
				if _, err := s.update(session.Update{Handle: h, Change: incr(h, time.Hour)}); err != nil {
					s.Error(err)
					return
				}
			}
		})
	}
	for range rounds {
		all, _ := s.export()
		for n := range byte(sessions) {
			r := all[session.ID{n + 1}]
			if r == nil {
				s.Errorf("session %d is missing", n+1)
				continue
			}
			if value, _ := r.State.Get("n"); string(value) != fmt.Sprint(r.State.Version) {
				s.Errorf("n is %s at version %d", value, r.State.Version)
			}
		}
	}
	close(stop)
	writers.Wait()
}

func importBringsAll(s *suite) {
	guest, ended := handle(1), handle(2)
	client := session.SenderID{7}
	s.mustIncr(guest, time.Hour)
	s.mustLogin(guest, renewed(guest, 11))
	fresh := renewed(guest, 11)
	s.once(fresh, client, 5)
	s.mustIncr(ended, time.Hour)
	if err := s.end(ended); err != nil {
		s.Fatal(err)
	}
	other := s.another()
	check := func() {
		s.Helper()
		if diff := cmp.Diff(s.load(guest.ID), other.load(guest.ID), sameRecord); diff != "" {
			s.Errorf("the session differs over there: %s", diff)
		}
		other.wantLive(fresh)
		other.wantReplaced(guest)
		other.wantSessions(guest.ID)
		_, err := other.update(session.Update{Handle: ended, Change: incr(ended, time.Hour)})
		s.wantGone(err)
	}
	check()
	if told := other.events(); len(told) != 1 || told[0].Cause != session.Imported || told[0].Record.State.Version != 2 || len(told[0].Gone) != 0 {
		s.Errorf("the feed told %+v", told)
	}
	other.wantStory(0, session.Life{Cause: session.Created, ID: guest.ID, Device: fresh.Device},
		session.Life{Cause: session.LoggedIn, ID: guest.ID, Device: fresh.Device, User: user})
	other.store = other.reopen()
	check()
	if !other.once(fresh, client, 5) {
		s.Error("what was applied before the move was applied again")
	}
	if r := other.mustIncr(fresh, time.Hour); r.State.Version != 3 {
		s.Errorf("the next version is %d, want 3", r.State.Version)
	}
	mine, theirs := s.sweepAt(fresh.Ends.Add(time.Minute)), other.sweepAt(fresh.Ends.Add(time.Minute))
	if mine != 0 || theirs != 0 {
		s.Errorf("%d and %d sessions outlived their end", mine, theirs)
	}
}

// sweepAt says how many sessions there are after a sweep.
func (s *suite) sweepAt(now time.Time) int {
	s.Helper()
	s.sweep(now)
	sessions, _ := s.export()
	return len(sessions)
}

func importKeepsWhatIsNewer(s *suite) {
	h := handle(1)
	s.mustIncr(h, time.Hour)
	other := s.another()
	other.mustIncr(h, time.Hour)
	old := session.Saved{Record: s.load(h.ID)}
	other.take(old, session.NewerHere)
	if v := other.load(h.ID).State.Version; v != 2 {
		s.Errorf("version %d after an older copy came", v)
	}
	s.mustIncr(h, time.Hour)
	s.mustIncr(h, time.Hour)
	newer := session.Saved{Record: s.load(h.ID)}
	other.take(newer, session.Taken)
	other.take(newer, session.NewerHere)
	r := other.load(h.ID)
	if n, _ := r.State.Get("n"); r.State.Version != 3 || string(n) != "3" {
		s.Errorf("n is %s at version %d after a newer copy came", n, r.State.Version)
	}
	if _, ok := r.State.Since(2); ok {
		s.Error("whoever was told version 2 of this side is told a delta to version 3 of the other")
	}
	told := other.events()
	if last := told[len(told)-1]; len(told) != 3 || last.Record == nil || last.Record.State.Version != 3 {
		s.Errorf("the feed told %+v", told)
	}
}

// importNeverBringsBack what was ended on either side.
func importNeverBringsBack(s *suite) {
	here, there := handle(1), handle(2)
	s.mustIncr(here, time.Hour)
	s.mustIncr(there, time.Hour)
	other := s.another()
	if err := other.end(here); err != nil {
		s.Fatal(err)
	}
	s.mustIncr(here, time.Hour)
	other.take(session.Saved{Record: s.load(here.ID)}, session.EndedHere)
	if err := s.end(there); err != nil {
		s.Fatal(err)
	}
	_, tokens := s.export()
	dead := session.Saved{Key: there.Key, Token: tokens[there.Key]}
	other.take(dead, session.Taken)
	other.take(dead, session.NewerHere)
	for _, h := range []session.Handle{here, there} {
		if other.load(h.ID) != nil {
			s.Errorf("session %d is there", h.ID[0])
		}
		_, err := other.update(session.Update{Handle: h, Change: incr(h, time.Hour)})
		s.wantGone(err)
	}
	told := other.events()
	if last := told[len(told)-1]; last.Record != nil || !slices.Contains(last.Gone, there.Device) {
		s.Errorf("the feed told %+v", last)
	}
	moved := handle(3)
	s.mustIncr(moved, time.Hour)
	other.take(session.Saved{Record: s.load(moved.ID)}, session.Taken)
	if err := other.end(moved); err != nil {
		s.Fatal(err)
	}
	s.mustLogin(moved, renewed(moved, 13)) // which the other does not know of
	other.take(session.Saved{Record: s.load(moved.ID)}, session.EndedHere)
	late := *s.load(here.ID)
	late.ID, late.Deadline = session.ID{9}, time.Now().Add(-time.Second)
	other.take(session.Saved{Record: &late}, session.TimedOut)
}

// importPutsDevicesOut: those that were replaced over there, and those that were logged out here.
func importPutsDevicesOut(s *suite) {
	first, second := handle(1), handle(2)
	s.mustLogin(first, handle(11))
	s.mustLogin(second, handle(12))
	one, two := renewed(first, 11), renewed(first, 12)
	other := s.another()
	logOut := func(s *suite, h session.Handle) {
		s.Helper()
		if _, err := s.update(session.Update{Handle: h, Cause: session.LoggedOut, Change: func(r *session.Record) (*session.Record, error) {
			next := *r
			next.Epoch++
			next.Devices = slices.DeleteFunc(slices.Clone(r.Devices), func(d session.Device) bool { return d.ID == h.Device })
			return &next, nil
		}}); err != nil {
			s.Fatal(err)
		}
	}
	logOut(other, two)
	s.mustIncr(one, time.Hour)
	other.take(session.Saved{Record: s.load(first.ID)}, session.Taken)
	_, err := other.update(session.Update{Handle: two, Change: incr(two, time.Hour)})
	s.wantGone(err)
	other.wantLive(one)
	third := handle(3)
	s.mustIncr(third, time.Hour) // else nothing but a moment tells what comes of it from what is there
	s.mustLogin(third, handle(13))
	other.take(session.Saved{Record: s.load(first.ID)}, session.Taken)
	other.wantLive(renewed(first, 13))
	logOut(s, one)
	_, tokens := s.export()
	other.take(session.Saved{Key: one.Key, Token: tokens[one.Key]}, session.Taken)
	_, err = other.update(session.Update{Handle: one, Change: incr(one, time.Hour)})
	s.wantGone(err)
	other.wantLive(renewed(first, 13))
}

// importBringsNewDevices, however many went before: each end of one counts as a change of devices there, and all of them
// as one here.
func importBringsNewDevices(s *suite) {
	h := handle(1)
	for n := range byte(4) {
		s.mustLogin(handle(n+1), handle(n+11))
	}
	other := s.another()
	change := func(cause session.Cause, asks session.Handle, devices func(*session.Record) *session.Record) {
		s.Helper()
		_, err := s.update(session.Update{Handle: asks, Cause: cause, Change: func(r *session.Record) (*session.Record, error) {
			return devices(r), nil
		}})
		if err != nil {
			s.Fatal(err)
		}
	}
	old, fresh := renewed(h, 11), renewed(h, 21)
	change(session.LoggedOut, old, func(r *session.Record) *session.Record {
		next := *r
		next.Epoch++
		next.Devices = []session.Device{r.Devices[0], r.Devices[3]}
		return &next
	})
	change(session.Rotated, old, func(r *session.Record) *session.Record {
		next := enter(r, fresh, old.Device)
		next.Touched = r.Touched.Add(time.Second)
		return next
	})
	_, tokens := s.export()
	for key, token := range tokens {
		if _, err := other.store.Import(context.Background(), session.Saved{Key: key, Token: token}); err != nil {
			s.Fatal(err)
		}
	}
	other.take(session.Saved{Record: s.load(h.ID)}, session.Taken)
	other.wantLive(fresh)
	other.wantLive(renewed(h, 14))
}
