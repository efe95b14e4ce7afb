package redisstore

import (
	"bytes"
	"io"
	"net"
	"sync/atomic"
	"testing"

	"github.com/seshd/seshd/session/redisstore/redistest"
)

// gate is a way to a Redis that loses answers: Redis does what it is asked, and whoever asked hears nothing but that the connection ended.
type gate struct {
	addr string
	lose atomic.Int32 // so many of the next commits' answers
}

func newGate(t *testing.T, redis *redistest.Server) *gate {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	g := &gate{addr: l.Addr().String()}
	go func() {
		for {
			client, err := l.Accept()
			if err != nil {
				return
			}
			server, err := net.Dial("tcp", redis.Addr)
			if err != nil {
				client.Close()
				continue
			}
			go g.pass(client, server)
		}
	}()
	return g
}

func (g *gate) pass(client, server net.Conn) {
	var losing atomic.Bool
	go func() {
		defer client.Close()
		buffer := make([]byte, 64<<10)
		for {
			n, err := server.Read(buffer)
			if err != nil || losing.Load() {
				return
			}
			if _, err := client.Write(buffer[:n]); err != nil {
				return
			}
		}
	}()
	defer server.Close()
	buffer := make([]byte, 64<<10)
	for {
		n, err := client.Read(buffer)
		if err != nil {
			return
		}
		// A commit is the script that publishes on a session's channel.
		if bytes.Contains(buffer[:n], []byte("PUBLISH")) && g.lose.Add(-1) >= 0 {
			losing.Store(true)
		}
		if _, err := io.Copy(server, bytes.NewReader(buffer[:n])); err != nil {
			return
		}
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
