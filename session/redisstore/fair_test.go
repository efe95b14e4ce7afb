package redisstore

import (
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/seshd/seshd/session/redisstore/redistest"
)

// TestEveryServerGetsItsTurn: one session, to which several servers write as fast as they can. None is kept from it by the others.
func TestEveryServerGetsItsTurn(t *testing.T) {
	const servers, writes = 8, 400
	redis := redistest.Redis.Start(t)
	h := visitor(1)
	var all [servers]*server
	for i := range all {
		all[i] = serverOn(t, redis)
	}
	all[0].mustAdd(h)
	var working sync.WaitGroup
	var longest atomic.Int64
	start := time.Now()
	for _, s := range all {
		working.Go(func() {
			for range writes {
				began := time.Now()
				s.mustAdd(h)
				for waited := int64(time.Since(began)); ; {
					if most := longest.Load(); waited <= most || longest.CompareAndSwap(most, waited) {
						break
					}
				}
			}
		})
	}
	working.Wait()
	took, most := time.Since(start), time.Duration(longest.Load())
	t.Logf("%d servers wrote %d times each in %v; the longest wait was %v", servers, writes, took, most)
	if most > took/2 {
		t.Errorf("a write waited for %v while the others made theirs in %v", most, took)
	}
}
