// Package storetest is the contract of session.Store as a suite that every store must pass.
package storetest

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/seshd/seshd/session"
)

// Run runs the suite. open opens a fresh store, each time another one; reopen closes the store that was opened
// last and opens the same data again. Both close what they opened when the test ends.
func Run(t *testing.T, open func(t *testing.T) (store session.Store, reopen func() session.Store)) {
	for name, test := range map[string]func(*suite){
		"CommitIsVisibleAndTold":        commitIsVisibleAndTold,
		"UnchangedIsNotTold":            unchangedIsNotTold,
		"ErrorChangesNothing":           errorChangesNothing,
		"ValuesKeepTheirText":           valuesKeepTheirText,
		"OrderOfAnswers":                orderOfAnswers,
		"ConcurrentUpdatesAreNotLost":   concurrentUpdatesAreNotLost,
		"EndedStaysEnded":               endedStaysEnded,
		"UnwrittenEndedStaysEnded":      unwrittenEndedStaysEnded,
		"UnknownDeviceIsFenced":         unknownDeviceIsFenced,
		"CodeNeedsASession":             codeNeedsASession,
		"TokenOutlivesSession":          tokenOutlivesSession,
		"TicketsAreTakenOnce":           ticketsAreTakenOnce,
		"SweepEndsWhatTimedOut":         sweepEndsWhatTimedOut,
		"SweepKeepsWhatIsAlive":         sweepKeepsWhatIsAlive,
		"SweepFindsAnEarlierDeadline":   sweepFindsAnEarlierDeadline,
		"SweepForgetsTokensAndTickets":  sweepForgetsTokensAndTickets,
		"AcknowledgedSurvivesReopening": acknowledgedSurvivesReopening,
		"ClosedRefuses":                 closedRefuses,
		"LoginMakesTheSessionTheUsers":  loginMakesTheSessionTheUsers,
		"LoginOfTheUnwritten":           loginOfTheUnwritten,
		"LoginAgain":                    loginAgain,
		"LoginCombines":                 loginCombines,
		"LoginMeetsOnlyTheShared":       loginMeetsOnlyTheShared,
		"LoginThatFailsChangesNothing":  loginThatFailsChangesNothing,
		"ConcurrentLoginsMeet":          concurrentLoginsMeet,
		"UsersListFollowsTheSessions":   usersListFollowsTheSessions,
		"RotatedUnwrittenStaysDead":     rotatedUnwrittenStaysDead,
		"StoryTellsLives":               storyTellsLives,
		"StoryOfAnotherStore":           storyOfAnotherStore,
		"StoryHasNoHoles":               storyHasNoHoles,
		"ExportHasWhatIsAlive":          exportHasWhatIsAlive,
		"ExportEndsAtAnError":           exportEndsAtAnError,
		"ExportWhileWriting":            exportWhileWriting,
		"ImportBringsAll":               importBringsAll,
		"ImportKeepsWhatIsNewer":        importKeepsWhatIsNewer,
		"ImportNeverBringsBack":         importNeverBringsBack,
		"ImportPutsDevicesOut":          importPutsDevicesOut,
		"ImportBringsNewDevices":        importBringsNewDevices,
	} {
		t.Run(name, func(t *testing.T) {
			s := &suite{T: t, open: open}
			s.store, s.reopen = open(t)
			s.listen()
			test(s)
		})
	}
}

type suite struct {
	*testing.T
	store  session.Store
	reopen func() session.Store
	open   func(t *testing.T) (store session.Store, reopen func() session.Store)

	mu   sync.Mutex
	told []session.Event
}

func (s *suite) listen() {
	s.store.Feed(func(e session.Event) {
		s.mu.Lock()
		defer s.mu.Unlock()
		s.told = append(s.told, e)
	})
}

func (s *suite) events() []session.Event {
	s.mu.Lock()
	defer s.mu.Unlock()
	return append([]session.Event(nil), s.told...)
}

// handle makes the handle of a visitor who has not written yet.
func handle(n byte) session.Handle {
	now := time.Now().Truncate(time.Millisecond)
	return session.Handle{
		ID: session.ID{n}, Device: session.DeviceID{n}, Key: session.TokenKey{n}, Issued: now, Ends: now.Add(time.Hour),
	}
}

// incr is a change that adds one to n, and begins the session where there is none.
func incr(h session.Handle, idle time.Duration) func(*session.Record) (*session.Record, error) {
	m := session.Mutation{Incr: map[string]json.RawMessage{"n": json.RawMessage("1")}}
	return func(r *session.Record) (*session.Record, error) {
		next, _, err := r.Mutate(session.Write{Handle: h, By: session.ByAPI, Mutation: &m, Timing: session.Timing{Idle: idle}, Now: time.Now()})
		return next, err
	}
}

