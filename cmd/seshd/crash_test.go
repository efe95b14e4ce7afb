package main

import (
	"flag"
	"fmt"
	"maps"
	"math/rand/v2"
	"os"
	"slices"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"
)

// What a crash may lose is nothing that was acknowledged. SIGKILL leaves the kernel's caches alone, so this shows that
// nothing is acknowledged before it was handed over; that it was synced is for the store's own tests.

var crashSeed = flag.Uint64("crash.seed", 0, "draws the moments of TestNothingAcknowledgedIsLostInACrash; 0: any")

const crashSessions = 16

func TestNothingAcknowledgedIsLostInACrash(t *testing.T) {
	rounds, most := 5, 3_000 // most writes that a round acknowledges before the kill
	if os.Getenv("SESHD_PROVE") != "" {
		rounds, most = 25, 20_000
	}
	seed := *crashSeed
	if seed == 0 {
		seed = rand.Uint64()
	}
	t.Logf("-crash.seed=%d", seed)
	random := rand.New(rand.NewPCG(seed, 0))

	data := t.TempDir()
	p := start(t, data, withoutLimits()...)
	load := &crashLoad{}
	for range crashSessions {
		load.sessions = append(load.sessions, newCrashSession(t, p.addr))
	}
	load.each(t, (*sender).connect)

	for round := 1; round <= rounds; round++ {
		target := 1 + random.IntN(most)
		after := time.Duration(random.IntN(5_000)) * time.Microsecond
		load.begin(target)
		var running sync.WaitGroup
		running.Go(func() { load.each(t, func(s *sender) error { return s.write(load) }) })
		select {
		case <-load.reached:
		case <-time.After(patience):
			t.Errorf("%d of %d writes were answered", load.acknowledged.Load(), target)
		}
		time.Sleep(after) // not right behind an answer every time: nothing is waited for here
		load.killed.Store(true)
		p.signal(t, syscall.SIGKILL)
		p.exit(t)
		running.Wait()

		p = start(t, data, withoutLimits()...)
		load.check(t, p.addr, false)
		load.each(t, func(s *sender) error {
			if err := s.connect(); err != nil {
				return err
			}
			return s.settle()
		})
		final := load.check(t, p.addr, true)
		load.each(t, func(s *sender) error { return s.converge(final[s.session]) })
		if t.Failed() {
			t.Fatalf("in round %d, killed after %d answers", round, load.acknowledged.Load())
		}
	}

	var acknowledged, again, before uint64
	for s := range load.senders() {
		acknowledged, again, before = acknowledged+s.acknowledged, again+s.again, before+s.before
	}
	t.Logf("%d rounds, %d acknowledged writes: %d lost, %d applied twice (%d were sent again, %d of them had been applied before the kill)",
		rounds, acknowledged, load.lost, load.twice, again, before)
	if before == 0 {
		t.Error("no kill came between a commit and its answer: nothing was shown about writes applied twice")
	}
}

// crashLoad is everything that writes to the server.
type crashLoad struct {
	sessions []*crashSession

	killed       atomic.Bool
	acknowledged atomic.Int64 // in this round
	target       int64
	reached      chan struct{} // closed when target is acknowledged

	lost, twice uint64
}

func (l *crashLoad) begin(target int) {
	l.killed.Store(false)
	l.acknowledged.Store(0)
	l.target, l.reached = int64(target), make(chan struct{})
}

func (l *crashLoad) answered() {
	if l.acknowledged.Add(1) == l.target {
		close(l.reached)
	}
}

func (l *crashLoad) senders() func(yield func(*sender) bool) {
	return func(yield func(*sender) bool) {
		for _, s := range l.sessions {
			for _, sender := range s.senders {
				if !yield(sender) {
					return
				}
			}
		}
	}
}

// each lets all senders do something at once.
func (l *crashLoad) each(t *testing.T, do func(*sender) error) {
	var all sync.WaitGroup
	for s := range l.senders() {
		all.Go(func() {
			if err := do(s); err != nil {
				t.Errorf("%s: %v", s.name, err)
			}
		})
	}
	all.Wait()
}

// check compares what the server holds with what it acknowledged. Before the senders have settled, what is unanswered may
// have been applied or not; once they have, every count is exact.
func (l *crashLoad) check(t *testing.T, addr string, settled bool) map[*crashSession]frame {
	final := map[*crashSession]frame{}
	for _, cs := range l.sessions {
		cs.browser.addr = addr
		got, err := cs.browser.session()
		if err != nil {
			t.Fatal(err)
		}
		final[cs] = got
		var sum, acknowledgedVersion uint64
		for _, s := range cs.senders {
			applied := uint64(integer(got.Data[s.name]))
			sum += applied
			acknowledgedVersion = max(acknowledgedVersion, s.version)
			if applied < s.acknowledged {
				l.lost += s.acknowledged - applied
				t.Errorf("%s: %d writes were acknowledged, %d are there", s.name, s.acknowledged, applied)
			}
			if applied > s.sent {
				l.twice += applied - s.sent
				t.Errorf("%s: %d writes were sent, %d are there", s.name, s.sent, applied)
			}
			if settled {
				s.checkValues(t, got)
			}
		}
		if got.Version < acknowledgedVersion {
			t.Errorf("version %d after %d was acknowledged", got.Version, acknowledgedVersion)
		}
		if n := uint64(integer(got.Data["n"])); n != sum || got.Version != sum {
			t.Errorf("n = %d at version %d, but the senders' counts make %d", n, got.Version, sum)
		}
	}
	return final
}

// checkValues looks for the last values that a sender set, once everything it sent is answered.
func (s *sender) checkValues(t *testing.T, got frame) {
	if s.acknowledged != s.sent {
		t.Errorf("%s: %d sent, %d answered", s.name, s.sent, s.acknowledged)
	}
	for id := s.sent; id > 0 && id+crashSlots > s.sent; id-- {
		key, value := s.slot(id)
		if string(got.Data[key]) != value {
			t.Errorf("%s holds %s, want %s", key, got.Data[key], value)
		}
	}
}

// converge reads until the tab is where the session is, and compares.
func (s *sender) converge(want frame) error {
	if s.overHTTP {
		return nil
	}
	for s.tab.version < want.Version {
		if _, err := s.tab.next(); err != nil {
			return err
		}
	}
	if !maps.EqualFunc(s.tab.data, want.Data, slices.Equal) {
		return fmt.Errorf("the tab holds %s, the session %s", s.tab.data, want.Data)
	}
	return nil
}
