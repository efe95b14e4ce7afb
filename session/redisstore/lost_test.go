package redisstore

import (
	"bytes"
	"net"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/seshd/seshd/session/redisstore/redistest"
)

// gate is a way to a Redis that breaks connections.
type gate struct {
	addr  string
	redis *redistest.Server
	lose  atomic.Int32 // of so many of the next commits Redis gets what it is asked, and whoever asked hears nothing but that the connection ended
	late  atomic.Int32 // of so many after those Redis gets it when whoever asked has heard that the connection ended, and may have asked again

	mute atomic.Bool // what passes a connection is lost, and from then on all that would, and nobody is told

	mu   sync.Mutex // guards open
	open map[net.Conn]bool
	ends chan struct{} // with the test
}

// lateBy is how late a commit comes that was given up: within it others are made.
const lateBy = 50 * time.Millisecond

func newGate(t *testing.T, redis *redistest.Server) *gate {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	g := &gate{addr: l.Addr().String(), redis: redis, open: make(map[net.Conn]bool), ends: make(chan struct{})}
	var passing sync.WaitGroup
	t.Cleanup(func() {
		l.Close()
		close(g.ends)
		g.cut()
		passing.Wait()
	})
	passing.Go(func() {
		for {
			client, err := l.Accept()
			if err != nil {
				return
			}
			passing.Go(func() { g.serve(client) })
		}
	})
	return g
}

// cut ends all connections there are, whatever is under way.
func (g *gate) cut() {
	g.mu.Lock()
	defer g.mu.Unlock()
	for conn := range g.open {
		conn.Close()
	}
}

func (g *gate) serve(client net.Conn) {
	server, err := net.Dial("tcp", g.redis.Addr)
	if err != nil {
		client.Close()
		return
	}
	g.mu.Lock()
	g.open[client], g.open[server] = true, true
	g.mu.Unlock()
	var losing atomic.Bool
	var answering sync.WaitGroup
	answering.Go(func() {
		defer client.Close()
		g.pass(server, client, func([]byte) bool { return !losing.Load() })
	})
	g.pass(client, server, func(asked []byte) bool {
		if !bytes.Contains(asked, []byte("PUBLISH")) { // a commit is the script that publishes on a session's channel
			return true
		}
		switch {
		case g.lose.Add(-1) >= 0:
			losing.Store(true)
		case g.late.Add(-1) >= 0:
			client.Close()
			<-time.After(lateBy)
		}
		return true
	})
	server.Close()
	answering.Wait()
	g.mu.Lock()
	defer g.mu.Unlock()
	delete(g.open, client)
	delete(g.open, server)
}

// pass copies what may pass.
func (g *gate) pass(from, to net.Conn, may func([]byte) bool) {
	buffer := make([]byte, 64<<10)
	for {
		n, err := from.Read(buffer)
		g.stillIfMute()
		if err != nil || !may(buffer[:n]) {
			return
		}
		if _, err := to.Write(buffer[:n]); err != nil {
			return
		}
	}
}

func (g *gate) stillIfMute() {
	if g.mute.Load() {
		<-g.ends
	}
}

// TestACommitWhoseAnswerIsLostCountsOnce: it went in, and so it is not made again.
func TestACommitWhoseAnswerIsLostCountsOnce(t *testing.T) {
	redis := redistest.Start(t)
	g := newGate(t, redis)
	s := &server{Store: openStore(t, "redis://"+g.addr, 0), t: t}
	h := visitor(1)
	s.mustAdd(h)
	for want := uint64(2); want <= 10; want++ {
		g.lose.Store(1)
		if r := s.mustAdd(h); r.State.Version != want {
			t.Fatalf("answered version %d, want %d", r.State.Version, want)
		}
		if r := s.mustLoad(h.ID); r.State.Version != want {
			t.Fatalf("stored is version %d, want %d: it was made twice", r.State.Version, want)
		}
	}
}

// TestFewLostCommitsAreRemembered: the newest, however long the store is out of reach.
func TestFewLostCommitsAreRemembered(t *testing.T) {
	s := serverOn(t, redistest.Start(t))
	h := visitor(1)
	s.mustWatch(h.ID)
	commit := func(n uint64) tag { return makeTag(s.node, n) }
	const given = 2 * maxLost
	for n := range uint64(given) {
		s.lose(h.ID, commit(n))
	}
	shard := s.shard(h.ID)
	shard.mu.Lock()
	defer shard.mu.Unlock()
	if lost := shard.watched[h.ID].lost; len(lost) != maxLost || lost[maxLost-1] != commit(given-1) {
		t.Errorf("%d are remembered, up to %s", len(lost), lost[len(lost)-1])
	}
}
