package redisstore

import (
	"testing"
	"time"

	"github.com/seshd/seshd/session"
	"github.com/seshd/seshd/session/redisstore/redistest"
)

// TestFailover has a replica take the primary's place while two servers write. What Redis has lost is counted. Nothing is made
// twice, all servers are told to tell everything anew, and see the same then.
func TestFailover(t *testing.T) {
	t.Parallel() // it waits for others most of the time
	const detached = 50
	for name, test := range map[string]struct {
		wait, replicas int
		fail           func(*redistest.Sentinels, *load)
		least, most    int // that may be lost
	}{
		"the primary is killed": {0, 1, func(s *redistest.Sentinels, _ *load) { s.Primary.Kill() }, 0, 1 << 20},
		"the primary is killed far ahead of its replica": {0, 1, func(s *redistest.Sentinels, l *load) {
			s.Detach()
			l.more(detached)
			s.Primary.Kill()
		}, detached * loadSessions, 1 << 20},
		"the primary is killed, replicas are waited for": {1, 2, func(s *redistest.Sentinels, _ *load) { s.Primary.Kill() }, 0, 0},
		"by hand":                              {0, 1, func(s *redistest.Sentinels, _ *load) { s.Failover() }, 0, 1 << 20},
		"by hand, all replicas are waited for": {2, 2, func(s *redistest.Sentinels, _ *load) { s.Failover() }, 0, 0},
		"by hand, nobody writes at that time":  {0, 1, func(s *redistest.Sentinels, l *load) { l.end(); s.Failover() }, 0, 0},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			sentinels := redistest.Redis.StartSentinels(t, test.replicas, 1)
			l := newLoad(t, sentinels.URL(0), test.wait)
			l.begin()
			l.more(20)
			before := l.writes()
			began := time.Now()
			test.fail(sentinels, l)
			for i, s := range l.servers {
				if anew := next(t, s.renewed); !anew {
					t.Errorf("server %d was not told to tell all anew", i)
				}
			}
			anew := time.Since(began)
			l.begin()
			l.more(20)
			again := time.Since(began)
			l.end()
			ended := time.Now()
			lost := l.lost()
			if lost < test.least || lost > test.most {
				t.Errorf("%d acknowledged writes are lost, want %d to %d", lost, test.least, test.most)
			}
			t.Logf("of %d acknowledged writes, %d of them before, %d are lost, and %d were refused; told anew after %v, written to again after %v, all alike within %v",
				l.writes(), before, lost, l.refused, anew, again, time.Since(ended))
			r := l.servers[0].mustLoad(l.handles[0].ID)
			for version := range uint64(l.writes()) { // what a client may come back with, of before
				if _, told := r.State.Since(version); told {
					t.Fatalf("a delta leads on from version %d, of a time that may be lost", version)
				}
			}
		})
	}
}

// TestReplicasThatHang: a write that too few replicas have is refused, and yet it is there; sent again it counts once.
func TestReplicasThatHang(t *testing.T) {
	sentinels := redistest.Redis.StartSentinels(t, 1, 1)
	s := &server{Store: openStore(t, sentinels.URL(0), 1), t: t}
	h := visitor(1)
	s.mustAdd(h)
	sentinels.Replicas[0].Pause()
	began := time.Now()
	if _, err := s.add(h); session.CodeOf(err) != session.Unavailable || err != errFewReplicas {
		t.Errorf("without a replica: %v", err)
	}
	t.Logf("refused after %v", time.Since(began))
	if r := s.mustLoad(h.ID); r.State.Version != 2 {
		t.Errorf("the primary has version %d", r.State.Version)
	}
	sentinels.Replicas[0].Resume()
	if r := s.mustAdd(h); r.State.Version != 3 {
		t.Errorf("then it is version %d", r.State.Version)
	}
}

// TestASessionThatWasLostBeginsAbove: tabs saw versions of it, so those of its second beginning are others.
func TestASessionThatWasLostBeginsAbove(t *testing.T) {
	sentinels := redistest.Redis.StartSentinels(t, 1, 1)
	h := visitor(1)
	f := follow(t, openStore(t, sentinels.URL(0), 0), []session.Handle{h})
	sentinels.Detach()
	f.mustAdd(h)
	lost := f.mustAdd(h)
	sentinels.Primary.Kill()
	next(t, f.renewed)
	r := f.mustAdd(h)
	if n, _ := r.State.Get("n"); string(n) != "1" || r.State.Version <= lost.State.Version {
		t.Errorf("n is %s at version %d, after %d", n, r.State.Version, lost.State.Version)
	}
	for since := range lost.State.Version + 1 {
		if _, told := r.State.Since(since); told {
			t.Errorf("a delta leads on from version %d, of the one that was lost", since)
		}
	}
}