func (s *suite) update(u session.Update) (*session.Record, error) {
	s.Helper()
	type outcome struct {
		r   *session.Record
		err error
	}
	done := make(chan outcome, 1)
	u.Done = func(r *session.Record, err error) { done <- outcome{r, err} }
	s.store.Update(u)
	select {
	case o := <-done:
		return o.r, o.err
	case <-time.After(30 * time.Second):
		s.Fatal("an update was never answered")
		return nil, nil
	}
}

func (s *suite) mustIncr(h session.Handle, idle time.Duration) *session.Record {
	s.Helper()
	r, err := s.update(session.Update{Handle: h, Change: incr(h, idle)})
	if err != nil {
		s.Fatalf("update: %v", err)
	}
	return r
}

func (s *suite) load(id session.ID) *session.Record {
	s.Helper()
	r, err := s.store.Load(context.Background(), id)
	if err != nil {
		s.Fatalf("Load: %v", err)
	}
	return r
}

func (s *suite) end(h session.Handle) error {
	s.Helper()
	_, err := s.update(session.Update{Handle: h, Cause: session.Destroyed, Change: func(*session.Record) (*session.Record, error) { return nil, nil }})
	return err
}

func (s *suite) wantGone(err error) {
	s.Helper()
	if session.CodeOf(err) != session.NoSuchSession {
		s.Errorf("got %v, want no_such_session", err)
	}
}

func commitIsVisibleAndTold(s *suite) {
	h := handle(1)
	if r := s.load(h.ID); r != nil {
		s.Fatalf("a fresh store has %v", r)
	}
	for want := uint64(1); want <= 3; want++ {
		r := s.mustIncr(h, time.Hour)
		got := s.load(h.ID)
		if got.State.Version != want || r.State.Version != want {
			s.Fatalf("version %d loaded, %d answered, want %d", got.State.Version, r.State.Version, want)
		}
		if diff := cmp.Diff(r.State.Data(nil), got.State.Data(nil)); diff != "" {
			s.Errorf("loaded and answered differ: %s", diff)
		}
		told := s.events()
		if len(told) != int(want) || told[want-1].Record.State.Version != want || got.By != session.ByAPI {
			s.Fatalf("the feed told %v", told)
		}
	}
	token, err := s.store.Token(context.Background(), h.Key)
	if err != nil || token == nil || token.ID != h.ID || !token.Ends.Equal(h.Ends) {
		s.Errorf("Token: %v, %v", token, err)
	}
}

func unchangedIsNotTold(s *suite) {
	h := handle(1)
	same := func(r *session.Record) (*session.Record, error) { return r, nil }
	if r, err := s.update(session.Update{Handle: h, Change: same}); r != nil || err != nil {
		s.Errorf("nothing on nothing: %v, %v", r, err)
	}
	if token, _ := s.store.Token(context.Background(), h.Key); token != nil {
		s.Error("a visitor who wrote nothing has a token record")
	}
	s.mustIncr(h, time.Hour)
	if r, err := s.update(session.Update{Handle: h, Change: same}); r == nil || err != nil {
		s.Errorf("nothing on something: %v, %v", r, err)
	}
	if n := len(s.events()); n != 1 {
		s.Errorf("%d events, want 1", n)
	}
}

func errorChangesNothing(s *suite) {
	h := handle(1)
	s.mustIncr(h, time.Hour)
	mine := errors.New("mine")
	_, err := s.update(session.Update{Handle: h, Change: func(r *session.Record) (*session.Record, error) {
		next, _ := incr(h, time.Hour)(r)
		return next, mine
	}})
	if !errors.Is(err, mine) || s.load(h.ID).State.Version != 1 || len(s.events()) != 1 {
		s.Errorf("got %v at version %d", err, s.load(h.ID).State.Version)
	}
}

// orderOfAnswers: updates of one session, sent without waiting, are applied and answered in order, each after its event.
func orderOfAnswers(s *suite) {
	const n = 500
	h := handle(1)
	type answer struct {
		version uint64
		told    int
	}
	answers := make(chan answer, n)
	for range n {
		s.store.Update(session.Update{Handle: h, Change: incr(h, time.Hour), Done: func(r *session.Record, err error) {
			if err != nil {
				s.Error(err)
				answers <- answer{}
				return
			}
			answers <- answer{r.State.Version, len(s.events())}
		}})
	}
	for want := 1; want <= n; want++ {
		if a := <-answers; a.version != uint64(want) || a.told < want {
			s.Fatalf("answer %d is of version %d, after %d events", want, a.version, a.told)
		}
	}
	for i, e := range s.events() {
		if e.Record.State.Version != uint64(i+1) {
			s.Fatalf("event %d is of version %d", i, e.Record.State.Version)
		}
	}
}

