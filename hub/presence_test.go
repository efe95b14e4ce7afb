package hub

import (
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/seshd/seshd/session"
)

// TestCountIsToldSoon: a tab that comes alone is seen before anybody could wonder, and one that goes.
func TestCountIsToldSoon(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m, h := start(t, session.Options{}, Options{})
		_, handle := m.Begin()
		stays := join(t, h, handle, nil)
		stays.read()
		begun := time.Now()
		comes := join(t, h, handle, nil)
		stays.until("two tabs", func(*Bye) bool { return stays.tabs == 2 })
		comes.tab.Leave()
		stays.until("one tab", func(*Bye) bool { return stays.tabs == 1 })
		if took := time.Since(begun); took > 2*countPause {
			t.Errorf("two counts were told after %v", took)
		}
	})
}

// TestManyLeaveAtOnce: each wakes nobody, and whoever stays is told of the last.
func TestManyLeaveAtOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const tabs = 64
		m, h := start(t, session.Options{}, Options{})
		_, handle := m.Begin()
		var wakes atomic.Int64
		var all []*Tab
		for range tabs {
			tab, err := h.Join(t.Context(), Join{Handle: handle, Wake: func() { wakes.Add(1) }})
			if err != nil {
				t.Fatal(err)
			}
			tab.Next(nil)
			all = append(all, tab)
		}
		<-time.After(2 * countPause)
		for _, tab := range all {
			tab.Next(nil)
		}
		wakes.Store(0)
		for _, tab := range all[1:] {
			tab.Leave()
		}
		if wakes.Load() != 0 {
			t.Errorf("%d wake-ups before the pause is over", wakes.Load())
		}
		<-time.After(2 * countPause)
		if frames, _ := all[0].Next(nil); wakes.Load() != 1 || len(frames) != 1 || string(frames[0].JSON) != `{"type":"tabs","tabs":1}` {
			t.Errorf("%d wake-ups, told %d frames", wakes.Load(), len(frames))
		}
		all[0].Leave()
	})
}
