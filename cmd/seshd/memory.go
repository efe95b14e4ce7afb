package main

import (
	"context"
	"os"
	"runtime/debug"
	"runtime/metrics"
	"time"
)

// How much garbage there may be before it is collected. Idle tabs are most of what a server has, and cost what garbage lies beside
// them; writes make garbage, and wait where it is collected often. So there is more of it while there is work, and it goes when there is none.
const (
	quietPercent = 50       // of what is alive, in quiet: an eighth less memory for 5,000 idle tabs than with Go's 100
	busyGarbage  = 32 << 20 // under load, where that is more
	mostPercent  = 400      // a small heap gets no further: its p99 is no better with more

	memoryTick = time.Second
	quietBytes = 1 << 20 // allocated in a tick at most: pings of some ten thousand tabs and a scrape are below
	quietTicks = 3       // until quiet is believed
)

// tendMemory tunes the garbage collector until ctx ends, and leaves it to whoever sets GOGC. GOMEMLIMIT works as in any Go program.
func tendMemory(ctx context.Context) {
	if os.Getenv("GOGC") != "" {
		return
	}
	debug.SetGCPercent(quietPercent)
	tick := time.NewTicker(memoryTick)
	defer tick.Stop()
	heap := []metrics.Sample{{Name: "/gc/heap/allocs:bytes"}, {Name: "/gc/heap/live:bytes"}}
	metrics.Read(heap)
	t := tender{percent: quietPercent, allocated: heap[0].Value.Uint64()}
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
		metrics.Read(heap)
		before := t.percent
		if t.look(heap[0].Value.Uint64(), heap[1].Value.Uint64()); t.percent != before {
			debug.SetGCPercent(t.percent)
		}
		if t.percent < before && t.quiet == quietTicks {
			debug.FreeOSMemory()
		}
	}
}

// tender decides how much garbage there may be.
type tender struct {
	percent   int    // of what is alive
	allocated uint64 // bytes, since the start
	quiet     int    // ticks
}

// look takes what was allocated since the start and what was alive at the last collection.
func (t *tender) look(allocated, live uint64) {
	if allocated-t.allocated > quietBytes {
		t.quiet = 0
	} else {
		t.quiet++
	}
	t.allocated = allocated
	switch {
	case t.quiet == 0:
		t.percent = int(min(max(busyGarbage*100/max(live, 1), quietPercent), mostPercent))
	case t.quiet == quietTicks:
		t.percent = quietPercent
	}
}
