package web

import (
	"encoding/json"
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/gorilla/websocket"

	"github.com/seshd/seshd/session"
)

const wirePatience = 10 * time.Second

// wire is a tab with a receive buffer of its own size.
type wire struct {
	t    *testing.T
	conn *websocket.Conn
	tabs int // as last told
}

type wireFrame struct {
	Type    string
	Version uint64
	Tabs    int
}

// dialWire opens a tab of the visitor that header is of; a receive buffer of 0 bytes is one that grows as needed.
func dialWire(t *testing.T, server *httptest.Server, header http.Header, receive int) *wire {
	t.Helper()
	dialer := websocket.Dialer{NetDial: func(network, addr string) (net.Conn, error) {
		c, err := net.Dial(network, addr)
		if err == nil && receive > 0 {
			err = c.(*net.TCPConn).SetReadBuffer(receive)
		}
		return c, err
	}}
	conn, response, err := dialer.Dial("ws"+strings.TrimPrefix(server.URL, "http")+"/ws", header)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	if cookies := response.Cookies(); len(cookies) > 0 {
		header.Set("Cookie", cookies[0].Name+"="+cookies[0].Value)
	}
	return &wire{t: t, conn: conn}
}

// until reads up to a frame that is wanted.
func (w *wire) until(what string, wanted func(wireFrame) bool) {
	w.t.Helper()
	if err := w.conn.SetReadDeadline(time.Now().Add(wirePatience)); err != nil {
		w.t.Fatal(err)
	}
	for {
		_, line, err := w.conn.ReadMessage()
		if err != nil {
			w.t.Fatalf("waiting for %s: %v", what, err)
		}
		var f wireFrame
		if err := json.Unmarshal(line, &f); err != nil {
			w.t.Fatalf("%.100s: %v", line, err)
		}
		if f.Tabs > 0 {
			w.tabs = f.Tabs
		}
		if wanted(f) {
			return
		}
	}
}

func (w *wire) untilVersion(version uint64) {
	w.t.Helper()
	w.until(fmt.Sprint("version ", version), func(f wireFrame) bool { return f.Version == version })
}

func (w *wire) untilTabs(n int) {
	w.t.Helper()
	if w.tabs != n {
		w.until(fmt.Sprint(n, " tabs"), func(f wireFrame) bool { return f.Tabs == n })
	}
}

// fill writes values that no buffer takes many of, each as soon as the one before is told.
func (w *wire) fill(from, to uint64) {
	w.t.Helper()
	for v := from; v <= to; v++ {
		value := strings.Repeat(string(rune('a'+v%26)), 60_000)
		if err := w.conn.WriteMessage(websocket.TextMessage, fmt.Appendf(nil, `{"set":{"v":%q}}`, value)); err != nil {
			w.t.Fatal(err)
		}
		w.untilVersion(v)
	}
}

// TestNobodyWaitsForASlowTab: with a single writer, while another tab takes nothing.
func TestNobodyWaitsForASlowTab(t *testing.T) {
	app := newApp(t)
	app.writers.limit = 1
	app.writeWait = 2 * wirePatience // it does not end the wait
	server := httptest.NewServer(app)
	defer server.Close()
	header := http.Header{}
	dialWire(t, server, header, 4<<10) // takes nothing
	late := dialWire(t, server, header, 128<<10)
	busy := dialWire(t, server, header, 0)
	busy.fill(1, 20)
	late.untilVersion(20) // though it, too, was behind for a while
}

// TestWhatIsWrittenHasItsTime: a tab that takes nothing for the time that a write has is cut off; one that was slow only for a moment
// is told what comes later, when the time of that write is long over.
func TestWhatIsWrittenHasItsTime(t *testing.T) {
	app := newApp(t)
	app.writeWait = 4 * time.Second
	server := httptest.NewServer(app)
	defer server.Close()
	header := http.Header{}
	late := dialWire(t, server, header, 128<<10)
	busy := dialWire(t, server, header, 0)
	busy.fill(1, 40)
	late.untilVersion(40)
	began := time.Now()
	dialWire(t, server, header, 4<<10) // takes nothing
	busy.untilTabs(3)
	busy.fill(41, 50)
	late.untilVersion(50)
	busy.untilTabs(2)
	if waited := time.Since(began); waited < app.writeWait {
		t.Errorf("cut off after %v", waited)
	}
	time.Sleep(app.writeWait) // the time of the writes that late was slow to take is over
	busy.fill(51, 51)
	late.untilVersion(51)
}

// countingListener counts what is written to its connections.
type countingListener struct {
	net.Listener
	writes *atomic.Int32
}

func (l countingListener) Accept() (net.Conn, error) {
	c, err := l.Listener.Accept()
	return countingConn{c, l.writes}, err
}

type countingConn struct {
	net.Conn
	writes *atomic.Int32
}

func (c countingConn) Write(b []byte) (int, error) {
	c.writes.Add(1)
	return c.Conn.Write(b)
}

// TestAChangeAndItsOkAreOneWrite, where a writer comes to the tab when both are there.
func TestAChangeAndItsOkAreOneWrite(t *testing.T) {
	app := newApp(t)
	var writes atomic.Int32
	server := httptest.NewUnstartedServer(app)
	server.Listener = countingListener{server.Listener, &writes}
	server.Start()
	defer server.Close()
	w := dialWire(t, server, http.Header{}, 0)
	w.until("the session", func(f wireFrame) bool { return f.Type == "session" })
	writes.Store(0)
	answered := make(chan session.Submission, 2)
	app.manager.Observe(session.Observer{
		Answered: func(s session.Submission, _ session.Result, _ error, _ time.Duration) { answered <- s },
		Lived:    func(session.Cause, int) {},
	})
	allow := func(n int) {
		app.writers.mu.Lock()
		defer app.writers.mu.Unlock()
		app.writers.limit = n
		app.writers.fill()
	}
	allow(0)
	if err := w.conn.WriteMessage(websocket.TextMessage, []byte(`{"set":{"fruit":"cherries"},"id":1}`)); err != nil {
		t.Fatal(err)
	}
	first := <-answered // the tab is about to hear so, and has by the time that what comes after it is answered
	next := session.Submission{Handle: first.Handle, Mutation: &session.Mutation{Delete: []string{"nothing"}}}
	if _, err := app.manager.Apply(t.Context(), next); err != nil {
		t.Fatal(err)
	}
	allow(1)
	w.until("the change", func(f wireFrame) bool { return f.Type == "change" })
	w.until("its ok", func(f wireFrame) bool { return f.Type == "ok" })
	if n := writes.Load(); n != 1 {
		t.Errorf("they took %d writes", n)
	}
}