func concurrentUpdatesAreNotLost(s *suite) {
	const writers, each, sessions = 16, 25, 3
	var all sync.WaitGroup
	for w := range writers {
		all.Go(func() {
			for i := range each {
				h := handle(byte(1 + (w+i)%sessions))
				if _, err := s.update(session.Update{Handle: h, Change: incr(h, time.Hour)}); err != nil {
					s.Error(err)
				}
			}
		})
	}
	all.Wait()
	sum := uint64(0)
	for n := range sessions {
		r := s.load(session.ID{byte(1 + n)})
		value, _ := r.State.Get("n")
		if string(value) != fmt.Sprint(r.State.Version) {
			s.Errorf("n is %s at version %d", value, r.State.Version)
		}
		sum += r.State.Version
	}
	if sum != writers*each {
		s.Errorf("%d increments arrived, want %d", sum, writers*each)
	}
}

func endedStaysEnded(s *suite) {
	h := handle(1)
	s.mustIncr(h, time.Hour)
	if err := s.end(h); err != nil {
		s.Fatal(err)
	}
	told := s.events()
	if last := told[len(told)-1]; last.Record != nil || last.Cause != session.Destroyed || last.ID != h.ID {
		s.Errorf("the feed told %v", last)
	}
	if s.load(h.ID) != nil {
		s.Error("the session is still there")
	}
	_, err := s.update(session.Update{Handle: h, Change: incr(h, time.Hour)})
	s.wantGone(err)
	s.wantGone(s.end(h))
	s.store = s.reopen()
	_, err = s.update(session.Update{Handle: h, Change: incr(h, time.Hour)})
	s.wantGone(err)
}

func unwrittenEndedStaysEnded(s *suite) {
	h := handle(1)
	if err := s.end(h); err != nil {
		s.Fatal(err)
	}
	if told := s.events(); len(told) != 1 || told[0].Cause != session.Destroyed {
		s.Errorf("the feed told %v", told)
	}
	_, err := s.update(session.Update{Handle: h, Change: incr(h, time.Hour)})
	s.wantGone(err)
}

func unknownDeviceIsFenced(s *suite) {
	h := handle(1)
	s.mustIncr(h, time.Hour)
	h.Device = session.DeviceID{9}
	_, err := s.update(session.Update{Handle: h, Change: incr(h, time.Hour)})
	s.wantGone(err)
	s.wantGone(s.end(h))
}

func codeNeedsASession(s *suite) {
	code := session.Handle{ID: session.ID{1}}
	_, err := s.update(session.Update{Handle: code, Change: incr(code, time.Hour)})
	s.wantGone(err)
	s.mustIncr(handle(1), time.Hour)
	if r, err := s.update(session.Update{Handle: code, Change: incr(code, time.Hour)}); err != nil || r.State.Version != 2 {
		s.Errorf("code on a session: %v, %v", r, err)
	}
}

func tokenOutlivesSession(s *suite) {
	h := handle(1)
	s.mustIncr(h, time.Hour)
	if err := s.end(h); err != nil {
		s.Fatal(err)
	}
	if token, err := s.store.Token(context.Background(), h.Key); token == nil || err != nil {
		s.Errorf("the token of an ended session is unknown: %v, %v", token, err)
	}
}

func ticketsAreTakenOnce(s *suite) {
	ctx := context.Background()
	want := session.Ticket{Handle: handle(7), Expires: time.Now().Add(time.Minute).Truncate(time.Millisecond)}
	if err := s.store.PutTicket(ctx, session.TicketKey{1}, want); err != nil {
		s.Fatal(err)
	}
	var (
		all   sync.WaitGroup
		mu    sync.Mutex
		taken []session.Ticket
	)
	for range 50 {
		all.Go(func() {
			got, found, err := s.store.TakeTicket(ctx, session.TicketKey{1})
			mu.Lock()
			defer mu.Unlock()
			if err != nil {
				s.Error(err)
			}
			if found {
				taken = append(taken, got)
			}
		})
	}
	all.Wait()
	if diff := cmp.Diff([]session.Ticket{want}, taken); diff != "" {
		s.Errorf("tickets taken: %s", diff)
	}
	if _, found, err := s.store.TakeTicket(ctx, session.TicketKey{2}); found || err != nil {
		s.Errorf("an unknown ticket: %v, %v", found, err)
	}
}

