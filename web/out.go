package web

import (
	"encoding/binary"
	"time"

	"github.com/seshd/seshd/hub"
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

// out collects frames to a tab. A writer has one for as long as it writes; it is not to be used concurrently.
type out struct {
	tab *tab
	b   []byte // at most writeBuffer
	err error  // the first; nothing is written after it

	frames [2]hub.Frame // room for what Tab.Next has at most
}

// newOut takes a collector from those that ended writers left: an idle tab has none.
func (t *tab) newOut() *out {
	o, left := t.app.outs.Get().(*out)
	if !left {
		o = &out{b: make([]byte, 0, writeBuffer)}
	}
	o.tab, o.err, o.b = t, nil, o.b[:0]
	return o
}

func (o *out) free() {
	outs := &o.tab.app.outs
	o.tab, o.frames = nil, [2]hub.Frame{} // what is shared is not to be kept alive from here
	outs.Put(o)
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

// deadlineSlack is how much longer than writeWait a write may take: setting a deadline costs as much as a tenth of a
// small write, so a busy tab does so once in this time.
const deadlineSlack = time.Second

func (o *out) write(b []byte) {
	if o.err != nil {
		return
	}
	t := o.tab
	conn := t.conn.NetConn()
	if now := t.app.uptime(); t.deadline < now+writeWait {
		if o.err = conn.SetWriteDeadline(time.Now().Add(writeWait + deadlineSlack)); o.err != nil {
			return
		}
		t.deadline = now + writeWait + deadlineSlack
	}
	_, o.err = conn.Write(b)
}
