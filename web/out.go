package web

import (
	"encoding/binary"
	"time"

	"github.com/seshd/seshd/hub"
	"github.com/seshd/seshd/session"
)

// The frames that we write (RFC 6455, 5.2). gorilla reads, and makes the handshake; what goes out is put together here, so that
// frames that wait together leave by one system call, and bytes that many tabs share are copied once at most.
const (
	frameText  = 0x1
	frameClose = 0x8
	framePing  = 0x9
	framePong  = 0xa
	finalFrame = 0x80 // each of ours is whole

	maxHeader = 10 // of a frame that is not masked
)

// out collects frames to a tab. It belongs to one goroutine, which writes to one tab after the other.
type out struct {
	team *writers // the goroutine is one of; nil: it is not, or not any more
	tab  *tab
	b    []byte // at most writeBuffer
	err  error  // the first; nothing is written after it

	frames [2]hub.Frame    // room for what Tab.Next has at most
	spans  []*session.Span // of the changes in what was collected

	// The write under way, where it is done without waiting. try is made once, lest each write make one.
	rest   []byte
	failed error
	try    func(fd uintptr) bool
}

func newOut() *out {
	o := &out{b: make([]byte, 0, writeBuffer)}
	o.try = func(fd uintptr) bool {
		o.rest, o.failed = writeSome(fd, o.rest)
		return true
	}
	return o
}

// reset makes room for the next tab. What is shared is not to be kept alive from here.
func (o *out) reset() {
	o.tab, o.err, o.b, o.frames, o.spans, o.rest = nil, nil, o.b[:0], [2]hub.Frame{}, nil, nil
}

// frame adds a frame. A large payload is not copied: it may be shared by many tabs, some of which take long to read it.
func (o *out) frame(opcode byte, payload []byte) {
	if len(o.b)+maxHeader+len(payload) > writeBuffer {
		o.flush()
	}
	o.header(opcode, len(payload))
	if len(payload) <= writeBuffer-maxHeader {
		o.b = append(o.b, payload...)
		return
	}
	o.flush()
	o.write(payload)
}

// header appends what says how long a payload is.
func (o *out) header(opcode byte, n int) {
	o.b = append(o.b, finalFrame|opcode)
	switch {
	case n <= 125:
		o.b = append(o.b, byte(n))
	case n <= 0xffff:
		o.b = binary.BigEndian.AppendUint16(append(o.b, 126), uint16(n))
	default:
		o.b = binary.BigEndian.AppendUint64(append(o.b, 127), uint64(n))
	}
}

// flush writes what was collected.
func (o *out) flush() error {
	if len(o.b) > 0 {
		o.write(o.b)
		o.b = o.b[:0]
	}
	return o.err
}

// write writes as much as the socket takes at once. For the rest it waits, but not as one of the writers.
func (o *out) write(b []byte) {
	if o.err == nil {
		b, o.err = o.offer(b)
	}
	if o.err != nil || len(b) == 0 {
		return
	}
	if o.team != nil {
		o.team.leave()
		o.team = nil
	}
	conn := o.tab.conn.NetConn()
	if o.err = conn.SetWriteDeadline(time.Now().Add(o.tab.app.writeWait)); o.err != nil {
		return
	}
	if _, o.err = conn.Write(b); o.err == nil {
		o.err = conn.SetWriteDeadline(time.Time{}) // it would come to bear on what is offered later
	}
}

// offer hands the socket what it takes without waiting, and returns the rest.
func (o *out) offer(b []byte) ([]byte, error) {
	if o.tab.raw == nil {
		return b, nil
	}
	o.rest = b
	if err := o.tab.raw.Write(o.try); err != nil {
		return nil, err
	}
	return o.rest, o.failed
}
