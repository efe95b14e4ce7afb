package session

import (
	"context"
	"fmt"
	"log/slog"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

// retrying is a store of one session that calls every Change twice, as one whose first commit met another would.
type retrying struct {
	Store
	record  *Record
	tickets int
}

func (s *retrying) Update(u Update) {
	u.Change(s.record)
	next, err := u.Change(s.record)
	if err == nil {
		s.record = next
	}
	u.Done(s.record, err)
}

func (s *retrying) Load(context.Context, ID) (*Record, error)             { return s.record, nil }
func (s *retrying) Token(context.Context, TokenKey) (*TokenRecord, error) { return nil, nil }
func (s *retrying) PutTicket(context.Context, TicketKey, Ticket) error    { s.tickets++; return nil }
func (s *retrying) Feed(func(Event))                                      {}
func (s *retrying) Sweep(context.Context, time.Time) (int, error)         { return 0, nil }
func (s *retrying) Close() error                                          { return nil }
func (s *retrying) apply(m *Manager, h Handle, by Source, id uint64) error {
	mutation := Mutation{ID: id}
	_, err := m.Apply(context.Background(), Submission{Handle: h, By: by, Sender: SenderID{1}, Mutation: &mutation})
	return err
}

// limited runs a test on a clock that stands still unless it sleeps.
func limited(t *testing.T, o Options, test func(t *testing.T, s *retrying, m *Manager, h Handle)) {
	synctest.Test(t, func(t *testing.T) {
		o.Logger = slog.New(slog.DiscardHandler)
		s := &retrying{}
		m := NewManager(s, o)
		defer m.Close()
		_, h := m.Begin()
		h.From = "192.0.2.1"
		test(t, s, m, h)
	})
}

func TestMutationsOverTheRateAreRefusedUntilThereIsRoom(t *testing.T) {
	limited(t, Options{Rate: 10, Burst: 3}, func(t *testing.T, s *retrying, m *Manager, h Handle) {
		for id := range uint64(3) {
			if err := s.apply(m, h, ByTab, id+1); err != nil {
				t.Fatalf("mutation %d of a burst of 3: %v", id+1, err)
			}
		}
		for _, by := range []Source{ByTab, ByHTTP, ByCode} {
			err := s.apply(m, h, by, 4)
			if CodeOf(err) != RateLimited || !strings.Contains(err.Error(), "10 mutations a second per session (--rate), bursts of 3") {
				t.Errorf("%s: %v", by, err)
			}
		}
		if err := s.apply(m, h, ByTab, 3); err != nil {
			t.Errorf("what was applied costs nothing when it is sent again: %v", err)
		}
		if err := s.apply(m, h, ByAPI, 4); err != nil {
			t.Errorf("the server API has no rate: %v", err)
		}
		time.Sleep(100 * time.Millisecond)
		if err := s.apply(m, h, ByTab, 5); err != nil {
			t.Errorf("a tenth of a second later: %v", err)
		}
		if err := s.apply(m, h, ByTab, 6); CodeOf(err) != RateLimited {
			t.Errorf("one token, two mutations: %v", err)
		}
	})
}

func TestTheRateComesAfterTheOnceMemoryAndBeforeAllElse(t *testing.T) {
	limited(t, Options{Rate: 1, Burst: 2, MaxKeys: 1}, func(t *testing.T, s *retrying, m *Manager, h Handle) {
		apply := func(text string) (Result, error) {
			mutation, err := DecodeMutation([]byte(text))
			if err != nil {
				t.Fatal(err)
			}
			return m.Apply(t.Context(), Submission{Handle: h, By: ByTab, Sender: SenderID{1}, Mutation: &mutation})
		}
		if _, err := apply(`{"set":{"a":1},"id":5}`); err != nil {
			t.Fatal(err)
		}
		if _, err := apply(`{"if_version":9,"id":6}`); CodeOf(err) != Conflict { // takes the second token
			t.Errorf("got %v", err)
		}
		for text, want := range map[string]Code{
			`{"if_version":9,"id":7}`:        RateLimited,
			`{"set":{"a":1,"b":1},"id":7}`:   RateLimited,
			`{"id":4}`:                       NotApplied,
			`{"id":4,"if_version":9}`:        NotApplied,
			`{"set":{"a":2,"b":2},"id":7}`:   RateLimited,
			`{"if_version":9,"set":{"b":2}}`: RateLimited,
			`{"clear":true,"if_version":1}`:  RateLimited,
		} {
			if _, err := apply(text); CodeOf(err) != want {
				t.Errorf("%s: %v, want %s", text, err, want)
			}
		}
		if r, err := apply(`{"set":{"a":1},"id":5,"if_version":9}`); err != nil || !r.Duplicate {
			t.Errorf("a duplicate: %+v %v", r, err)
		}
	})
}

func TestSessionsThatBeginAreCountedByAddress(t *testing.T) {
	limited(t, Options{NewSessions: 10}, func(t *testing.T, s *retrying, m *Manager, h Handle) {
		begin := func(from string) error {
			s.record = nil
			_, h := m.Begin()
			h.From = from
			return s.apply(m, h, ByHTTP, 1)
		}
		for i := range newSessionsBurst {
			if err := begin(h.From); err != nil {
				t.Fatalf("session %d of a burst: %v", i, err)
			}
		}
		err := begin(h.From)
		if CodeOf(err) != RateLimited || !strings.Contains(err.Error(), "10 new sessions a second per address (--new-sessions), bursts of 200") || s.record != nil {
			t.Errorf("%v %v", err, s.record)
		}
		if _, err := m.MintTicket(t.Context(), h); CodeOf(err) != RateLimited || s.tickets != 0 {
			t.Errorf("a ticket for an unwritten session: %v", err)
		}
		if err := m.Destroy(t.Context(), h, nil); CodeOf(err) != RateLimited {
			t.Errorf("the end of an unwritten session: %v", err)
		}
		if err := s.apply(m, h, ByAPI, 1); err != nil {
			t.Errorf("the server API begins what it likes: %v", err)
		}
		for id := range uint64(5) { // and what has begun goes on
			if err := s.apply(m, h, ByTab, id+2); err != nil {
				t.Errorf("a session that has begun: %v", err)
			}
		}
		if _, err := m.MintTicket(t.Context(), h); err != nil || s.tickets != 1 {
			t.Errorf("a ticket for a written session: %v", err)
		}
		for _, from := range []string{"192.0.2.2", ""} {
			if err := begin(from); err != nil {
				t.Errorf("from %q: %v", from, err)
			}
		}
		s.record = nil
		_, empty := m.Begin()
		empty.From = h.From
		nothing := Mutation{}
		if _, err := m.Apply(t.Context(), Submission{Handle: empty, By: ByTab, Mutation: &nothing}); err != nil || s.record != nil {
			t.Errorf("what stores nothing begins nothing: %v", err)
		}
		time.Sleep(100 * time.Millisecond)
		if err := begin(h.From); err != nil {
			t.Errorf("a tenth of a second later: %v", err)
		}
		if err := begin(h.From); CodeOf(err) != RateLimited {
			t.Errorf("one token, two sessions: %v", err)
		}
	})
}

func TestTicketsCountAsMutations(t *testing.T) {
	limited(t, Options{Rate: 1, Burst: 2}, func(t *testing.T, s *retrying, m *Manager, h Handle) {
		for range 2 {
			if _, err := m.MintTicket(t.Context(), h); err != nil {
				t.Fatal(err)
			}
		}
		if _, err := m.MintTicket(t.Context(), h); CodeOf(err) != RateLimited || s.tickets != 2 {
			t.Errorf("%v, %d tickets", err, s.tickets)
		}
	})
}

func TestNoLimitIsNone(t *testing.T) {
	for _, o := range []Options{{Rate: -1, NewSessions: -1}, {Burst: -1, NewSessions: -1}} {
		limited(t, o, func(t *testing.T, s *retrying, m *Manager, h Handle) {
			for id := range uint64(5000) {
				if err := s.apply(m, h, ByTab, id+1); err != nil {
					t.Fatal(err)
				}
				if id%2 == 0 {
					s.record = nil
				}
			}
		})
	}
}

func TestALimiterForgetsWhatIsFullAgain(t *testing.T) {
	l := newLimiter[int](10, 20, Refuse(RateLimited, "too fast")) // full again after 2 s
	now := time.Now()
	for key := range 1000 {
		l.take(key, now)
	}
	for range 19 {
		l.take(7, now)
	}
	step := func(d time.Duration, keys ...int) (err error) {
		now = now.Add(d)
		for _, key := range keys {
			err = l.take(key, now)
		}
		return err
	}
	if err := step(0, 7); err == nil {
		t.Fatal("21 of 20 were let through")
	}
	if step(1900*time.Millisecond, 7); len(l.young)+len(l.old) < 1000 {
		t.Errorf("forgot a bucket that was not full: %d left", len(l.young)+len(l.old))
	}
	step(200*time.Millisecond, 7)
	step(2*time.Second, 8)
	step(2*time.Second, 8)
	if kept := len(l.young) + len(l.old); kept > 3 {
		t.Errorf("keeps %d buckets, of which all but one are full", kept)
	}
}

func TestABucketIsNotForgottenWhileItFills(t *testing.T) {
	l := newLimiter[string](10, 20, Refuse(RateLimited, "too fast"))
	now, passed := time.Now(), 0
	for i := range 10_000 { // 100 a second for 100 s
		if l.take("a", now) == nil {
			passed++
		}
		l.take(fmt.Sprint(i), now)
		now = now.Add(10 * time.Millisecond)
	}
	if want := 20 + 10*100; passed < want-2 || passed > want+2 {
		t.Errorf("%d passed in 100 s, want %d", passed, want)
	}
}

func TestAFloodOfKeysIsBounded(t *testing.T) {
	l := newLimiter[int](1, 1000, Refuse(RateLimited, "too fast"))
	now := time.Now()
	for key := range 4 * maxBuckets {
		if err := l.take(key, now); err != nil {
			t.Fatalf("a new key was refused: %v", err)
		}
	}
	if kept := len(l.young) + len(l.old); kept > 2*maxBuckets {
		t.Errorf("keeps %d buckets", kept)
	}
}

// BenchmarkLimiter is what the limits cost a mutation: at one session, at many, and from all processors.
func BenchmarkLimiter(b *testing.B) {
	for _, sessions := range []int{1, 10_000} {
		b.Run(fmt.Sprint(sessions, " sessions"), func(b *testing.B) {
			l := newLimiter[ID](DefaultRate, DefaultBurst, nil)
			b.ReportAllocs()
			b.RunParallel(func(pb *testing.PB) {
				for i := 0; pb.Next(); i++ {
					key := ID{byte(i % sessions), byte(i % sessions >> 8)}
					l.take(key, time.Now())
				}
			})
		})
	}
}

// BenchmarkMutate is one small write, with the fare and without.
func BenchmarkMutate(b *testing.B) {
	for _, free := range []bool{true, false} {
		b.Run(map[bool]string{true: "free", false: "paid"}[free], func(b *testing.B) {
			l := newLimits(Options{Rate: 1 << 30, Burst: 1 << 30})
			w := testWrite(0, `{"set":{"a":1}}`)
			r := mustMutate(b, nil, w)
			b.ReportAllocs()
			for b.Loop() {
				if !free {
					w.fare = l.fare(w.Handle)
				}
				if _, _, err := r.Mutate(w); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