func (s *suite) sweep(now time.Time) {
	s.Helper()
	if _, err := s.store.Sweep(context.Background(), now); err != nil {
		s.Fatalf("Sweep: %v", err)
	}
}

func sweepEndsWhatTimedOut(s *suite) {
	h, other := handle(1), handle(2)
	s.mustIncr(h, time.Minute)
	s.mustIncr(other, 30*time.Minute)
	s.sweep(time.Now().Add(10 * time.Minute))
	if s.load(h.ID) != nil || s.load(other.ID) == nil {
		s.Errorf("after the sweep: %v, %v", s.load(h.ID), s.load(other.ID))
	}
	told := s.events()
	if last := told[len(told)-1]; len(told) != 3 || last.ID != h.ID || last.Cause != session.Expired {
		s.Errorf("the feed told %v", told)
	}
	_, err := s.update(session.Update{Handle: h, Change: incr(h, time.Hour)})
	s.wantGone(err)
}

func sweepKeepsWhatIsAlive(s *suite) {
	h := handle(1)
	s.mustIncr(h, time.Minute)
	s.mustIncr(h, 30*time.Minute) // the deadline moved; the index does not know
	s.sweep(time.Now().Add(10 * time.Minute))
	if s.load(h.ID) == nil {
		s.Fatal("the sweep took a session that is alive")
	}
	s.sweep(time.Now().Add(40 * time.Minute))
	if s.load(h.ID) != nil {
		s.Error("the second sweep forgot the session")
	}
}

func sweepFindsAnEarlierDeadline(s *suite) {
	h := handle(1)
	s.mustIncr(h, 50*time.Minute)
	s.mustIncr(h, time.Minute) // the time-out was made shorter
	s.sweep(time.Now().Add(10 * time.Minute))
	if s.load(h.ID) != nil {
		s.Error("the sweep waits for the deadline that was")
	}
}

// sweepForgetsTokensAndTickets: a sweep at their end does, or the store has by itself by then.
func sweepForgetsTokensAndTickets(s *suite) {
	const life = 300 * time.Millisecond
	ctx := context.Background()
	h := handle(1)
	h.Ends = time.Now().Add(life).Truncate(time.Millisecond)
	s.mustIncr(h, time.Minute)
	if token, err := s.store.Token(ctx, h.Key); token == nil && time.Now().Before(h.Ends) {
		s.Errorf("no token: %v", err)
	}
	if err := s.store.PutTicket(ctx, session.TicketKey{1}, session.Ticket{Handle: h, Expires: h.Ends}); err != nil {
		s.Fatal(err)
	}
	tick := time.NewTicker(life / 10)
	defer tick.Stop()
	for deadline := time.Now().Add(30 * time.Second); ; <-tick.C {
		s.sweep(time.Now())
		token, err := s.store.Token(ctx, h.Key)
		if err != nil {
			s.Fatal(err)
		}
		if token == nil {
			break
		}
		if time.Now().After(deadline) {
			s.Fatal("a token outlived its end")
		}
	}
	if time.Now().Before(h.Ends) {
		s.Error("a token was forgotten before its end")
	}
	if _, found, _ := s.store.TakeTicket(ctx, session.TicketKey{1}); found {
		s.Error("a ticket outlived its end")
	}
}

func acknowledgedSurvivesReopening(s *suite) {
	want := make(map[byte]session.Data)
	for n := range byte(20) {
		h := handle(n + 1)
		for range n%3 + 1 {
			want[n+1] = s.mustIncr(h, time.Hour).State.Data(nil)
		}
	}
	s.store = s.reopen()
	for n, data := range want {
		r := s.load(session.ID{n})
		if diff := cmp.Diff(data, r.State.Data(nil)); diff != "" {
			s.Errorf("session %d differs after reopening: %s", n, diff)
		}
	}
}

func closedRefuses(s *suite) {
	h := handle(1)
	s.mustIncr(h, time.Hour)
	if err := s.store.Close(); err != nil {
		s.Fatal(err)
	}
	_, err := s.update(session.Update{Handle: h, Change: incr(h, time.Hour)})
	if session.CodeOf(err) != session.Unavailable {
		s.Errorf("update on a closed store: %v", err)
	}
	if _, err := s.store.Load(context.Background(), h.ID); session.CodeOf(err) != session.Unavailable || err == nil {
		s.Errorf("load on a closed store: %v", err)
	}
	if err := s.store.Ready(context.Background()); err == nil {
		s.Error("a closed store is ready")
	}
	s.reopen()
}
