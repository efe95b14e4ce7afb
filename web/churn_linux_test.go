package web

import (
	"bufio"
	"fmt"
	"io"
	"log/slog"
	"math/rand/v2"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"runtime"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/seshd/seshd/session"
	"github.com/seshd/seshd/session/pebblestore"
)

const (
	churners    = 32      // clients at once
	churnGrowth = 1 << 20 // bytes that may be alive afterwards and were not before: less than half a KiB for each, where a tab has several
)

// Tabs come, send what they like and go as they like, so that descriptors are used again at once: each is answered what it asked,
// and nothing of it is left.
func TestManyComeAndGoAndLeaveNothing(t *testing.T) {
	connections := 2_000
	if os.Getenv("SESHD_PROVE") != "" {
		connections = 1_000_000
	}
	quiet := slog.New(slog.DiscardHandler)
	store, err := pebblestore.Open(t.TempDir(), pebblestore.Options{Logger: quiet})
	if err != nil {
		t.Fatal(err)
	}
	manager := session.NewManager(store, session.Options{Logger: quiet})
	app := New(manager, Options{Logger: quiet})
	app.parkAfter = time.Millisecond // so that tabs are parked while they talk
	server := httptest.NewServer(app)
	t.Cleanup(func() {
		server.Close()
		app.Close()
		if err := manager.Close(); err != nil {
			t.Error(err)
		}
	})
	c := &churn{t: t, addr: server.Listener.Addr().String()}
	c.run(connections / 4) // for what the first bring in for all
	before := c.left(app)
	c.run(connections)
	after := c.left(app)
	t.Logf("%d connections: %+v before, %+v after", connections, before, after)
	if after.goroutines > before.goroutines || after.files > before.files || after.heap > before.heap+churnGrowth {
		t.Errorf("something is left of them: %+v before, %+v after", before, after)
	}
}

// churn is what the clients share.
type churn struct {
	t    *testing.T
	addr string
	next atomic.Int64
}

func (c *churn) run(connections int) {
	var wait sync.WaitGroup
	end := c.next.Load() + int64(connections)
	for range churners {
		wait.Go(func() {
			for n := c.next.Add(1); n <= end && !c.t.Failed(); n = c.next.Add(1) {
				if err := c.visit(n); err != nil {
					c.t.Errorf("connection %d: %v", n, err)
				}
			}
		})
	}
	wait.Wait()
	c.next.Store(end)
}

// visit is one connection. What it is like follows from its number.
func (c *churn) visit(n int64) error {
	from := &net.TCPAddr{IP: net.IPv4(127, 0, byte(1+n%50), byte(1+n/50%200))} // one address runs out of ports
	dialer := net.Dialer{LocalAddr: from, Timeout: wirePatience}
	dialed, err := dialer.Dial("tcp", c.addr)
	if err != nil {
		return err
	}
	conn := dialed.(*net.TCPConn)
	defer conn.Close()
	if err := conn.SetLinger(0); err != nil { // a reset, unless it was closed in order before
		return err
	}
	if err := conn.SetDeadline(time.Now().Add(wirePatience)); err != nil {
		return err
	}
	random := rand.New(rand.NewPCG(uint64(n), 0))
	text := handshake
	if n%16 == 0 {
		text = handshake[:random.IntN(len(handshake))]
	}
	if _, err := io.WriteString(conn, text); err != nil || text != handshake {
		return err
	}
	r := bufio.NewReader(conn)
	if _, err := http.ReadResponse(r, nil); err != nil {
		return err
	}
	return c.talk(n, random, conn, r)
}

func (c *churn) talk(n int64, random *rand.Rand, conn *net.TCPConn, r *bufio.Reader) error {
	ask := masked(frameText, `{"ping":true}`)
	switch n % 8 {
	case 1: // silent
		return nil
	case 2: // garbage
		garbage := make([]byte, random.IntN(2*readBuffer))
		for i := range garbage {
			garbage[i] = byte(random.Uint32())
		}
		_, _ = conn.Write(garbage) // the server may have closed by then
		return nil
	case 3: // half a frame
		_, err := conn.Write(ask[:random.IntN(len(ask))])
		return err
	case 4: // our close, which is answered
		if _, err := conn.Write(masked(frameClose, "\x03\xe8")); err != nil {
			return err
		}
		return until(r, frameClose, "\x03\xe8")
	case 5: // our end alone
		if err := conn.CloseWrite(); err != nil {
			return err
		}
		_, err := io.Copy(io.Discard, r)
		return err
	case 6: // pongs and a ping in two parts
		mine := fmt.Sprint(n)
		frames := append(masked(framePong, "nobody asked"), masked(framePing, mine)...)
		cut := random.IntN(len(frames))
		if _, err := conn.Write(frames[:cut]); err != nil {
			return err
		}
		if _, err := conn.Write(frames[cut:]); err != nil {
			return err
		}
		return until(r, framePong, mine)
	}
	for range random.IntN(4) {
		if _, err := conn.Write(ask); err != nil {
			return err
		}
		if err := until(r, frameText, `{"type":"pong"}`); err != nil {
			return err
		}
	}
	return nil
}

// until reads short frames up to one.
func until(r *bufio.Reader, opcode byte, payload string) error {
	for {
		var head [4]byte
		if _, err := io.ReadFull(r, head[:2]); err != nil {
			return err
		}
		size := int(head[1])
		if size == 126 {
			if _, err := io.ReadFull(r, head[2:]); err != nil {
				return err
			}
			size = int(head[2])<<8 | int(head[3])
		}
		got := make([]byte, size)
		if _, err := io.ReadFull(r, got); err != nil {
			return err
		}
		if head[0] == finalFrame|opcode && string(got) == payload {
			return nil
		}
	}
}

// left is what a process has.
type left struct {
	goroutines, files int
	heap              uint64
}

// left waits until the server has noticed that everybody is gone, which is when the descriptors are as few as they get.
func (c *churn) left(app *App) (l left) {
	becomes(c.t, "tabs", 0, app.pinger.count)
	becomes(c.t, "connections", 0, func() int { return countSockets(c.t) - 1 }) // but for the listener
	runtime.GC()
	runtime.GC() // pools are emptied by the second
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	names, err := os.ReadDir("/proc/self/fd")
	if err != nil {
		c.t.Fatal(err)
	}
	return left{runtime.NumGoroutine(), len(names), m.HeapAlloc}
}

func countSockets(t *testing.T) (n int) {
	names, err := os.ReadDir("/proc/self/fd")
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range names {
		if to, err := os.Readlink("/proc/self/fd/" + name.Name()); err == nil && len(to) > 6 && to[:6] == "socket" {
			n++
		}
	}
	return n
}

// becomes waits until something is as wanted.
func becomes(t testing.TB, what string, want int, is func() int) {
	t.Helper()
	for end := time.Now().Add(wirePatience); is() != want; runtime.Gosched() {
		if time.Now().After(end) {
			t.Fatalf("%s: %d, want %d", what, is(), want)
		}
	}
}

// masked is a frame as clients send it, with a key of zero.
func masked(opcode byte, payload string) []byte {
	return append([]byte{finalFrame | opcode, 0x80 | byte(len(payload)), 0, 0, 0, 0}, payload...)
}

const handshake = "GET /ws HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n" +
	"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
