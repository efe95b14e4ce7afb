//go:build !readers

package web

import (
	"bytes"
	"errors"
	"net"
	"net/http"
	"net/http/httptest"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/gorilla/websocket"
)

func (p *poller) count() int {
	p.mu.Lock()
	defer p.mu.Unlock()
	return len(p.tabs)
}

func (a *App) untilParked(t testing.TB, n int) {
	t.Helper()
	becomes(t, "parked", n, a.poller.count)
}

// untilGone waits until there is no tab, and sees that nobody remembers one.
func (a *App) untilGone(t testing.TB) {
	t.Helper()
	becomes(t, "tabs", 0, a.pinger.count)
	if n := a.poller.count(); n != 0 {
		t.Errorf("%d are parked still", n)
	}
}

// readersNow is how many tabs have a reader.
func readersNow() int {
	stacks := make([]byte, 16<<20)
	return bytes.Count(stacks[:runtime.Stack(stacks, true)], []byte("web.(*tab).read("))
}

// onlyTab is the server's side of the one connection there is.
func (a *App) onlyTab(t testing.TB) (only *tab) {
	t.Helper()
	a.pinger.mu.Lock()
	defer a.pinger.mu.Unlock()
	for _, tabs := range a.pinger.slots {
		for x := range tabs {
			if only != nil {
				t.Fatal("there are two")
			}
			only = x
		}
	}
	return only
}

// parkedAt is where it is parked.
func (t *tab) parkedAt() spot {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.spot
}

// serveParked begins a server whose tabs are parked as soon as they are silent for a moment.
func serveParked(t *testing.T, moment time.Duration) (*App, *httptest.Server) {
	app := newApp(t)
	app.parkAfter = moment
	server := httptest.NewServer(app)
	t.Cleanup(server.Close)
	return app, server
}

// openParked opens a tab and waits until it is parked, the only one.
func openParked(t *testing.T, app *App, server *httptest.Server) *wire {
	t.Helper()
	x := dialWire(t, server, http.Header{}, 0)
	x.untilSession()
	app.untilParked(t, 1)
	return x
}

func (w *wire) raw(b []byte) {
	w.t.Helper()
	if _, err := w.conn.NetConn().Write(b); err != nil {
		w.t.Fatal(err)
	}
}

func (w *wire) untilPong() {
	w.t.Helper()
	w.until("a pong", func(f wireFrame) bool { return f.Type == "pong" })
}

func (w *wire) untilSession() {
	w.t.Helper()
	w.until("the session", func(f wireFrame) bool { return f.Type == "session" })
}

var (
	asksForPong    = masked(frameText, `{"ping":true}`)
	asksForSession = masked(frameText, `{"get":true}`)
)

const (
	never   = time.Hour // for a tab to be parked, having talked
	atOnce  = time.Millisecond
	several = 50
)

func TestAParkedTabHasNeitherAReaderNorABuffer(t *testing.T) {
	app, server := serveParked(t, atOnce)
	var all []*wire
	for range several {
		all = append(all, dialWire(t, server, http.Header{}, 0))
	}
	app.untilParked(t, several)
	becomes(t, "readers", 0, readersNow)
	for _, tabs := range app.pinger.slots {
		for x := range tabs {
			if x.mu.Lock(); x.parking.lent != nil || x.parking.buffer.Size() != 0 {
				t.Error("it keeps its buffer")
			}
			x.mu.Unlock()
		}
	}
	for _, x := range all {
		x.raw(asksForPong)
		x.untilPong()
	}
	app.untilParked(t, several)
	becomes(t, "readers", 0, readersNow)
}

// Starting a reader for each of many frames would cost more than the reader.
func TestATabThatTalksKeepsItsReader(t *testing.T) {
	app, server := serveParked(t, never)
	x := openParked(t, app, server)
	for range 3 {
		x.raw(asksForSession)
		x.untilSession()
		if n := app.poller.count(); n != 0 {
			t.Fatal("it is parked already")
		}
	}
}

func TestPingsAndPongsDoNotCountAsTalk(t *testing.T) {
	app, server := serveParked(t, never)
	x := openParked(t, app, server)
	only := app.onlyTab(t)
	heard := func() time.Duration {
		only.mu.Lock()
		defer only.mu.Unlock()
		return only.heard
	}
	for _, opcode := range []byte{framePing, framePong} {
		before := heard()
		x.raw(masked(opcode, "cherries"))
		becomes(t, "heard", 1, func() int {
			if heard() > before {
				return 1
			}
			return 0
		})
		app.untilParked(t, 1)
	}
	x.raw(asksForPong)
	x.untilPong()
	app.untilParked(t, 1)
}

