package redisstore

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/seshd/seshd/session"
	"github.com/seshd/seshd/session/redisstore/redistest"
)

// patience is how long a test waits for what comes within milliseconds on a machine that is not busy.
const patience = 30 * time.Second

// server is a store with what its feed and its Listener were told.
type server struct {
	*Store
	t      testing.TB
	events chan session.Event
	missed chan bool // anew
	tabs   chan int
}

func serverOn(t *testing.T, redis *redistest.Server) *server {
	t.Helper()
	return serverAt(t, redis.URL())
}

func serverAt(t *testing.T, url string) *server {
	t.Helper()
	s := &server{
		Store: openStore(t, url, 0), t: t,
		events: make(chan session.Event, 10_000), missed: make(chan bool, 1000), tabs: make(chan int, 1000),
	}
	s.Feed(func(e session.Event) { s.events <- e })
	s.Listen(session.Listener{
		Missed:   func(_ []session.ID, anew bool) { s.missed <- anew },
		Tabs:     func(_ session.ID, elsewhere int) { s.tabs <- elsewhere },
		Describe: func(id session.ID) []byte { return []byte(s.node.String() + " has " + id.String()) },
	})
	return s
}

func visitor(n byte) session.Handle {
	now := time.Now().Truncate(time.Millisecond)
	return session.Handle{ID: session.ID{n}, Device: session.DeviceID{n}, Key: session.TokenKey{n}, Issued: now, Ends: now.Add(time.Hour)}
}

// add adds one to n.
func (s *server) add(h session.Handle) (*session.Record, error) {
	return s.mutate(h, session.Mutation{Incr: map[string]json.RawMessage{"n": json.RawMessage("1")}})
}

func (s *server) mutate(h session.Handle, m session.Mutation) (*session.Record, error) {
	type outcome struct {
		r   *session.Record
		err error
	}
	done := make(chan outcome, 1)
	s.Update(session.Update{
		Handle: h,
		Change: func(r *session.Record) (*session.Record, error) {
			next, _, err := r.Mutate(session.Write{Handle: h, By: session.ByAPI, Mutation: &m, Timing: session.Timing{Idle: time.Hour}, Now: time.Now()})
			return next, err
		},
		Done: func(r *session.Record, err error) { done <- outcome{r, err} },
	})
	o := <-done
	return o.r, o.err
}

func (s *server) mustAdd(h session.Handle) *session.Record {
	s.t.Helper()
	r, err := s.add(h)
	if err != nil {
		s.t.Fatal(err)
	}
	return r
}

func (s *server) end(h session.Handle) {
	s.t.Helper()
	done := make(chan error, 1)
	s.Update(session.Update{
		Handle: h, Cause: session.Destroyed,
		Change: func(*session.Record) (*session.Record, error) { return nil, nil },
		Done:   func(_ *session.Record, err error) { done <- err },
	})
	if err := <-done; err != nil {
		s.t.Fatal(err)
	}
}

func (s *server) mustWatch(id session.ID) {
	s.t.Helper()
	if err := s.Watch(s.t.Context(), id); err != nil {
		s.t.Fatal(err)
	}
	s.t.Cleanup(func() { s.Unwatch(id) })
}

func (s *server) mustLoad(id session.ID) *session.Record {
	s.t.Helper()
	r, err := s.Load(s.t.Context(), id)
	if err != nil {
		s.t.Fatal(err)
	}
	return r
}

// next waits for something that was told.
func next[T any](t testing.TB, from <-chan T) (told T) {
	t.Helper()
	select {
	case told = <-from:
	case <-time.After(patience):
		t.Fatalf("nothing was told for %v", patience)
	}
	return told
}

// until waits for what is wanted.
func until[T any](t testing.TB, from <-chan T, want func(T) bool) {
	t.Helper()
	for !want(next(t, from)) {
	}
}

// eventually asks again and again.
func eventually(t testing.TB, what string, holds func() bool) {
	t.Helper()
	tick := time.NewTicker(10 * time.Millisecond)
	defer tick.Stop()
	for deadline := time.Now().Add(patience); !holds(); <-tick.C {
		if time.Now().After(deadline) {
			t.Fatalf("not within %v: %s", patience, what)
		}
	}
}

