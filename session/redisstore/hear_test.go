package redisstore

import (
	"sync"
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
