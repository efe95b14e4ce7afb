package main

import (
	"testing"
	"time"

	"github.com/seshd/seshd/session/redisstore/redistest"
)

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
			load.converge(t, healed)
			nodes[0].turns(t, 200)
			load.check(t)
			load.stayed(t)
		})
	}
}
