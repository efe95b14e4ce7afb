package web_test

import (
	"bufio"
	"errors"
	"io"
	"net"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/gorilla/websocket"

	"github.com/seshd/seshd/web"
)

// slowListener keeps a connection that it has accepted until it is closed.
type slowListener struct {
	net.Listener
	accepted, closed chan struct{}
	once             sync.Once
}

func (l *slowListener) Accept() (net.Conn, error) {
	c, err := l.Listener.Accept()
	if err == nil {
		close(l.accepted)
		<-l.closed
	}
	return c, err
}

func (l *slowListener) Close() error {
	l.once.Do(func() { close(l.closed) })
	return l.Listener.Close()
}

// The kernel has said yes to it, so a client counts on an answer.
func TestWhoWasAcceptedAsTheServerStopsIsServed(t *testing.T) {
	l := &slowListener{accepted: make(chan struct{}), closed: make(chan struct{})}
	stopped := make(chan struct{})
	s := start(t, setup{
		public: func(inner net.Listener) net.Listener { l.Listener = inner; return l },
		routes: func(app *web.App) {
			app.WaitLonger(patience)
			app.HandleFunc("/plums", func(w http.ResponseWriter, _ *http.Request) {
				select {
				case <-stopped:
					t.Error("Serve returned before the request was served")
				case <-time.After(200 * time.Millisecond): // time enough to return
				}
				w.Write([]byte("plums"))
			})
		},
	})
	conn := s.connect()
	<-l.accepted
	go func() {
		defer close(stopped)
		s.stop()
	}()
	<-l.closed
	response := conn.ask("GET /plums HTTP/1.1\r\nHost: x\r\n\r\n")
	if response.StatusCode != http.StatusOK || !response.Close {
		t.Errorf("answered %s, and this connection is the last answer's: %v", response.Status, response.Close)
	}
	<-stopped
}

// What is on its way on a connection that was kept alive is answered too, as its last request.
func TestARequestOnItsWayAsTheServerStopsIsServed(t *testing.T) {
	s := start(t, setup{routes: func(app *web.App) { app.WaitLonger(patience) }})
	conn := s.connect()
	if response := conn.ask("GET /session HTTP/1.1\r\nHost: x\r\n\r\n"); response.Close {
		t.Fatal("it is not kept alive")
	}
	x, _ := s.visit().enter("")
	s.drain()
	x.bye("restarting", 1012)
	if response := conn.ask("GET /session HTTP/1.1\r\nHost: x\r\n\r\n"); response.StatusCode != http.StatusOK || !response.Close {
		t.Errorf("answered %s, and this connection is the last answer's: %v", response.Status, response.Close)
	}
}

// A connection on which nothing comes does not hold a stop up.
func TestASilentConnectionDoesNotHoldTheStopUp(t *testing.T) {
	s := start(t, setup{})
	conn := s.connect()
	s.visit() // after it, and keeps its connection
	begun := time.Now()
	s.stop()
	if took := time.Since(begun); took > patience/3 {
		t.Errorf("the stop took %v", took)
	}
	if _, err := conn.Read(make([]byte, 1)); !errors.Is(err, io.EOF) {
		t.Errorf("it ends with %v", err)
	}
}

// A handshake that comes after all tabs have gone, on a connection that was accepted before, hears why too.
func TestATabThatComesAfterTheDrainIsSentAway(t *testing.T) {
	s := start(t, setup{routes: func(app *web.App) { app.WaitLonger(patience) }})
	conn := s.connect()
	x, _ := s.visit().enter("") // after it, so it is accepted
	s.drain()
	x.bye("restarting", 1012)
	dialer := websocket.Dialer{HandshakeTimeout: patience, NetDial: func(string, string) (net.Conn, error) { return conn, nil }}
	late, _, err := dialer.Dial(strings.Replace(s.url, "http", "ws", 1)+"/ws", nil)
	if err != nil {
		t.Fatal(err)
	}
	(&tab{t: t, conn: late}).bye("restarting", 1012)
}

// wire is a connection without a client.
type wire struct {
	net.Conn
	t *testing.T
}

func (s *server) connect() *wire {
	s.t.Helper()
	conn, err := net.Dial("tcp", strings.TrimPrefix(s.url, "http://"))
	if err != nil {
		s.t.Fatal(err)
	}
	s.t.Cleanup(func() { conn.Close() })
	conn.SetDeadline(time.Now().Add(patience))
	return &wire{conn, s.t}
}

// ask sends a request and reads the answer.
func (c *wire) ask(request string) *http.Response {
	c.t.Helper()
	var response *http.Response
	_, err := c.Write([]byte(request))
	if err == nil {
		response, err = http.ReadResponse(bufio.NewReader(c), nil)
	}
	if err == nil {
		_, err = io.ReadAll(response.Body)
	}
	if err != nil {
		c.t.Fatal(err)
	}
	return response
}