// A frame that is cut in two anywhere is read once it is whole, and holds up nobody. The first part is there for longer than a
// silent tab keeps its reader.
func TestAFrameInTwoPartsHoldsUpNobody(t *testing.T) {
	app, server := serveParked(t, atOnce)
	x := openParked(t, app, server)
	other := dialWire(t, server, http.Header{}, 0)
	for _, whole := range [][]byte{asksForPong, append(masked(framePong, "cherries"), asksForPong...)} {
		for cut := 1; cut < len(whole); cut++ {
			app.untilParked(t, 2)
			x.raw(whole[:cut])
			other.raw(asksForPong)
			other.untilPong()
			x.raw(whole[cut:])
			x.untilPong()
		}
	}
}

func TestAFrameThatNeverEndsIsCutOff(t *testing.T) {
	app, server := serveParked(t, never)
	app.pongWait = brief
	x := openParked(t, app, server)
	x.raw(asksForPong[:4])
	app.untilGone(t)
}

// What comes in one packet fits no buffer, and no part of it may be forgotten there.
func TestManyFramesAtOnceAreAllRead(t *testing.T) {
	app, server := serveParked(t, atOnce)
	x := openParked(t, app, server)
	const frames = 3 * readBuffer / 16
	x.raw(bytes.Repeat(asksForPong, frames))
	for range frames {
		x.untilPong()
	}
	app.untilParked(t, 1)
}

// A frame may come before the tab is parked, and while it is being parked.
func TestAFrameRightBehindTheHandshakeIsRead(t *testing.T) {
	_, server := serveParked(t, atOnce)
	for range several {
		x := dialWire(t, server, http.Header{}, 0)
		x.raw(asksForPong)
		x.untilPong()
		x.conn.Close()
	}
}

