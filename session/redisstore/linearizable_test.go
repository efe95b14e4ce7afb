package redisstore

import (
	"math/rand/v2"
	"os"
	"regexp"
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

// TestLinearizableOverFailovers: what is acknowledged once so many replicas have it that no failover can undo it happens in one order.
// Without that a failover undoes what the replicas lack, and all servers end up alike.
func TestLinearizableOverFailovers(t *testing.T) {
	t.Parallel() // it waits for others most of the time
	histories := 1
	if os.Getenv("SESHD_PROVE") != "" {
		histories = 10
	}
	for _, test := range []struct {
		name string
		wait int // of two replicas
		safe bool
	}{
		{"one replica is waited for", 1, true},
		{"none is waited for", 0, false},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			answers, without := 0, 0
			for range histories {
				sentinels := redistest.Redis.StartSentinels(t, 2, 1)
				nodes := storetest.Nodes{}
				for range 3 {
					nodes.Stores = append(nodes.Stores, openStore(t, sentinels.URL(0), test.wait))
				}
				if !test.safe {
					nodes.Faults = append(nodes.Faults, func() ([]session.Store, bool) {
						sentinels.Detach() // so that there is something to lose
						return nodes.Stores, false
					})
				}
				nodes.Faults = append(nodes.Faults, func() ([]session.Store, bool) {
					sentinels.Primary.Kill()
					return nodes.Stores, true
				})
				a, err := storetest.WritesLinearizable(t, nodes)
				answers += a
				switch {
				case err != nil && test.safe:
					t.Error(err)
				case err != nil:
					without++
					os.Remove(regexp.MustCompile(`/\S+\.html`).FindString(err.Error()))
				}
			}
			t.Logf("%d answers to writes in %d histories, of which %d have no order", answers, histories, without)
			if !test.safe && without == 0 {
				t.Error("nothing was lost, or that was not found out")
			}
		})
	}
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