// TestServersHearOfEachOther: both write at once, and both are told, in version order, up to the last.
func TestServersHearOfEachOther(t *testing.T) {
	redis := redistest.Start(t)
	a, b := serverOn(t, redis), serverOn(t, redis)
	h := visitor(1)
	for _, s := range []*server{a, b} {
		s.mustWatch(h.ID)
	}
	const each = 200
	var all sync.WaitGroup
	for _, s := range []*server{a, b} {
		for range each {
			all.Go(func() {
				if _, err := s.add(h); err != nil {
					t.Error(err)
				}
			})
		}
	}
	all.Wait()
	for _, s := range []*server{a, b} {
		version := uint64(0)
		until(t, s.events, func(e session.Event) bool {
			if e.Record.State.Version < version {
				t.Fatalf("told of version %d after %d", e.Record.State.Version, version)
			}
			version = e.Record.State.Version
			return version == 2*each
		})
	}
	if n, _ := a.mustLoad(h.ID).State.Get("n"); string(n) != fmt.Sprint(2*each) {
		t.Errorf("n is %s", n)
	}
	a.end(h)
	until(t, b.events, func(e session.Event) bool {
		return e.Record == nil && e.Cause == session.Destroyed && slices.Equal(e.Gone, []session.DeviceID{h.Device})
	})
	if len(b.missed) > 0 || len(a.missed) > 0 {
		t.Error("a gap where nothing was lost")
	}
}

// TestNewsThatComeAfterAReading: a server has read more than it was told of yet. Versions do not go back for that.
func TestNewsThatComeAfterAReading(t *testing.T) {
	redis := redistest.Start(t)
	a, b := serverOn(t, redis), serverOn(t, redis)
	h := visitor(1)
	var was [2]*envelope
	for i := range was {
		a.mustAdd(h)
		e, err := a.read(t.Context(), h.ID)
		if err != nil {
			t.Fatal(err)
		}
		was[i] = e
	}
	b.mustWatch(h.ID)
	b.tellRead(h.ID, was[1])
	b.tellOthers(h.ID, commitNews{}, was[0])
	for range 2 {
		if e := next(t, b.events); e.Record.State.Version != 2 {
			t.Errorf("told of version %d, and had read 2", e.Record.State.Version)
		}
	}
}

// TestASessionThatBeginsOnTwoServersAtOnce: whoever is second writes to what the first began.
func TestASessionThatBeginsOnTwoServersAtOnce(t *testing.T) {
	redis := redistest.Start(t)
	a, b := serverOn(t, redis), serverOn(t, redis)
	for n := range byte(200) {
		h := visitor(n + 1)
		var all sync.WaitGroup
		for _, s := range []*server{a, b} {
			all.Go(func() {
				if _, err := s.add(h); err != nil {
					t.Errorf("session %d: %v", n+1, err)
				}
			})
		}
		all.Wait()
		if r := a.mustLoad(h.ID); r.State.Version != 2 {
			t.Errorf("session %d is at version %d", n+1, r.State.Version)
		}
	}
}

func TestAnUnwatchedSessionIsNotHeardOf(t *testing.T) {
	redis := redistest.Start(t)
	a, b := serverOn(t, redis), serverOn(t, redis)
	h, other := visitor(1), visitor(2)
	b.mustWatch(h.ID)
	b.mustWatch(other.ID)
	a.mustAdd(h)
	next(t, b.events)
	b.Unwatch(h.ID)
	a.mustAdd(h)
	a.mustAdd(other)
	if e := next(t, b.events); e.ID != other.ID {
		t.Errorf("told of %s, which nobody watches", e.ID)
	}
}

