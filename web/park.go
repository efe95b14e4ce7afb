package web

import (
	"bufio"
	"errors"
	"net"
	"net/http"
	"os"
	"sync"
	"time"
)

// parkAfter is how long a tab that has said something keeps its reader: longer than most who talk are silent, since a reader
// costs more to start than to keep. What a tab does by itself, answering pings, does not count.
const parkAfter = 5 * time.Second

var errParked = errors.New("the tab is parked")

// parking is what a tab reads with. gorilla keeps a pointer to the buffer; what the buffer is made of is lent while there is a reader.
type parking struct {
	buffer bufio.Reader
	lent   *bufio.Reader
}

// readBuffers are what is lent, of readBuffer bytes each.
type readBuffers struct{ pool sync.Pool }

func (b *readBuffers) lend(p *parking, conn net.Conn) {
	if p.lent != nil {
		return
	}
	r, left := b.pool.Get().(*bufio.Reader)
	if !left {
		r = bufio.NewReaderSize(nil, readBuffer)
	}
	r.Reset(conn)
	p.lent, p.buffer = r, *r
}

func (b *readBuffers) takeBack(p *parking) {
	r := p.lent
	*r, p.buffer, p.lent = p.buffer, bufio.Reader{}, nil
	r.Reset(nil)
	b.pool.Put(r)
}

// park leaves the tab to the poller, where there is one, until something comes. The caller was its reader until then.
func (t *tab) park() bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.bye != nil || t.shut || t.parking.buffer.Buffered() > 0 {
		return false
	}
	if t.spot = t.app.poller.watch(t); t.spot == (spot{}) {
		return false
	}
	t.app.buffers.takeBack(t.parking)
	return true
}

// unpark gives a tab that is parked its reader back. Whoever shuts a tab, or closes its connection, must: the
// poller hears of neither. The caller holds mu.
func (t *tab) unpark() {
	if t.spot != (spot{}) {
		t.app.poller.forget(t.spot)
		t.spot = spot{}
		go t.read()
	}
}

// arrived is how the poller says that there is something to read. What it says may be late: the tab may be parked elsewhere.
func (t *tab) arrived(at spot) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.spot == at {
		t.unpark()
	}
}

// await returns false when gorilla is to read, and true when the tab was parked. What a tab that does nothing sends, pongs and
// perhaps pings, is taken here, with hardly anything on the stack: where there is no poller, a tab waits here, and inside
// gorilla's NextReader it would take twice the stack. Whatever is odd about a frame is left for gorilla to refuse. It is for
// the reader alone, between two messages.
func (t *tab) await(talks bool) (parked bool) {
	for !t.leaving() {
		if talks && t.quiet() && t.park() {
			return true
		}
		opcode, payload := t.parking.control()
		switch opcode {
		case framePing:
			t.gotPing(string(payload))
		case framePong:
			t.gotPong()
		default:
			return false
		}
		if !talks && t.park() {
			return true
		}
	}
	t.allow(t.app.pongWait)
	return false
}

// quiet waits for something to come, and says whether nothing did for long enough to park the tab. For frames that come whole,
// which most do, the deadline only ever moves on: Go's timers make more of one that moves back.
func (t *tab) quiet() bool {
	if t.app.poller == nil || t.raw == nil || t.parking.buffer.Buffered() > 0 {
		t.allow(t.app.pongWait)
		return false
	}
	t.allow(t.app.parkAfter)
	_, err := t.parking.buffer.Peek(1)
	if err != nil || !t.parking.whole() {
		t.allow(t.app.pongWait) // the rest of a message has the time of any other
	}
	return errors.Is(err, os.ErrDeadlineExceeded)
}

// whole says whether all of a short message has come.
func (p *parking) whole() bool {
	const masked, maxShort, header = 0x80, 125, 6
	b, _ := p.buffer.Peek(p.buffer.Buffered()) // it is there
	return len(b) >= header && b[0]&finalFrame != 0 && int(b[1]&^masked) <= min(maxShort, len(b)-header)
}

// control takes a ping or a pong that comes next; an opcode of 0 is anything else.
func (p *parking) control() (opcode byte, payload []byte) {
	const masked, maxPayload, key = 0x80, 125, 4
	head, err := p.buffer.Peek(2)
	if err != nil { // for gorilla to meet
		return 0, nil
	}
	n := int(head[1] &^ masked)
	if head[1]&masked == 0 || n > maxPayload || head[0] != finalFrame|framePing && head[0] != finalFrame|framePong {
		return 0, nil
	}
	whole, err := p.buffer.Peek(len(head) + key + n)
	if err != nil {
		return 0, nil
	}
	opcode, payload = whole[0]&^finalFrame, make([]byte, n)
	mask := whole[len(head):]
	for i := range payload {
		payload[i] = mask[key+i] ^ mask[i%key]
	}
	_, _ = p.buffer.Discard(len(whole)) // it is all there
	return opcode, payload
}

// hijacker hands gorilla a reader that is ours, to see what is in it.
type hijacker struct {
	http.ResponseWriter
	buffers *readBuffers
	parking *parking
}

func (h *hijacker) Hijack() (net.Conn, *bufio.ReadWriter, error) {
	conn, own, err := http.NewResponseController(h.ResponseWriter).Hijack()
	if err != nil || own.Reader.Buffered() > 0 { // whoever sends frames before the handshake is done is refused by gorilla
		return conn, own, err
	}
	h.parking = new(parking)
	h.buffers.lend(h.parking, conn)
	own.Reader = &h.parking.buffer
	return conn, own, nil
}
