package web

import (
	"net/http"
	"sync"
	"syscall"
	"time"

	"github.com/gorilla/websocket"
	"go.opentelemetry.io/otel/trace"

	"github.com/seshd/seshd/hub"
	"github.com/seshd/seshd/session"
)

const (
	// readBuffer and writeBuffer fit most frames; larger ones take several reads or writes.
	// Write buffers are pooled and belong to a tab only while it writes.
	readBuffer  = 512
	writeBuffer = 4 << 10

	// maxUnanswered bounds what a tab may have sent and not been answered; beyond it, the server stops reading from it.
	maxUnanswered = 64

	pongWait   = 60 * time.Second // a tab that is silent for longer is dead
	writeWait  = 30 * time.Second // so is one that takes no frame for so long
	closeWait  = 5 * time.Second  // for the other side's half of the closing handshake
	maxAgent   = 256              // bytes kept of a User-Agent
	transportW = "websocket"
)

// tab is one WebSocket connection. Its reader (read.go) is with it while it talks, and where there is no poller always (park.go);
// a writer (writers.go) only while there is something to write, and never more than one.
type tab struct {
	// Static after start.
	app    *App
	conn   *websocket.Conn
	handle session.Handle
	sender session.SenderID
	member *hub.Tab           // nil: refused
	slot   int                // of the pinger
	raw    syscall.RawConn    // nil: no plain socket
	within *trace.SpanContext // of the handshake; nil: it named no trace, or nobody traces

	parking *parking // the reader's own; while the tab is parked, whoever starts a reader under mu

	after *tab // the next that waits to be written to; guarded by writers.mu

	// mu guards what follows. Nothing may block under it, not even a Close: whoever tells the rooms of a commit waits for it.
	mu      sync.Mutex
	idle    sync.Cond // waits for answers to be written, and for the writer to end
	writing bool      // there is a writer
	shut    bool      // no writer may start any more
	closed  bool      // our half of the closing handshake was sent
	news    bool      // the room may have something to tell
	ping    bool      // a ping is due
	answers []*answer // to what the tab sent, in order, that no writer has taken
	owed    int       // answers that were not written yet
	pong    *string   // the newest ping that was not answered
	bye     *hub.Bye  // why the tab is being closed from our side
	spot    spot      // where it is parked; zero: it has a reader
	over    *refusals // of mutations, for their rate; nil: none yet

	// On the clock of App.uptime; small, since every idle tab has them.
	heard time.Duration // the last sign of life
	paid  time.Duration // up to when the frames that no rate counts are paid for
}

// answer is a place in the order of a tab's answers, taken when a frame is read.
type answer struct {
	ready bool
	get   bool // the whole session as of the moment it is written, instead of a frame
	frame []byte
}

// newTab makes the tab of a connection. It counts as writing until start, so that nobody starts a writer before.
func newTab(a *App, conn *websocket.Conn, h session.Handle, sender session.SenderID) *tab {
	t := &tab{app: a, conn: conn, raw: rawConn(conn.NetConn()), handle: h, sender: sender, writing: true, heard: a.uptime()}
	t.idle.L = &t.mu
	t.handleControl()
	return t
}

func (t *tab) join(r *http.Request, since string) (err error) {
	j := hub.Join{Handle: t.handle, Sender: t.sender, Transport: transportW, UserAgent: userAgent(r), Wake: t.wakeForNews}
	resume(since, &j)
	t.member, err = t.app.hub.Join(r.Context(), j)
	return err
}

func userAgent(r *http.Request) string {
	agent := r.UserAgent()
	return agent[:min(len(agent), maxAgent)]
}

// refused lets the tab hear why it is not let in, and nothing else.
func (t *tab) refused(err error) { t.bye = byeFor(err) }

func (t *tab) start() {
	t.slot = t.app.pinger.add(t)
	if t.member != nil {
		t.app.tabOpened(t.handle, transportW)
	}
	t.app.writers.add(t) // for the first frame
	if !t.park() {
		go t.read()
	}
}

// wakeForNews is how the room says that there may be something to tell. It does not block.
func (t *tab) wakeForNews() {
	t.wake(func() { t.news = true })
}

// wake notes something to write, by note under the lock, and starts a writer if there is none.
func (t *tab) wake(note func()) {
	t.mu.Lock()
	defer t.mu.Unlock()
	note()
	if !t.writing && !t.shut {
		t.writing = true
		t.app.writers.add(t)
	}
}