// TestALongValueIsRead: what is too long to come with its news is told all the same.
func TestALongValueIsRead(t *testing.T) {
	redis := redistest.Start(t)
	a, b := serverOn(t, redis), serverOn(t, redis)
	h := visitor(1)
	b.mustWatch(h.ID)
	long := `"` + strings.Repeat("x", maxTold) + `"`
	done := make(chan error, 1)
	a.Update(session.Update{Handle: h, Change: func(r *session.Record) (*session.Record, error) {
		next, _, err := r.Mutate(session.Write{
			Handle: h, By: session.ByAPI, Now: time.Now(), Timing: session.Timing{Idle: time.Hour},
			Mutation: &session.Mutation{Set: map[string]json.RawMessage{"long": json.RawMessage(long)}},
		})
		return next, err
	}, Done: func(_ *session.Record, err error) { done <- err }})
	if err := <-done; err != nil {
		t.Fatal(err)
	}
	if value, _ := next(t, b.events).Record.State.Get("long"); string(value) != long {
		t.Errorf("%d bytes were told, want %d", len(value), len(long))
	}
}

// TestALostSubscriptionIsMadeUpFor: whatever was written meanwhile, Missed says so, and news go on.
func TestALostSubscriptionIsMadeUpFor(t *testing.T) {
	redis := redistest.Start(t)
	a, b := serverOn(t, redis), serverOn(t, redis)
	h := visitor(1)
	b.mustWatch(h.ID)
	a.mustAdd(h)
	next(t, b.events)
	redis.Do("CLIENT", "KILL", "TYPE", "pubsub")
	if anew := next(t, b.missed); anew {
		t.Error("the same Redis answers, and yet all is to be told anew")
	}
	version := a.mustAdd(h).State.Version
	until(t, b.events, func(e session.Event) bool { return e.Record.State.Version == version })
	if err := b.Ready(t.Context()); err != nil {
		t.Error(err)
	}
}

// TestLostAnswers: connections break all the time under writes; each that is acknowledged counts once, and none is refused.
func TestLostAnswers(t *testing.T) {
	redis := redistest.Start(t)
	a, b := serverOn(t, redis), serverOn(t, redis)
	h := visitor(1)
	a.mustAdd(h)
	const each, writers = 100, 4
	var all sync.WaitGroup
	for w := range 2 * writers {
		s := []*server{a, b}[w%2]
		all.Go(func() {
			for range each {
				if _, err := s.add(h); err != nil {
					t.Error(err)
				}
			}
		})
	}
	done := make(chan struct{})
	go func() { all.Wait(); close(done) }()
	kills := 0
	for tick := time.NewTicker(50 * time.Millisecond); ; kills++ {
		select {
		case <-tick.C:
			redis.Do("CLIENT", "KILL", "TYPE", "normal")
			continue
		case <-done:
		}
		tick.Stop()
		break
	}
	if n, _ := a.mustLoad(h.ID).State.Get("n"); string(n) != fmt.Sprint(1+2*writers*each) {
		t.Errorf("n is %s after %d acknowledged writes and %d times without connections", n, 1+2*writers*each, kills)
	}
}

func TestTabsAreCountedOnAllServers(t *testing.T) {
	redis := redistest.Start(t)
	a, b := serverOn(t, redis), serverOn(t, redis)
	id := session.ID{1}
	a.mustWatch(id)
	b.mustWatch(id)
	enter := func(s *server, want bool) {
		t.Helper()
		if in, err := s.Enter(t.Context(), id, 3); in != want || err != nil {
			t.Fatalf("entered: %v, %v, want %v", in, err, want)
		}
	}
	enter(a, true)
	if n := next(t, b.tabs); n != 1 {
		t.Errorf("b hears of %d tabs", n)
	}
	enter(b, true)
	enter(b, true)
	enter(a, false)
	until(t, a.tabs, func(n int) bool { return n == 2 })
	b.Leave(id)
	until(t, a.tabs, func(n int) bool { return n == 1 })
	enter(a, true)
	texts, err := a.TabsElsewhere(t.Context(), id)
	if want := [][]byte{[]byte(b.node.String() + " has " + id.String())}; err != nil || !cmp.Equal(texts, want) {
		t.Errorf("elsewhere: %s, %v", texts, err)
	}
	b.Leave(id)
	until(t, a.tabs, func(n int) bool { return n == 0 })
	if texts, err := a.TabsElsewhere(t.Context(), id); err != nil || len(texts) != 0 {
		t.Errorf("elsewhere: %s, %v", texts, err)
	}
}

