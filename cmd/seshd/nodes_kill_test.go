package main

import (
	"testing"
	"time"

	"github.com/seshd/seshd/session/redisstore/redistest"
)

// deadWithin is how soon the tabs of a server that was killed are to be counted no more.
const deadWithin = 15 * time.Second

// TestANodeIsKilledUnderLoad: its tabs go on at the others, where each of their writes counts once. Then it comes back.
func TestANodeIsKilledUnderLoad(t *testing.T) {
	nodes := startNodes(t, redistest.Start(t))
	load := newNodesLoad(t, nodes, 4, 2)
	load.begin(t)
	load.goesOn(t, 0, 1, 2)
	gone := visitor(t, nodes[0].process, `{"set":{"fruit":"cherries"}}`) // of its tabs there nobody comes back
	openTab(t, gone)
	openTab(t, gone)
	left := openTab(t, gone.at(t, nodes[1].process))
	left.counts(t, 3)

	nodes[0].kill(t)
	killed := time.Now()
	load.goesOn(t, 1, 2)
	nodes[0].start(t)
	load.converge(t, killed)
	left.counts(t, 1)
	took := time.Since(killed)
	t.Logf("the tabs of the killed node counted for another %v", took.Round(time.Millisecond))
	if took > deadWithin {
		t.Errorf("that is more than %v", deadWithin)
	}
	load.check(t)
}

// counts waits until a tab was told how many there are.
func (tb *tab) counts(t *testing.T, tabs int) {
	t.Helper()
	for tb.tabs != tabs {
		if _, err := tb.next(); err != nil {
			t.Fatalf("told of %d tabs, want %d: %v", tb.tabs, tabs, err)
		}
	}
}
