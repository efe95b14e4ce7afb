package web

import (
	"errors"
	"io"
	"time"

	"github.com/gorilla/websocket"

	"github.com/seshd/seshd/hub"
	"github.com/seshd/seshd/session"
)

// handleControl says what becomes of control frames, which gorilla handles inside NextReader: it returns for data only.
func (t *tab) handleControl() {
	t.conn.SetPingHandler(func(data string) error {
		t.gotPing(data)
		return nil
	})
	t.conn.SetPongHandler(func(string) error {
		t.gotPong()
		return nil
	})
	t.conn.SetCloseHandler(func(int, string) error { return nil })
}

// read is the reader of a tab until it is parked, and else the owner of its end.
func (t *tab) read() {
	t.app.buffers.lend(t.parking, t.conn.NetConn())
	err := t.readAll()
	if err == errParked {
		return
	}
	defer t.app.tabs.Done()
	t.app.buffers.takeBack(t.parking)
	t.end(err)
}

// readAll reads until the connection fails, the other side closes it, or the tab is parked.
func (t *tab) readAll() error {
	t.allow(t.app.pongWait)
	for talks := false; ; {
		t.slow()
		if talks {
			t.hear()
		}
		if t.await(talks) {
			return errParked
		}
		kind, r, err := t.conn.NextReader()
		if err != nil {
			return err
		}
		if t.leaving() {
			if _, err := io.Copy(io.Discard, r); err != nil {
				return err
			}
			continue
		}
		if kind != websocket.TextMessage {
			t.dismiss(&hub.Bye{Code: string(session.BadRequest), Message: "frames are text, one JSON object each; this one was binary"})
			continue
		}
		text, err := io.ReadAll(t.limited(r))
		if err != nil {
			return err
		}
		if limit := t.app.options.MaxMessageBytes; limit > 0 && len(text) > limit {
			t.dismiss(tooLarge(len(text), limit))
			continue
		}
		if t.handleFrame(text) {
			talks = true
		} else if !talks {
			t.hear()
			if t.park() {
				return errParked
			}
		}
	}
}

func (t *tab) gotPing(data string) {
	t.extend()
	t.wake(func() {
		t.pong = &data
		t.payFrame()
	})
	t.slow() // no message may ever come
}

func (t *tab) gotPong() {
	t.extend()
	t.mu.Lock()
	t.payFrame()
	t.mu.Unlock()
	t.slow()
}

// hear notes a sign of life.
func (t *tab) hear() {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.heard = t.app.uptime()
}

// extend gives the other side time for its next frame, having heard from it.
func (t *tab) extend() {
	t.hear()
	t.allow(t.app.pongWait)
}

// allow gives the other side so much time since it was last heard.
func (t *tab) allow(wait time.Duration) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if !t.shut { // else the deadline is for the closing handshake
		_ = t.conn.SetReadDeadline(t.app.began.Add(t.heard + wait)) // fails only with the connection, as the next read does
	}
}

// limited reads one byte over the limit, which shows that there is more. gorilla's own limit would write from the reader.
func (t *tab) limited(r io.Reader) io.Reader {
	if limit := t.app.options.MaxMessageBytes; limit > 0 {
		return io.LimitReader(r, int64(limit)+1)
	}
	return r
}

func (t *tab) leaving() bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.bye != nil
}

func (t *tab) dismiss(bye *hub.Bye) {
	t.leave(bye)
	t.wake(func() {})
}

// handleFrame takes a place in the order of answers and does what the frame asks. It is false for a ping, which is no talk:
// every page that is seen sends one now and then.
func (t *tab) handleFrame(text []byte) (talk bool) {
	if !t.hasRoom() {
		return true
	}
	f, err := decodeFrame(text)
	switch {
	case err != nil:
		t.refusedFrame(err)
		t.respond(&answer{ready: true, frame: errorFrame(f.mutation.ID, err)})
	case f.ping:
		t.respond(&answer{ready: true, frame: []byte(`{"type":"pong"}`)})
	case f.get:
		t.respond(&answer{ready: true, get: true})
	default:
		t.submit(f.mutation)
	}
	return err != nil || !f.ping
}

// hasRoom waits while too much is unanswered: a tab that does not read its answers is not read from.
func (t *tab) hasRoom() bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	for t.owed >= maxUnanswered && t.bye == nil && !t.shut {
		t.idle.Wait()
	}
	return t.bye == nil && !t.shut
}

func (t *tab) respond(a *answer) {
	t.wake(func() {
		t.owe(a)
		t.payFrame()
	})
}

// owe gives an answer its place; the caller holds mu.
func (t *tab) owe(a *answer) {
	t.answers = append(t.answers, a)
	t.owed++
}

// submit sends a mutation on its way and goes on reading: its answer is written in its place, once the store has it.
func (t *tab) submit(m session.Mutation) {
	a := new(answer)
	t.mu.Lock()
	t.owe(a)
	t.mu.Unlock()
	s := session.Submission{Handle: t.handle, By: session.ByTab, Sender: t.sender, Mutation: &m, Span: t.trace()}
	t.app.manager.Submit(s, func(result session.Result, err error) {
		var frame []byte
		switch {
		case err != nil:
			t.refusedFrame(err)
			frame = errorFrame(m.ID, err)
		case m.ID != 0:
			frame = okFrame(m.ID, result)
		}
		t.wake(func() {
			a.ready, a.frame = true, frame
			t.payAnswer(result, err)
		})
	})
}

// end waits for the writer, completes the closing handshake and leaves the room.
func (t *tab) end(cause error) {
	var closed *websocket.CloseError
	if errors.As(cause, &closed) && closed.Code == websocket.CloseAbnormalClosure {
		closed = nil // gorilla's word for a connection that just ended
	}
	t.mu.Lock()
	t.shut = true
	t.idle.Broadcast()
	t.mu.Unlock()
	if closed == nil {
		t.conn.Close() // nothing more can be read: let a writer that is stuck go
	}
	t.mu.Lock()
	for t.writing {
		t.idle.Wait()
	}
	answered, bye := t.closed, t.bye
	t.mu.Unlock()

	if t.member != nil {
		t.member.Leave() // before the other side hears that it is out, and may come back
		t.app.tabClosed(t.handle, transportW, bye)
	}
	if closed != nil && !answered { // a second close would be a fault
		t.sayClose(echoCode(closed.Code))
	}
	t.conn.Close()
	t.app.pinger.remove(t)
}

// echoCode is the code that answers a close frame: its own, where it is one that may be sent.
func echoCode(code int) int {
	if code == websocket.CloseNoStatusReceived {
		return websocket.CloseNormalClosure
	}
	return code
}
