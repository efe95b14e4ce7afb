package web

import (
	"bufio"
	"bytes"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/gorilla/websocket"

	"github.com/seshd/seshd/session"
	"github.com/seshd/seshd/session/pebblestore"
)

// BenchmarkFanOut tells all tabs of one session of a write and waits until each has it, beside bare gorilla, which commits
// nothing. Client and server are one process, and their CPU one figure; the client allocates nothing.
//
//	go test ./web -run '^$' -bench FanOut -benchmem
func BenchmarkFanOut(b *testing.B) {
	for _, tabs := range []int{1, 10, 100, 1000} {
		b.Run(fmt.Sprintf("tabs=%d/seshd", tabs), func(b *testing.B) { fanOut(b, tabs, unlimitedApp(b)) })
		b.Run(fmt.Sprintf("tabs=%d/gorilla", tabs), func(b *testing.B) { fanOut(b, tabs, new(bareRoom)) })
	}
}

func unlimitedApp(b *testing.B) *App {
	quiet := slog.New(slog.DiscardHandler)
	store, err := pebblestore.Open(b.TempDir(), pebblestore.Options{Logger: quiet})
	if err != nil {
		b.Fatal(err)
	}
	manager := session.NewManager(store, session.Options{Logger: quiet, MaxTabs: -1, Rate: -1})
	app := New(manager, Options{Logger: quiet})
	b.Cleanup(func() {
		app.Close()
		if err := manager.Close(); err != nil {
			b.Error(err)
		}
	})
	return app
}

func fanOut(b *testing.B, tabs int, handler http.Handler) {
	server := httptest.NewServer(handler)
	b.Cleanup(server.Close)
	var told atomic.Int64
	all, joined := make(chan struct{}), make(chan struct{})
	cookie := ""
	var first net.Conn
	for range tabs {
		conn, reader, set := dialRaw(b, server.Listener.Addr().String(), cookie)
		if first == nil {
			first, cookie = conn, set
		}
		go countFrames(reader, func() { joined <- struct{}{} }, func() {
			if told.Add(1)%int64(tabs) == 0 {
				all <- struct{}{}
			}
		})
		<-joined // else a write could be in its first frame
	}
	text := []byte(`{"incr":{"n":1}}`)
	write := append([]byte{0x81, 0x80 | byte(len(text)), 0, 0, 0, 0}, text...) // masked by a key of zero
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	b.ReportAllocs()
	for b.Loop() {
		if _, err := first.Write(write); err != nil {
			b.Fatal(err)
		}
		<-all
	}
	runtime.ReadMemStats(&after)
	deliveries := float64(b.N * tabs)
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/deliveries, "ns/delivery")
	b.ReportMetric(float64(after.Mallocs-before.Mallocs)/deliveries, "allocs/delivery")
}

// dialRaw opens a tab with nothing of a library on our side.
func dialRaw(b *testing.B, addr, cookie string) (net.Conn, *bufio.Reader, string) {
	conn, err := net.Dial("tcp", addr)
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { conn.Close() })
	fmt.Fprintf(conn, "GET /ws HTTP/1.1\r\nHost: %s\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\n"+
		"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nCookie: %s\r\n\r\n", addr, cookie)
	reader := bufio.NewReader(conn)
	response, err := http.ReadResponse(reader, nil)
	if err != nil || response.StatusCode != http.StatusSwitchingProtocols {
		b.Fatal(response, err)
	}
	for _, c := range response.Cookies() {
		cookie = c.Name + "=" + c.Value
	}
	return conn, reader, cookie
}

// countFrames reads short frames until the connection ends.
func countFrames(r *bufio.Reader, session, change func()) {
	for {
		head, err := r.Peek(4)
		if err != nil {
			return
		}
		size := 2 + int(head[1])
		if head[1] == 126 {
			size = 4 + int(head[2])<<8 + int(head[3])
		}
		frame, err := r.Peek(size)
		if err != nil {
			return
		}
		switch kind := frame[:min(size, 24)]; {
		case bytes.Contains(kind, []byte(`"change"`)):
			change()
		case bytes.Contains(kind, []byte(`"session"`)):
			session()
		}
		if _, err := r.Discard(size); err != nil {
			return
		}
	}
}

// bareRoom is the least that gorilla does for this: a reader for each tab, one prepared frame for all.
type bareRoom struct {
	upgrader websocket.Upgrader
	mu       sync.Mutex // guards what follows, and writing to the tabs
	version  int
	tabs     []*websocket.Conn
}

func (r *bareRoom) ServeHTTP(w http.ResponseWriter, request *http.Request) {
	conn, err := r.upgrader.Upgrade(w, request, nil)
	if err != nil {
		return
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if conn.WriteMessage(websocket.TextMessage, []byte(`{"type":"session"}`)) == nil {
		r.tabs = append(r.tabs, conn)
		go r.read(conn)
	}
}

func (r *bareRoom) read(conn *websocket.Conn) {
	defer conn.Close()
	for {
		_, text, err := conn.ReadMessage()
		if err != nil {
			return
		}
		set := strings.TrimPrefix(strings.TrimSuffix(string(text), "}"), `{"incr":`)
		r.mu.Lock()
		r.version++
		change := fmt.Appendf(nil, `{"type":"change","from":%d,"version":%d,"set":%s,"delete":[],"by":"tab"}`, r.version-1, r.version, set)
		prepared, err := websocket.NewPreparedMessage(websocket.TextMessage, change)
		for _, to := range r.tabs {
			if err == nil {
				err = to.WritePreparedMessage(prepared)
			}
		}
		r.mu.Unlock()
		if err != nil {
			return
		}
	}
}
