package main

import (
	"syscall"
	"testing"
	"time"

	"github.com/seshd/seshd/session/redisstore/redistest"
)

// TestNodesAreRestartedUnderTypingTabs, one after the other: no write fails that is not in at the next node, and none counts twice.
func TestNodesAreRestartedUnderTypingTabs(t *testing.T) {
	sessions, typing, drain := 10, 100*time.Millisecond, "1s" // 60 tabs that type
	if proving() {
		sessions, typing, drain = 84, 300*time.Millisecond, "5s" // 504
	}
	nodes := startNodes(t, redistest.Start(t), "--shutdown-timeout="+drain)
	load := newNodesLoad(t, nodes, sessions, 2)
	load.typing = typing
	load.begin(t)
	load.goesOn(t, 0, 1, 2)

	for at, n := range nodes {
		n.signal(t, syscall.SIGTERM)
		if code := n.ends(); code != 0 {
			t.Errorf("node %d ends with %d", at, code)
		}
		n.start(t)
		load.goesOn(t, (at+1)%len(nodes), (at+2)%len(nodes))
	}
	load.converge(t, time.Now())
	for at := range nodes {
		if n := load.refused[at].Load(); n > 0 {
			t.Errorf("node %d refused %d writes", at, n)
		}
	}
	for _, r := range load.roamers {
		for _, bye := range r.byes {
			if bye != "restarting" {
				t.Errorf("%s was sent away with %q", r.name, bye)
			}
		}
	}
	load.check(t)
}
