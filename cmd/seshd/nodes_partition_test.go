package main

import (
	"testing"
	"time"

	"github.com/seshd/seshd/session/redisstore/redistest"
)

// healWithin is how long it may take until every tab of every node has everything once a node is back; with the race detector
// and other tests beside it a machine has less time for this.
func healWithin() time.Duration {
	if proving() {
		return 5 * time.Second
	}
	return 15 * time.Second
}

// TestANodeIsCutOff from Redis, while the others go on: it refuses, and says so to whoever asks, and its tabs stay.
func TestANodeIsCutOff(t *testing.T) {
	for name, cut := range map[string]func(*cable){
		"and told":     (*cable).pull,
		"and not told": (*cable).swallow,
	} {
		t.Run(name, func(t *testing.T) {
			nodes := startNodes(t, redistest.Start(t))
			load := newNodesLoad(t, nodes, 4, 2)
			load.begin(t)
			load.goesOn(t, 0, 1, 2)

			cut(nodes[0].cable)
			load.refuses(t, 0)
			nodes[0].turns(t, 503)
			v := load.visitors[0].at(t, nodes[0].process)
			v.do(t, "POST", "/session", `{"incr":{"n":0}}`).want(503, "unavailable")
			wsRefused(t, v, nil, 4253, "unavailable")
			for _, n := range nodes[1:] {
				n.api.do("GET", "/readyz", "").want(200)
			}
			load.goesOn(t, 1, 2)

			nodes[0].cable.plug()
			healed := time.Now()
			if took := load.converge(t, healed); took > healWithin() {
				t.Errorf("converged %v after it was back, want %v at most", took, healWithin())
			}
			nodes[0].turns(t, 200)
			load.check(t)
			load.stayed(t)
		})
	}
}
