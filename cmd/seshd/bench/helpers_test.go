package bench

import (
	"bufio"
	"encoding/json"
	"fmt"
	"net"
	"net/http"
	"time"

	"github.com/gorilla/websocket"
)

// newServerConn is the server's side of a WebSocket over a bare connection.
func newServerConn(conn net.Conn) *websocket.Conn {
	w := &hijacked{conn: conn}
	header := http.Header{}
	for name, value := range map[string]string{
		"Connection": "Upgrade", "Upgrade": "websocket", "Sec-WebSocket-Version": "13", "Sec-WebSocket-Key": handshakeKey,
	} {
		header.Set(name, value)
	}
	socket, err := (&websocket.Upgrader{}).Upgrade(w, &http.Request{Method: http.MethodGet, Header: header}, nil)
	if err != nil {
		panic(err)
	}
	w.live = true
	return socket
}

// hijacked lets gorilla have a connection, without the answer to a handshake.
type hijacked struct {
	http.ResponseWriter
	conn net.Conn
	live bool
}

func (h *hijacked) Header() http.Header { return http.Header{} }

func (h *hijacked) Hijack() (net.Conn, *bufio.ReadWriter, error) {
	silent := &silentConn{Conn: h.conn, live: &h.live}
	return silent, bufio.NewReadWriter(bufio.NewReader(silent), bufio.NewWriter(silent)), nil
}

type silentConn struct {
	net.Conn
	live *bool
}

func (c *silentConn) Write(p []byte) (int, error) {
	if !*c.live {
		return len(p), nil
	}
	return c.Conn.Write(p)
}

// fakeServer is a poller with a server behind it that answers after a time of its own, on whatever clock there is.
type fakeServer struct {
	delay     time.Duration
	stallAt   time.Duration // when it does nothing for stallFor
	stallFor  time.Duration
	fold      int // changes that it tells in one frame
	began     time.Time
	queue     []fakeFrame
	waiting   map[*board][]*tab // writes that are to be folded
	committed map[*board]uint64
}

type fakeFrame struct {
	at   time.Time
	tab  *tab
	text string
}

func newFakeServer() *fakeServer {
	return &fakeServer{
		delay: time.Millisecond, fold: 1, began: time.Now(),
		waiting: make(map[*board][]*tab), committed: make(map[*board]uint64),
	}
}

// board opens a session with so many tabs.
func (s *fakeServer) board(tabs int) *board {
	b := &board{}
	for n := range tabs {
		t := &tab{board: b, index: int32(n), joined: true}
		t.link = fakeLink{s, t}
		b.tabs = append(b.tabs, t)
	}
	return b
}

func (s *fakeServer) add(net.Conn, *tab) error { return nil }
func (s *fakeServer) close()                   {}

func (s *fakeServer) wait(d time.Duration, read func(*tab, []byte, error)) error {
	if len(s.queue) == 0 || time.Until(s.queue[0].at) > d {
		time.Sleep(max(d, 0))
		return nil
	}
	time.Sleep(time.Until(s.queue[0].at))
	for len(s.queue) > 0 && time.Until(s.queue[0].at) <= 0 {
		f := s.queue[0]
		s.queue = s.queue[1:]
		frame := appendFrame(nil, opText, []byte(f.text))
		frame[1] &^= maskBit
		frame = append(frame[:2], frame[6:]...) // as servers send it; all are short
		read(f.tab, frame[:3], nil)
		read(f.tab, frame[3:], nil)
	}
	return nil
}

type fakeLink struct {
	server *fakeServer
	tab    *tab
}

func (l fakeLink) write(p []byte) (int, error) {
	var m struct{ ID uint64 }
	if err := json.Unmarshal(p[6:], &m); err != nil {
		return 0, err
	}
	l.server.commit(l.tab, m.ID)
	return len(p), nil
}

func (s *fakeServer) commit(from *tab, id uint64) {
	b := from.board
	s.waiting[b] = append(s.waiting[b], from)
	if len(s.waiting[b]) < s.fold {
		return
	}
	at := time.Now().Add(s.delay)
	if since := at.Sub(s.began); since >= s.stallAt && since < s.stallAt+s.stallFor {
		at = s.began.Add(s.stallAt + s.stallFor)
	}
	old := s.committed[b]
	version := old + uint64(len(s.waiting[b]))
	s.committed[b] = version
	for _, t := range b.tabs {
		s.queue = append(s.queue, fakeFrame{at, t, fmt.Sprintf(`{"type":"change","from":%d,"version":%d,"set":{}}`, old, version)})
	}
	for n, t := range s.waiting[b] {
		v := old + uint64(n) + 1
		s.queue = append(s.queue, fakeFrame{at, t, fmt.Sprintf(`{"type":"ok","id":%d,"version":%d}`, v, v)})
	}
	s.waiting[b] = nil
}
