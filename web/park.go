package web

import (
	"bufio"
	"net"
	"net/http"
)

// parking lets the reader of a tab wait for bytes with hardly anything on its stack: in the buffer that gorilla reads from. Waiting
// inside gorilla's NextReader takes twice the stack, which is a quarter of what an idle tab costs.
type parking struct{ buffer *bufio.Reader }

// await returns when gorilla is to read. What a tab that does nothing sends, pongs and perhaps pings, is taken here, so that the
// wait for the next one is as cheap; whatever is odd about a frame is left for gorilla to refuse. It is for the reader
// alone, between two messages.
func (t *tab) await() {
	for !t.leaving() {
		opcode, payload := t.parking.control()
		switch opcode {
		case framePing:
			t.gotPing(string(payload))
		case framePong:
			t.extend()
		default:
			return
		}
	}
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
	h.parking = parking{buffers.Reader}
	return conn, buffers, nil
}