// A frame in the same packet as the handshake is refused, with a reader as without.
func TestAFrameInThePacketOfTheHandshakeIsRefused(t *testing.T) {
	app, server := serveParked(t, atOnce)
	conn, err := net.Dial("tcp", server.Listener.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	if _, err := conn.Write(append([]byte(handshake), asksForPong...)); err != nil {
		t.Fatal(err)
	}
	if err := closes(conn); err != nil {
		t.Errorf("it was left open: %v", err)
	}
	app.untilGone(t)
}

// errPinged ends a read when a ping comes.
var errPinged = errors.New("pinged")

func (w *wire) untilPinged() {
	w.t.Helper()
	w.conn.SetPingHandler(func(string) error { return errPinged })
	for {
		switch _, _, err := w.conn.ReadMessage(); {
		case errors.Is(err, errPinged):
			return
		case err != nil:
			w.t.Fatal(err)
		}
	}
}

func pingAll(app *App) {
	for slot := range pingSlots {
		app.pinger.ping(slot)
	}
}

func TestAParkedTabThatIsSilentIsCutInTime(t *testing.T) {
	app, server := serveParked(t, never)
	app.pongWait = brief
	x := openParked(t, app, server)
	heard := time.Now()
	pingAll(app) // it will be dead before the next
	x.untilPinged()
	app.untilGone(t)
	if open := time.Since(heard); open < brief/2 {
		t.Errorf("cut after %v", open)
	}
}

func TestAParkedTabStaysParkedWhileItIsPinged(t *testing.T) {
	app, server := serveParked(t, never)
	x := openParked(t, app, server)
	at := app.onlyTab(t).parkedAt()
	pingAll(app)
	x.untilPinged()
	if app.untilParked(t, 1); app.onlyTab(t).parkedAt() != at {
		t.Error("it had a reader meanwhile")
	}
}

// However a parked tab comes to its end, the server learns of it.
func TestAParkedTabThatEndsIsForgotten(t *testing.T) {
	for name, end := range map[string]func(*App, *wire){
		"reset":           func(_ *App, x *wire) { x.tcp().SetLinger(0); x.tcp().Close() },
		"their end":       func(_ *App, x *wire) { x.tcp().CloseWrite() },
		"their close":     func(_ *App, x *wire) { x.raw(masked(frameClose, "\x03\xe8")); x.untilClosed(1000) },
		"broken framing":  func(_ *App, x *wire) { x.raw([]byte{0xff, 0xff, 0xff}); x.untilClosed(1002) },
		"our close":       func(a *App, x *wire) { a.onlyTab(x.t).dismiss(goesOn); x.untilClosed(4229) },
		"our cut":         func(a *App, _ *wire) { a.pinger.cutOff() },
		"a failing write": func(a *App, x *wire) { failWrites(a.onlyTab(x.t)) },
	} {
		t.Run(name, func(t *testing.T) {
			app, server := serveParked(t, never)
			x := openParked(t, app, server)
			end(app, x)
			app.untilGone(t)
		})
	}
}

func (w *wire) tcp() *net.TCPConn { return w.conn.NetConn().(*net.TCPConn) }

func (w *wire) untilClosed(code int) {
	w.t.Helper()
	for {
		if _, _, err := w.conn.ReadMessage(); err != nil {
			if !websocket.IsCloseError(err, code) {
				w.t.Errorf("closed by %v, want %d", err, code)
			}
			return
		}
	}
}

// failWrites lets the next write fail, of which the poller hears nothing.
func failWrites(x *tab) {
	x.conn.NetConn().(*net.TCPConn).CloseWrite()
	x.wake(func() { x.ping = true })
}

// The other side has its time to answer our close: a reader waits for that, under a deadline.
func TestAParkedTabThatWeCloseHasItsReader(t *testing.T) {
	app, server := serveParked(t, never)
	x := openParked(t, app, server)
	x.conn.SetCloseHandler(func(int, string) error { return nil }) // does not answer
	app.onlyTab(t).dismiss(goesOn)
	x.untilClosed(4229)
	if app.poller.count() != 0 || app.pinger.count() != 1 {
		t.Error("nobody waits for the answer")
	}
	x.raw(masked(frameClose, "\x10\x85"))
	app.untilGone(t)
}

func TestParkedTabsAreSentAway(t *testing.T) {
	app, server := serveParked(t, never)
	var all []*wire
	for range several {
		all = append(all, dialWire(t, server, http.Header{}, 0))
	}
	app.untilParked(t, several)
	var closing sync.WaitGroup
	closing.Go(app.Close)
	for _, x := range all {
		x.untilClosed(websocket.CloseServiceRestart)
	}
	closing.Wait()
	app.untilGone(t)
}

// A descriptor is soon another connection's, and an event may be late.
func TestAnEventThatIsLateNamesNobody(t *testing.T) {
	app, server := serveParked(t, atOnce)
	x := openParked(t, app, server)
	only := app.onlyTab(t)
	before := only.parkedAt()
	x.raw(asksForSession)
	x.untilSession()
	app.untilParked(t, 1)
	after := only.parkedAt()
	if before.fd != after.fd || before == after {
		t.Fatalf("parked at %v, then at %v", before, after)
	}
	only.arrived(before)
	if found := app.poller.find(before); found != nil || app.poller.find(after) != only {
		t.Error("the late event found it")
	}
}

func TestAClosedConnectionIsNotParked(t *testing.T) {
	app, server := serveParked(t, never)
	openParked(t, app, server)
	only := app.onlyTab(t)
	only.conn.Close()
	if at := app.poller.watch(only); at != (spot{}) || app.poller.count() != 1 {
		t.Errorf("parked at %v", at)
	}
	only.cut()
	app.untilGone(t)
}

// Under TLS the bytes are not those of the socket.
func TestUnderTLSATabKeepsItsReader(t *testing.T) {
	app := newApp(t)
	server := httptest.NewTLSServer(app)
	defer server.Close()
	dialer := websocket.Dialer{TLSClientConfig: server.Client().Transport.(*http.Transport).TLSClientConfig}
	conn, _, err := dialer.Dial(strings.Replace(server.URL, "https", "wss", 1)+"/ws", nil)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	if err := conn.WriteMessage(websocket.TextMessage, []byte(`{"ping":true}`)); err != nil {
		t.Fatal(err)
	}
	for line := ""; !strings.Contains(line, "pong"); {
		_, text, err := conn.ReadMessage()
		if err != nil {
			t.Fatal(err)
		}
		line = string(text)
	}
	if n := app.poller.count(); n != 0 || readersNow() != 1 {
		t.Errorf("%d are parked, %d have a reader", n, readersNow())
	}
}

// BenchmarkWake is what a ping and its answer take a tab that has its reader, having talked, and one that was parked.
//
//	go test ./web -run '^$' -bench Wake
func BenchmarkWake(b *testing.B) {
	for name, moment := range map[string]time.Duration{"reader": never, "parked": atOnce} {
		b.Run(name, func(b *testing.B) {
			app := unlimitedApp(b)
			app.parkAfter = moment
			server := httptest.NewServer(app)
			b.Cleanup(server.Close)
			conn, r, _ := dialRaw(b, server.Listener.Addr().String(), "")
			ask := func(frame []byte, opcode byte, answer string) {
				if _, err := conn.Write(frame); err != nil {
					b.Fatal(err)
				}
				if err := until(r, opcode, answer); err != nil {
					b.Fatal(err)
				}
			}
			ask(asksForPong, frameText, `{"type":"pong"}`)
			ping := masked(framePing, "")
			for b.Loop() {
				if moment == atOnce {
					app.untilParked(b, 1)
				}
				ask(ping, framePong, "")
			}
		})
	}
}
