package redisstore

import (
	"context"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/seshd/seshd/session"
	"github.com/seshd/seshd/session/redisstore/redistest"
)

// TestUnsubscribingHoldsUpNoNews of what is still watched.
func TestUnsubscribingHoldsUpNoNews(t *testing.T) {
	redis := redistest.Start(t)
	a, b := serverOn(t, redis), serverOn(t, redis)
	h := visitor(1)
	b.mustWatch(h.ID)
	var churn sync.WaitGroup
	for i := range 200 {
		id := session.ID{h.ID[0], 1, byte(i)} // of the same shard
		churn.Go(func() {
			if err := b.Watch(t.Context(), id); err != nil {
				t.Error(err)
				return
			}
			b.Unwatch(id)
		})
		version := a.mustAdd(h).State.Version
		answered := time.Now()
		until(t, b.events, func(e session.Event) bool { return e.Record.State.Version == version })
		if took := time.Since(answered); took > commandTimeout/2 {
			t.Errorf("news took %v while others were unsubscribed from", took)
		}
	}
	churn.Wait()
}

// heldEars wait before they unsubscribe.
type heldEars struct {
	ears
	begun, goOn chan struct{}
}

func (e *heldEars) unsubscribe(channel string) {
	close(e.begun)
	<-e.goOn
	e.ears.unsubscribe(channel)
}

// TestWatchingAgainIsHeard: also where the end of the last subscription comes to Redis after the next.
func TestWatchingAgainIsHeard(t *testing.T) {
	redis := redistest.Start(t)
	a, b := serverOn(t, redis), serverOn(t, redis)
	h := visitor(1)
	if err := b.Watch(t.Context(), h.ID); err != nil {
		t.Fatal(err)
	}
	good, _ := b.hears.get()
	held := &heldEars{good, make(chan struct{}), make(chan struct{})}
	b.hears.set(held)
	b.Unwatch(h.ID)
	next(t, held.begun)
	b.hears.set(good)
	b.mustWatch(h.ID)
	close(held.goOn)
	next(t, b.missed)
	a.mustAdd(h)
	next(t, b.events)
}

// failingEars fail to subscribe, once, and are well.
type failingEars struct {
	ears
	failed atomic.Bool
}

func (e *failingEars) subscribe(ctx context.Context, channels ...string) error {
	if e.failed.CompareAndSwap(false, true) {
		return errUnreachable
	}
	return e.ears.subscribe(ctx, channels...)
}

// TestASubscriptionThatFailsIsTriedAgain, where the others go on, and no new one comes.
func TestASubscriptionThatFailsIsTriedAgain(t *testing.T) {
	s := serverOn(t, redistest.Start(t))
	good, _ := s.hears.get()
	failing := &failingEars{ears: good}
	s.hears.set(failing)
	s.mustWatch(session.ID{1})
	if !failing.failed.Load() {
		t.Error("nothing failed")
	}
}

// TestWhoeverWatchesIsToldOfTabs: a room is left, and before that is known here there is the next, which knows of none.
func TestWhoeverWatchesIsToldOfTabs(t *testing.T) {
	redis := redistest.Start(t)
	a, b := serverOn(t, redis), serverOn(t, redis)
	id := session.ID{1}
	b.mustEnter(id)
	for range 2 {
		a.mustWatch(id)
		a.mustEnter(id)
		if n := next(t, a.tabs); n != 1 {
			t.Errorf("told of %d tabs", n)
		}
	}
}
