package main

import (
	"io"
	"math/rand/v2"
	"net"
	"sync"
	"testing"
	"time"
)

// badNetwork stands between clients and a server and passes their bytes on, late and in pieces. Connections stall, are cut
// in the middle, or are taken and never answered, until all is quiet. What happens to the n-th connection after how many
// bytes is drawn from the seed; which of the clients makes the n-th is not.
type badNetwork struct {
	listener net.Listener
	server   string
	seed     uint64
	quiet    chan struct{} // closed when everything passes
	running  sync.WaitGroup

	mu    sync.Mutex // guards open and ended
	open  map[net.Conn]bool
	ended bool
}

func newBadNetwork(t *testing.T, server string, seed uint64) *badNetwork {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	n := &badNetwork{listener: l, server: server, seed: seed, quiet: make(chan struct{}), open: map[net.Conn]bool{}}
	n.running.Go(n.accept)
	t.Cleanup(n.end)
	return n
}

func (n *badNetwork) accept() {
	for i := uint64(0); ; i++ {
		conn, err := n.listener.Accept()
		if err != nil {
			return
		}
		n.running.Go(func() { n.serve(conn.(*net.TCPConn), i) })
	}
}

// beQuiet lets everything pass from now on.
func (n *badNetwork) beQuiet() { close(n.quiet) }

func (n *badNetwork) isQuiet() bool {
	select {
	case <-n.quiet:
		return true
	default:
		return false
	}
}

// wait passes time, as long as it is not quiet.
func (n *badNetwork) wait(d time.Duration) {
	select {
	case <-n.quiet:
	case <-time.After(d):
	}
}

func (n *badNetwork) end() {
	n.mu.Lock()
	n.ended = true
	for conn := range n.open {
		conn.Close()
	}
	n.mu.Unlock()
	n.listener.Close()
	if !n.isQuiet() {
		n.beQuiet()
	}
	n.running.Wait()
}

// owns keeps a connection, so that it can be ended.
func (n *badNetwork) owns(conn net.Conn) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.open[conn] = true
	if n.ended {
		conn.Close()
	}
}

func (n *badNetwork) frees(conn net.Conn) {
	n.mu.Lock()
	delete(n.open, conn)
	n.mu.Unlock()
	conn.Close()
}

func (n *badNetwork) serve(client *net.TCPConn, i uint64) {
	n.owns(client)
	defer n.frees(client)
	random := rand.New(rand.NewPCG(n.seed, 3*i))
	if random.IntN(12) == 0 && !n.isQuiet() { // taken, and never answered
		<-n.quiet
		reset(client)
		return
	}
	conn, err := net.Dial("tcp", n.server)
	if err != nil {
		reset(client)
		return
	}
	server := conn.(*net.TCPConn)
	n.owns(server)
	defer n.frees(server)
	var both sync.WaitGroup
	for k, ends := range [][2]*net.TCPConn{{client, server}, {server, client}} {
		w := &way{n, ends[0], ends[1], rand.New(rand.NewPCG(n.seed, 3*i+uint64(k)+1))}
		both.Go(w.pass)
	}
	both.Wait()
}

// reset ends a connection without a goodbye, and with what was not sent yet.
func reset(conn *net.TCPConn) {
	conn.SetLinger(0)
	conn.Close()
}

// way is one direction of a connection.
type way struct {
	*badNetwork
	from, to *net.TCPConn
	random   *rand.Rand
}

// pass copies bytes in pieces until something ends the connection.
func (w *way) pass() {
	buffer := make([]byte, 4096)
	good := w.stretch()
	for {
		got, err := w.from.Read(buffer)
		for rest := buffer[:got]; len(rest) > 0; {
			piece := rest[:min(len(rest), 1+w.random.IntN(1400), good)]
			w.wait(time.Duration(w.random.IntN(8)) * time.Millisecond)
			if _, err := w.to.Write(piece); err != nil {
				w.from.Close()
				return
			}
			rest = rest[len(piece):]
			if good -= len(piece); good == 0 {
				if !w.trouble() {
					return
				}
				good = w.stretch()
			}
		}
		if err == io.EOF {
			w.to.CloseWrite()
			return
		}
		if err != nil {
			w.to.Close()
			return
		}
	}
}

// stretch is how many bytes pass before the next trouble: a part of a handshake, or a conversation.
func (w *way) stretch() int {
	return 1 + w.random.IntN([]int{500, 3_000, 30_000}[w.random.IntN(3)])
}

// trouble comes in the middle of a stream of bytes. It says whether this goes on.
func (w *way) trouble() bool {
	kind, stall := w.random.IntN(5), time.Duration(w.random.IntN(300))*time.Millisecond
	if kind >= 3 || w.isQuiet() {
		w.wait(stall)
		return true
	}
	if kind == 2 {
		w.wait(stall)
	}
	if w.random.IntN(2) == 0 {
		reset(w.to)
		reset(w.from)
		return false
	}
	// A goodbye to the one side at once; what the other sends meanwhile still goes through.
	w.to.CloseWrite()
	w.wait(stall)
	w.from.Close()
	return false
}