// TestADeadServersTabsStopCounting: it is killed without a word, and within 15 s nobody counts its tabs.
func TestADeadServersTabsStopCounting(t *testing.T) {
	redis := redistest.Start(t)
	a, b := serverOn(t, redis), serverOn(t, redis)
	id := session.ID{1}
	a.mustWatch(id)
	b.mustWatch(id)
	if in, err := b.Enter(t.Context(), id, 1); !in || err != nil {
		t.Fatal(in, err)
	}
	until(t, a.tabs, func(n int) bool { return n == 1 })
	b.stop() // its beats and its subscription
	b.stopped.Wait()
	redis.Do("ZADD", nodesKey, fmt.Sprint(time.Now().UnixMilli()), string(b.node[:])) // a good-bye, which a kill would not have said
	began := time.Now()
	until(t, a.tabs, func(n int) bool { return n == 0 })
	if took := time.Since(began); took > 15*time.Second {
		t.Errorf("it took %v", took)
	}
	if in, err := a.Enter(t.Context(), id, 1); !in || err != nil {
		t.Errorf("there is no place where nobody is: %v, %v", in, err)
	}
}

// TestARedisThatMayHaveGoneBack: whoever was told a version before a restart is never told a delta from it after.
func TestARedisThatMayHaveGoneBack(t *testing.T) {
	redis := redistest.StartDurable(t)
	a, b := serverOn(t, redis), serverOn(t, redis)
	h := visitor(1)
	a.mustWatch(h.ID)
	before := a.mustAdd(h)
	for range 3 {
		before = a.mustAdd(h)
	}
	redis.Restart()
	until(t, a.missed, func(anew bool) bool { return anew })
	seen := a.mustLoad(h.ID)
	if other := b.mustLoad(h.ID); !cmp.Equal(other.State.Version, seen.State.Version) || other.State.Version <= before.State.Version {
		t.Errorf("version %d here and %d there, after %d", seen.State.Version, other.State.Version, before.State.Version)
	}
	after := b.mustAdd(h)
	if n, _ := after.State.Get("n"); string(n) != "5" || after.State.Version != seen.State.Version+1 {
		t.Errorf("n is %s at version %d, after %d", n, after.State.Version, seen.State.Version)
	}
	for since := range before.State.Version + 3 { // what clients may come back with, of the time that may be lost too
		if delta, told := after.State.Since(since); told {
			t.Errorf("since %d: %+v", since, delta)
		}
	}
	if _, told := after.State.Since(seen.State.Version); !told {
		t.Error("what was told since the restart is told again as a whole")
	}
	until(t, a.events, func(e session.Event) bool { return e.Record.State.Version == after.State.Version })
}

// TestACommitOfBeforeMeetsWhatWasReadAfter: a server reads, Redis is started anew, another server reads, and then the first commits. What
// the other was shown stays true.
func TestACommitOfBeforeMeetsWhatWasReadAfter(t *testing.T) {
	redis := redistest.StartDurable(t)
	a, b := serverOn(t, redis), serverOn(t, redis)
	h := visitor(1)
	old := a.mustAdd(h)
	base, err := a.read(t.Context(), h.ID)
	if err != nil {
		t.Fatal(err)
	}
	c := a.newCell(t.Context(), h.ID, base, base.lineage)
	next := *old
	if next.State, err = old.State.Apply(&session.Mutation{Delete: []string{"n"}}, session.Rules{}); err != nil {
		t.Fatal(err)
	}
	c.take(session.Step{Handle: h, Before: old, After: &next})
	redis.Restart()
	seen := b.mustLoad(h.ID)
	eventually(t, "the first server reaches Redis again", func() bool { return a.Ready(t.Context()) == nil })
	var there *envelope
	eventually(t, "none of the first server's connections is to the Redis of before", func() bool {
		there, err = (&attempt{store: a.Store, id: h.ID}).write(t.Context(), c)
		return err == nil
	})
	if there == nil || there.record.State.Version != seen.State.Version {
		t.Errorf("it went in, over what was shown: %+v", there)
	}
	if n, _ := a.mustAdd(h).State.Get("n"); string(n) != "2" {
		t.Errorf("n is %s", n)
	}
}

