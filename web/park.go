package web

import (
	"bufio"
	"crypto/tls"
	"net"
	"net/http"
	"syscall"
)

// parking lets the reader of a tab wait for bytes with hardly anything on its stack. Waiting inside gorilla's NextReader keeps
// twice the stack, which is half of what an idle tab costs. The zero value waits there all the same: under TLS, and
// where a connection cannot be asked whether it has bytes.
type parking struct {
	raw    syscall.RawConn
	buffer *bufio.Reader // gorilla's, which may hold frames that were read already
}

// wait returns when there is something to read, the connection has failed, or its read deadline has passed. What it was
// is for the read that comes next to say.
func (p parking) wait() error {
	if p.raw == nil || p.buffer.Buffered() > 0 {
		return nil
	}
	return p.raw.Read(readable)
}

// await returns when gorilla is to read. What a tab that does nothing sends, pongs and perhaps pings, is taken here, so that the
// wait for the next one is as cheap; whatever is odd about a frame is left for gorilla to refuse. It is for the reader
// alone, between two messages.
func (t *tab) await() error {
	for t.parking.raw != nil && !t.leaving() {
		if err := t.parking.wait(); err != nil {
			return err
		}
		opcode, payload := t.parking.control()
		switch opcode {
		case framePing:
			t.gotPing(string(payload))
		case framePong:
			t.extend()
		default:
			return nil
		}
	}
	return nil
}

// control takes a ping or a pong that comes next; an opcode of 0 is anything else.
func (p parking) control() (opcode byte, payload []byte) {
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
	parking parking
}

func (h *hijacker) Hijack() (net.Conn, *bufio.ReadWriter, error) {
	conn, buffers, err := http.NewResponseController(h.ResponseWriter).Hijack()
	if err != nil || buffers.Reader.Buffered() > 0 { // whoever sends frames before the handshake is done is refused by gorilla
		return conn, buffers, err
	}
	buffers.Reader = bufio.NewReaderSize(conn, readBuffer)
	if tcp, ok := underlying[*net.TCPConn](conn); ok && canPark {
		if _, encrypted := underlying[*tls.Conn](conn); !encrypted {
			if raw, err := tcp.SyscallConn(); err == nil {
				h.parking = parking{raw, buffers.Reader}
			}
		}
	}
	return conn, buffers, nil
}
