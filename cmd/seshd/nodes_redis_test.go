package main

import (
	"testing"
	"time"

	"github.com/seshd/seshd/session/redisstore/redistest"
)

// TestRedisIsKilledUnderLoad and started again on what it had on disk. Meanwhile nobody is told anything but that: after that
// all goes on by itself.
func TestRedisIsKilledUnderLoad(t *testing.T) {
	redis := redistest.StartDurable(t)
	nodes := startNodes(t, redis)
	load := newNodesLoad(t, nodes, 4, 2)
	load.begin(t)
	load.goesOn(t, 0, 1, 2)

	redis.Kill()
	load.refuses(t, 0, 1, 2)
	for _, n := range nodes {
		n.turns(t, 503)
		n.api.do("GET", "/livez", "").want(200)
	}
	v := load.visitors[0].at(t, nodes[0].process)
	v.do(t, "GET", "/session", "").want(503, "unavailable")
	wsRefused(t, v, nil, 4253, "unavailable")

	redis.Restart()
	back := time.Now()
	load.converge(t, back)
	for _, n := range nodes {
		n.turns(t, 200)
	}
	load.check(t)
	load.stayed(t)
}