// TestWhatWasReadBeforeIsNotShownAsOfAfter: an answer that was on its way while others wrote, and Redis was started anew.
func TestWhatWasReadBeforeIsNotShownAsOfAfter(t *testing.T) {
	redis := redistest.StartDurable(t)
	a, b := serverOn(t, redis), serverOn(t, redis)
	h := visitor(1)
	a.mustWatch(h.ID)
	a.mustAdd(h)
	answer, err := a.get(t.Context(), sessionKey(h.ID))
	if err != nil {
		t.Fatal(err)
	}
	b.mustAdd(h)
	redis.Restart()
	until(t, a.missed, func(anew bool) bool { return anew })
	var late *envelope
	eventually(t, "a connection to the Redis that was started anew", func() bool {
		late, err = a.found(t.Context(), h.ID, answer)
		return err == nil
	})
	if n, _ := late.record.State.Get("n"); string(n) != "2" || late.record.State.Version != b.mustLoad(h.ID).State.Version {
		t.Errorf("n is %s at version %d, and in the store at %d", n, late.record.State.Version, b.mustLoad(h.ID).State.Version)
	}
}

// TestTheFirstWriteOnTwoServersAtOnce: what is known of the token is of the one that came first. The other is not refused for that.
func TestTheFirstWriteOnTwoServersAtOnce(t *testing.T) {
	redis := redistest.Start(t)
	a, b := serverOn(t, redis), serverOn(t, redis)
	h := visitor(1)
	c := a.newCell(t.Context(), h.ID, &envelope{}, a.lineage.current.Load())
	if err := c.admit(h); err != nil || c.fault != nil {
		t.Fatal(err, c.fault)
	}
	b.mustAdd(h)
	if err := c.admit(h); err == nil || c.fault == nil {
		t.Errorf("%v, for good: %v", err, c.fault)
	}
	b.end(h)
	if _, err := a.add(h); session.CodeOf(err) != session.NoSuchSession {
		t.Errorf("a write to a session that was ended: %v", err)
	}
}

// combine is the login of a visitor into the session that a user shares; n is summed.
func combine(h, fresh session.Handle) session.Admission {
	return session.Admission{Handle: h, User: "u", Shared: true, Change: func(mine, theirs *session.Record) ([]session.Step, error) {
		next := &session.Record{ID: h.ID, State: &session.State{}, Created: time.Now()}
		if mine != nil {
			own := *mine
			next = &own
		}
		step := session.Step{Handle: h, Before: mine, Cause: session.LoggedIn}
		if theirs != nil {
			n, _ := mine.State.Get("n")
			state, err := theirs.State.Apply(&session.Mutation{Incr: map[string]json.RawMessage{"n": n}}, session.Rules{})
			if err != nil {
				return nil, err
			}
			shared := *theirs
			next, shared.State, shared.Absorbed = &shared, state, append(slices.Clip(theirs.Absorbed), h.ID)
			step = session.Step{Handle: fresh, Before: theirs, Cause: session.LoggedIn, From: h.ID}
			step.Handle.ID = theirs.ID
		}
		next.User, next.Shared, next.Deadline = "u", true, time.Now().Add(time.Hour)
		next.Epoch++
		next.Devices = append(slices.DeleteFunc(slices.Clone(next.Devices), func(d session.Device) bool { return d.ID == h.Device }),
			session.Device{ID: fresh.Device, Key: fresh.Key, Issued: fresh.Issued, Ends: fresh.Ends})
		step.After = next
		if theirs == nil {
			return []session.Step{step}, nil
		}
		return []session.Step{{Handle: h, Before: mine, Cause: session.LoggedIn, Into: theirs.ID}, step}, nil
	}}
}

