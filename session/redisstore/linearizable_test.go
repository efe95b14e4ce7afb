package redisstore

import (
	"math/rand/v2"
	"os"
	"slices"
	"strconv"
	"sync"
	"testing"
	"time"

	"github.com/seshd/seshd/session"
	"github.com/seshd/seshd/session/redisstore/redistest"
	"github.com/seshd/seshd/session/storetest"
)

// Three servers on one Redis: whatever breaks, all that clients are answered, and all that each server is told, happens in one order.
func TestLinearizable(t *testing.T) {
	histories := 3
	if os.Getenv("SESHD_PROVE") != "" {
		histories = 100
	}
	answers, lost := 0, 0
	for n := range histories {
		t.Run(strconv.Itoa(n), func(t *testing.T) {
			a, l := storetest.Linearizable(t, brittle(t))
			answers, lost = answers+a, lost+l
		})
	}
	t.Logf("%d histories, %d answers, %d without", histories, answers, lost)
}

// brittle is three servers, and all that can happen to them, in any order.
func brittle(t *testing.T) storetest.Nodes {
	redis := redistest.StartDurable(t)
	var gates []*gate
	var stores []session.Store
	for range 3 {
		g := newGate(t, redis)
		gates, stores = append(gates, g), append(stores, openStore(t, "redis://"+g.addr, 0))
	}
	var pausing sync.WaitGroup
	t.Cleanup(pausing.Wait)
	some := func() int { return rand.IntN(len(gates)) }
	faults := []func() (anew bool){
		func() bool { redis.Restart(); return true },
		func() bool { gates[some()].cut(); return false },
		func() bool { gates[some()].lose.Store(3); return false },
		func() bool { gates[some()].late.Store(3); return false },
		func() bool {
			redis.Pause()
			pausing.Go(func() {
				<-time.After(time.Second)
				redis.Resume()
			})
			return false
		},
		func() bool {
			n := some()
			stores[n].Close()
			stores[n] = openStore(t, "redis://"+gates[n].addr, 0)
			return false
		},
	}
	faults = append(faults, faults[:4]...)
	rand.Shuffle(len(faults), func(i, j int) { faults[i], faults[j] = faults[j], faults[i] })
	nodes := storetest.Nodes{Stores: slices.Clone(stores)}
	for _, fault := range faults {
		nodes.Faults = append(nodes.Faults, func() ([]session.Store, bool) {
			pausing.Wait() // what is stopped cannot be broken
			anew := fault()
			return slices.Clone(stores), anew
		})
	}
	return nodes
}
