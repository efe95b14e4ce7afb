package main

import (
	"testing"
	"time"
)

func TestGarbageIsForThoseWhoWork(t *testing.T) {
	const work, rest = 10 * quietBytes, quietBytes / 2
	tests := []struct {
		name  string
		live  uint64
		ticks []uint64 // what each allocates
		want  int
	}{
		{"nothing to do", 8 << 20, []uint64{rest, rest, rest, rest}, quietPercent},
		{"a small heap at work", 1 << 20, []uint64{work}, mostPercent},
		{"a heap at work", 16 << 20, []uint64{work}, 200},
		{"a large heap at work", 1 << 30, []uint64{work}, quietPercent},
		{"no heap known yet", 0, []uint64{work}, mostPercent},
		{"a pause", 16 << 20, []uint64{work, rest, rest}, 200},
		{"work that goes on after one", 16 << 20, []uint64{work, rest, rest, work, rest, rest}, 200},
		{"work that is over", 16 << 20, []uint64{work, rest, rest, rest}, quietPercent},
		{"rest after that", 16 << 20, []uint64{work, rest, rest, rest, rest, rest, rest}, quietPercent},
		{"work after that", 16 << 20, []uint64{work, rest, rest, rest, rest, rest, rest, work}, 200},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			tend, allocated := tender{percent: quietPercent}, uint64(0)
			for _, n := range test.ticks {
				allocated += n
				tend.look(allocated, test.live)
			}
			if tend.percent != test.want {
				t.Errorf("%d percent of what is alive, want %d", tend.percent, test.want)
			}
		})
	}
}

// TestGarbageIsCollectedAsUsualInQuiet looks at a real server's own metric.
func TestGarbageIsCollectedAsUsualInQuiet(t *testing.T) {
	p := start(t, t.TempDir(), withoutLimits()...)
	percent := func() float64 { return p.metric(t, "go_gc_gogc_percent") }
	b := newBrowser(t, p.addr)
	if _, err := b.session(); err != nil {
		t.Fatal(err)
	}
	for percent() <= quietPercent {
		for range 500 {
			if _, err := b.post(`{"incr":{"cherries":1}}`, ""); err != nil {
				t.Fatal(err)
			}
		}
	}
	tick := time.NewTicker(memoryTick)
	defer tick.Stop()
	for percent() > quietPercent {
		<-tick.C
	}
}