// TestALoginIsFinishedByAnother: a server dies between the steps of a login. Either it counts, once, or it never was.
func TestALoginIsFinishedByAnother(t *testing.T) {
	for entered, want := range map[bool]string{false: "1", true: "3"} {
		t.Run(fmt.Sprint("entered ", entered), func(t *testing.T) {
			redis := redistest.Start(t)
			a, b := serverOn(t, redis), serverOn(t, redis)
			home, away := visitor(1), visitor(2)
			a.mustAdd(home)
			first := combine(home, visitor(11))
			if err := a.login(first); err != nil {
				t.Fatal(err)
			}
			a.mustAdd(away)
			a.mustAdd(away)
			l := &login{Admission: combine(away, visitor(12)), store: a.Store, theirs: a.mustLoad(home.ID), tag: makeTag(a.node, a.number.Add(1))}
			if err := l.leave(); err != nil || l.move == nil {
				t.Fatal(l.move, err)
			}
			if entered {
				if err := l.enter(); err != nil {
					t.Fatal(err)
				}
				if r := b.mustLoad(away.ID); r != nil {
					t.Errorf("the visitor's session is still there at version %d", r.State.Version)
				}
				token, err := b.Token(t.Context(), away.Key)
				if err != nil || token == nil || token.Replaced.IsZero() {
					t.Errorf("the visitor's token: %+v, %v", token, err)
				}
			} else {
				if r := b.mustLoad(away.ID); r == nil {
					t.Error("a session is gone for a login that was never made")
				}
				if r := b.mustAdd(away); r.State.Version != 3 { // waits until the login has had its time
					t.Errorf("the visitor's session is at version %d", r.State.Version)
				}
				if err := l.enter(); err != errAgain {
					t.Errorf("a login that was given up goes on: %v", err)
				}
			}
			if n, _ := b.mustLoad(home.ID).State.Get("n"); string(n) != want {
				t.Errorf("the shared n is %s, want %s", n, want)
			}
		})
	}
}

// TestAnOutboxIsCarriedOutByAnother: a server dies right after a commit. What that asks for is done by whoever finds it, once.
func TestAnOutboxIsCarriedOutByAnother(t *testing.T) {
	redis := redistest.Start(t)
	a, b := serverOn(t, redis), serverOn(t, redis)
	h := visitor(1)
	c := a.newCell(t.Context(), h.ID, &envelope{}, a.lineage.current.Load())
	m := session.Mutation{Incr: map[string]json.RawMessage{"n": json.RawMessage("1")}}
	r, _, err := (*session.Record)(nil).Mutate(session.Write{Handle: h, By: session.ByAPI, Mutation: &m, Timing: session.Timing{Idle: time.Hour}, Now: time.Now()})
	if err != nil {
		t.Fatal(err)
	}
	c.take(session.Step{Handle: h, After: r})
	if conflict, err := (&attempt{store: a.Store, id: h.ID}).write(t.Context(), c); conflict != nil || err != nil {
		t.Fatal(conflict, err)
	}
	if token, err := b.Token(t.Context(), h.Key); token != nil || err != nil {
		t.Fatalf("there is a token already: %v, %v", token, err)
	}
	if _, err := b.Sweep(t.Context(), time.Now().Add(finishAfter+time.Second)); err != nil {
		t.Fatal(err)
	}
	if token, err := b.Token(t.Context(), h.Key); token == nil || err != nil {
		t.Errorf("the sweep did not write the token: %v", err)
	}
	eventually(t, "what was carried out is off the value", func() bool {
		value, err := b.get(t.Context(), sessionKey(h.ID))
		if err != nil {
			t.Fatal(err)
		}
		e, err := decodeEnvelope(value)
		return err == nil && len(e.outbox) == 0 && e.record != nil
	})
	for _, s := range []*server{a, b} { // again, from the value as it was
		late := c.env
		if err := s.carry(t.Context(), h.ID, &late); err != nil {
			t.Fatal(err)
		}
	}
	if lives, newest, gap, err := b.Lives(t.Context(), 0, 10); len(lives) != 1 || newest != 1 || gap || err != nil {
		t.Errorf("the story is %+v, up to %d, %v, %v", lives, newest, gap, err)
	}
}
