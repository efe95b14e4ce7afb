// Command floor is what a delivery costs at the least with gorilla's package: tabs of one cookie hear what one of them sends.
// There are no sessions, no disk, no limits and no promises in it. It speaks as much of the protocol as "seshd bench" does, so
// that one run can measure both; `make bench` does. It is never shipped.
package main

import (
	"bytes"
	"flag"
	"fmt"
	"log"
	"net/http"
	"strconv"
	"sync"

	"github.com/gorilla/websocket"
	"github.com/prometheus/client_golang/prometheus/promhttp"
)

const readBuffer = 512 // as seshd has it

func main() {
	addr := flag.String("addr", "127.0.0.1:8000", "listener for tabs")
	internal := flag.String("internal-addr", "127.0.0.1:8001", "listener for metrics")
	flag.Parse()
	f := &floor{boards: make(map[string]*board)}
	f.upgrader = websocket.Upgrader{ReadBufferSize: readBuffer, WriteBufferPool: new(sync.Pool)}
	http.Handle("/metrics", promhttp.Handler())
	go func() { log.Fatal(http.ListenAndServe(*internal, nil)) }()
	public := http.NewServeMux()
	public.HandleFunc("GET /session", f.session)
	public.HandleFunc("GET /ws", f.connect)
	log.Fatal(http.ListenAndServe(*addr, public))
}

type floor struct {
	upgrader websocket.Upgrader

	mu     sync.Mutex // guards what follows
	boards map[string]*board
}

// board is all tabs of one cookie.
type board struct {
	mu      sync.Mutex // guards what follows, and writing to the tabs
	version uint64
	tabs    map[*websocket.Conn]struct{}
}

func (f *floor) session(w http.ResponseWriter, _ *http.Request) {
	f.mu.Lock()
	name := strconv.Itoa(len(f.boards))
	f.boards[name] = &board{tabs: make(map[*websocket.Conn]struct{})}
	f.mu.Unlock()
	http.SetCookie(w, &http.Cookie{Name: "session", Value: name})
	fmt.Fprintln(w, `{"version":0}`)
}

func (f *floor) connect(w http.ResponseWriter, r *http.Request) {
	cookie, err := r.Cookie("session")
	if err != nil {
		http.Error(w, "no cookie", http.StatusBadRequest)
		return
	}
	f.mu.Lock()
	b := f.boards[cookie.Value]
	f.mu.Unlock()
	if b == nil {
		http.Error(w, "no such board", http.StatusNotFound)
		return
	}
	conn, err := f.upgrader.Upgrade(w, r, nil)
	if err != nil {
		return
	}
	go b.read(conn) // the handler returns, and net/http's buffers with it
}

// read is a tab's one goroutine.
func (b *board) read(conn *websocket.Conn) {
	defer conn.Close()
	b.mu.Lock()
	b.tabs[conn] = struct{}{}
	first := fmt.Sprintf(`{"type":"session","id":"floor","version":%d,"data":{},"tabs":%d}`, b.version, len(b.tabs))
	err := conn.WriteMessage(websocket.TextMessage, []byte(first))
	b.mu.Unlock()
	defer func() {
		b.mu.Lock()
		delete(b.tabs, conn)
		b.mu.Unlock()
	}()
	for err == nil {
		var text []byte
		if _, text, err = conn.ReadMessage(); err == nil {
			err = b.broadcast(conn, text)
		}
	}
}

// broadcast tells all tabs what one of them has set, and then the one its ok, in the order that the protocol promises.
func (b *board) broadcast(from *websocket.Conn, text []byte) error {
	set, id, ok := operands(text)
	if !ok {
		return fmt.Errorf("not what the load generator sends: %s", text)
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	b.version++
	change := fmt.Appendf(nil, `{"type":"change","from":%d,"version":%d,"set":%s,"delete":[],"by":"tab"}`, b.version-1, b.version, set)
	prepared, err := websocket.NewPreparedMessage(websocket.TextMessage, change)
	if err != nil {
		return err
	}
	for conn := range b.tabs {
		if err := conn.WritePreparedMessage(prepared); err != nil {
			conn.Close() // its reader notices
		}
	}
	return from.WriteMessage(websocket.TextMessage, fmt.Appendf(nil, `{"type":"ok","id":%s,"version":%d}`, id, b.version))
}

// operands finds the two members of {"set":{…},"id":…}, which is cheaper than to decode it.
func operands(text []byte) (set, id []byte, ok bool) {
	text, begins := bytes.CutPrefix(text, []byte(`{"set":`))
	text, ends := bytes.CutSuffix(text, []byte("}"))
	set, id, found := bytes.Cut(text, []byte(`,"id":`))
	return set, id, begins && ends && found
}
