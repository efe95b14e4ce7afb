package connect

import (
	"context"
	"fmt"
	"time"

	"github.com/gorilla/websocket"
)

const (
	// maxUnanswered is how many frames the server answers before it reads on, and how many ids back it remembers.
	maxUnanswered = 64
	// writeTimeout is how long a server that does not read may hold up a line.
	writeTimeout = 10 * time.Second
	// closeTimeout is how long the other side may take to answer a close. All that matters was said before.
	closeTimeout = 2 * time.Second
)

// link is what belongs to one connection.
type link struct {
	live bool // its first frame has come: lines may go out
	sent int  // how many of the client's pending were sent on it
	bye  *message

	broken <-chan time.Time // not nil: writing failed, and reading may tell why until then
}

// received is a frame, or the end of the connection.
type received struct {
	text []byte
	err  error
}

// talk sends lines and takes frames until nothing is left to do or the connection ends.
func (c *client) talk(ctx context.Context, conn *websocket.Conn) error {
	frames, done := make(chan received), make(chan struct{})
	defer close(done)
	go listen(conn, frames, done)
	for {
		if c.finished() {
			hangUp(conn, frames)
			return nil
		}
		c.pump(conn)
		lines := c.lines
		if !c.takesLine() {
			lines = nil
		}
		select {
		case l, more := <-lines:
			if err := c.takeLine(l, more); err != nil {
				return err
			}
		case f := <-frames:
			if f.err != nil {
				return f.err
			}
			if err := c.takeFrame(f.text); err != nil {
				return err
			}
		case <-c.link.broken:
			return fmt.Errorf("it takes nothing more")
		case <-ctx.Done():
			sayGoodbye(conn)
			return ctx.Err()
		}
	}
}

// listen passes on what comes, up to the error that ends it.
func listen(conn *websocket.Conn, frames chan<- received, done <-chan struct{}) {
	for {
		_, text, err := conn.ReadMessage()
		if err == nil {
			conn.SetReadDeadline(time.Now().Add(maxSilence))
		}
		select {
		case frames <- received{text, err}:
		case <-done:
			return
		}
		if err != nil {
			return
		}
	}
}

// finished says that there is nothing left to send and nothing to wait for.
func (c *client) finished() bool {
	switch {
	case !c.link.live:
		return false
	case c.scripted() && c.refusals > 0: // the lines after it may build on it
		return true
	case len(c.pending) > 0:
		return false
	case c.until != nil:
		return c.met && (c.drained || !c.scripted())
	}
	return c.drained && !c.Follow
}

// takesLine says whether there is room for another one.
func (c *client) takesLine() bool {
	switch {
	case !c.link.live || c.drained:
		return false
	case c.scripted(): // one after the other
		return len(c.pending) == 0
	case c.until != nil && c.met:
		return false
	}
	return len(c.pending) < maxUnanswered
}

func (c *client) takeLine(l line, more bool) error {
	if !more {
		c.drained = true
		return nil
	}
	if l.err != nil {
		return &fatal{l.err}
	}
	command, err := newCommand(l.text, c.lastID+1)
	if err != nil {
		c.refuse(err.Error())
		c.note("%v", err)
		return nil
	}
	c.lastID = max(c.lastID, command.id)
	c.pending = append(c.pending, command)
	return nil
}

// pump sends what was not sent on this connection.
func (c *client) pump(conn *websocket.Conn) {
	for c.link.live && c.link.broken == nil && c.link.sent < len(c.pending) {
		command := c.pending[c.link.sent]
		command.sent++
		c.link.sent++
		conn.SetWriteDeadline(time.Now().Add(writeTimeout))
		if conn.WriteMessage(websocket.TextMessage, command.text) != nil {
			c.link.broken = time.After(closeTimeout) // the server's own word about it may be on its way
		}
	}
}

// sayGoodbye closes without waiting.
func sayGoodbye(conn *websocket.Conn) {
	bye := websocket.FormatCloseMessage(websocket.CloseNormalClosure, "")
	_ = conn.WriteControl(websocket.CloseMessage, bye, time.Now().Add(closeTimeout)) // the socket is closed next, either way
}

// hangUp closes, and waits until the server has closed too.
func hangUp(conn *websocket.Conn, frames <-chan received) {
	sayGoodbye(conn)
	late := time.After(closeTimeout)
	for {
		select {
		case f := <-frames:
			if f.err != nil {
				return
			}
		case <-late:
			return
		}
	}
}
