package web

import (
	"time"

	"github.com/gorilla/websocket"

	"github.com/seshd/seshd/hub"
)

// write is one turn of a tab's writer: it writes what there is to write by now. The next turn is behind the other tabs'.
func (t *tab) write(o *out) {
	w, some := t.take()
	var err error
	if some {
		o.tab = t
		err = t.send(o, w)
		o.reset()
	}
	t.mu.Lock()
	t.owed -= len(w.answers)
	if err != nil {
		t.shut = true
		t.unpark()
	}
	t.writing = t.pending()
	more := t.writing
	t.idle.Broadcast() // the reader may have waited for room
	t.mu.Unlock()
	if err != nil {
		t.conn.Close() // the reader notices, and ends the tab
	}
	if more {
		t.app.writers.add(t)
	}
}

// pending says whether there is something to write; the caller holds mu.
func (t *tab) pending() bool {
	answered := len(t.answers) > 0 && t.answers[0].ready
	last := t.bye != nil && len(t.answers) == 0 // a bye waits for the answers to what was read before it
	return !t.shut && (t.news || answered || t.ping || t.pong != nil || last)
}

// work is what a writer took to be written.
type work struct {
	answers []*answer
	ping    bool
	pong    *string
}

// take gives the writer what there is to write.
func (t *tab) take() (w work, some bool) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if !t.pending() {
		return w, false
	}
	ready := 0
	for ready < len(t.answers) && t.answers[ready].ready {
		ready++
	}
	w = work{answers: t.answers[:ready:ready], ping: t.ping, pong: t.pong}
	t.answers = t.answers[ready:]
	if len(t.answers) == 0 {
		t.answers = nil
	}
	t.news, t.ping, t.pong = false, false, nil
	return w, true
}

// send writes what the room has to tell first: by then the room knows what the answers are about,
// so the change that covers a mutation comes before its ok.
func (t *tab) send(o *out, w work) error {
	var frames []hub.Frame
	if t.member != nil {
		var left *hub.Bye
		frames, left = t.member.Next(o.frames[:0])
		for _, f := range frames {
			o.frame(frameText, f.JSON)
			o.spans = append(o.spans, f.Spans...)
		}
		if left != nil {
			t.leave(left)
		}
	}
	for _, a := range w.answers {
		frame := a.frame
		if a.get {
			whole, _ := t.member.Session()
			frame = whole.JSON
			o.spans = append(o.spans, whole.Spans...)
		}
		if frame != nil { // else nobody asked for an ok, or nobody may be told any more
			o.frame(frameText, frame)
		}
	}
	if w.pong != nil {
		o.frame(framePong, []byte(*w.pong))
	}
	if w.ping {
		o.frame(framePing, nil)
	}
	last := t.addBye(o)
	err := o.flush()
	handed(o.spans, err)
	if err != nil {
		return err
	}
	t.app.metrics.pushed(frames)
	if !last {
		return nil
	}
	return t.conn.SetReadDeadline(time.Now().Add(closeWait))
}

// leave notes why the tab is to go. What it sends from now on is not read any more.
func (t *tab) leave(bye *hub.Bye) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.bye == nil {
		t.bye = bye
	}
}

// addBye adds the last frame and our half of the closing handshake, if the tab is to go and everything
// it sent was answered. No writer starts after it.
func (t *tab) addBye(o *out) bool {
	t.mu.Lock()
	bye := t.bye
	if bye == nil || len(t.answers) > 0 {
		t.mu.Unlock()
		return false
	}
	t.shut, t.closed = true, true
	_ = t.conn.SetReadDeadline(time.Now().Add(t.app.writeWait + closeWait)) // the reader sets none any more
	t.unpark()
	t.mu.Unlock()
	o.frame(frameText, byeFrame(bye))
	o.frame(frameClose, websocket.FormatCloseMessage(outcomes[bye.Code].close, bye.Code))
	return true
}

// sayClose sends a close frame. If it cannot be sent the connection is gone, which is what it was to say.
func (t *tab) sayClose(code int) {
	o := newOut()
	o.tab = t
	o.frame(frameClose, websocket.FormatCloseMessage(code, ""))
	_ = o.flush()
}
