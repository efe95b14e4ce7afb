package redisstore

import (
	"fmt"
	"testing"
	"time"

	"github.com/seshd/seshd/session"
	"github.com/seshd/seshd/session/redisstore/redistest"
)

// TestSlotsMoveUnderWrites: the keys of each session go one by one to another server, and its channel after them. Nothing is lost,
// refused or made twice, and whoever listens goes on.
func TestSlotsMoveUnderWrites(t *testing.T) {
	for _, flavour := range redistest.Flavours() {
		t.Run(string(flavour), func(t *testing.T) {
			cluster := flavour.StartCluster(t)
			l := newLoad(t, cluster.URL(), 0)
			l.begin()
			l.more(20)
			began := time.Now()
			const rounds = 3
			for range rounds {
				for _, h := range l.handles {
					cluster.Move(cluster.Slot(sessionKey(h.ID)), func() { l.more(20) })
				}
			}
			moved := time.Since(began)
			l.more(20)
			for i, s := range l.servers {
				eventually(t, fmt.Sprintf("server %d is told that it may have missed something", i), // of moves in a row once
					func() bool { return s.misses() >= len(l.handles) })
			}
			l.end()
			lost := l.lost()
			if lost > 0 || l.refused > 0 {
				t.Errorf("%d acknowledged writes are lost, %d were refused", lost, l.refused)
			}
			t.Logf("%d slots moved in %v under %d writes", rounds*len(l.handles), moved, l.writes())
		})
	}
}

// TestFailoverInACluster: of one primary, whose sessions a replica has from then on, while two servers write to all. What Redis has
// lost is counted. Nothing is made twice, all servers are told to tell everything anew, and see the same then.
func TestFailoverInACluster(t *testing.T) {
	t.Parallel() // it waits for others most of the time
	for _, flavour := range redistest.Flavours() {
		t.Run(string(flavour), func(t *testing.T) {
			cluster := flavour.StartCluster(t)
			cluster.Replicate(flavour)
			l := newLoad(t, cluster.URL(), 0)
			l.begin()
			l.more(20)
			began := time.Now()
			cluster.Owner(cluster.Slot(sessionKey(l.handles[0].ID))).Kill()
			for i, s := range l.servers {
				if anew := next(t, s.renewed); !anew {
					t.Errorf("server %d was not told to tell all anew", i)
				}
			}
			anew := time.Since(began)
			l.more(20)
			again := time.Since(began)
			l.end()
			ended := time.Now()
			t.Logf("of %d acknowledged writes %d are lost, and %d were refused; told anew after %v, written to again after %v, all alike within %v",
				l.writes(), l.lost(), l.refused, anew, again, time.Since(ended))
		})
	}
}

// TestAClusterIsHeardAgain: connections break, and what was written meanwhile is missed, by session.
func TestAClusterIsHeardAgain(t *testing.T) {
	cluster := redistest.Redis.StartCluster(t)
	h := visitor(1)
	f := follow(t, openStore(t, cluster.URL(), 0), []session.Handle{h})
	f.mustAdd(h)
	before := f.misses()
	for _, s := range cluster.Primaries {
		s.Do("CLIENT", "KILL", "TYPE", "pubsub")
	}
	eventually(t, "a break is told of", func() bool { return f.misses() > before })
}

// TestAClusterForgetsChannels: what nobody watches any more is not sent.
func TestAClusterForgetsChannels(t *testing.T) {
	cluster := redistest.Redis.StartCluster(t)
	s := &server{Store: openStore(t, cluster.URL(), 0), t: t}
	h := visitor(1)
	heard := func() (n int) {
		for _, p := range cluster.Primaries {
			if p.Do("PUBSUB", "SHARDCHANNELS", channelOf(h.ID)) != "" {
				n++
			}
		}
		return n
	}
	for range 3 {
		if err := s.Watch(t.Context(), h.ID); err != nil {
			t.Fatal(err)
		}
		if heard() != 1 {
			t.Fatal("what is watched is not subscribed to")
		}
		s.Unwatch(h.ID)
		eventually(t, "it is unsubscribed from", func() bool { return heard() == 0 })
	}
}
