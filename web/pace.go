package web

import (
	"bufio"
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"sync"
	"time"
)

// A pace replaces the server's deadlines for a whole request and its answer, which would cut long uploads, downloads and
// streams, by one for each read and each write. Who stands still loses the connection all the same.
type pace struct {
	http.ResponseWriter
	control *http.ResponseController
	body    io.ReadCloser
	request context.Context

	mu    sync.Mutex // guards what follows, as the body is read by another goroutine than the handler's
	ended bool
	err   error // of the last read of the body
}

// newPace begins a pace and puts it before the body of the request. Its end must be called before the handler returns.
func newPace(w http.ResponseWriter, r *http.Request) *pace {
	p := &pace{ResponseWriter: w, control: http.NewResponseController(w), body: r.Body, request: r.Context()}
	p.rest()
	if r.ContentLength != 0 {
		r.Body = pacedBody{p}
	} else {
		p.allow(0) // the server reads on, to see the client go
	}
	return p
}

// end leaves the server with time to write the rest of the answer and read the rest of the body.
func (p *pace) end() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.ended = true
	_ = p.control.SetReadDeadline(time.Now().Add(bodyWait)) // this and the other deadlines fail only where a middleware hides them
	p.extend()
}

// bodyFailed says whether the client failed to send what it announced.
func (p *pace) bodyFailed() bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.err != nil && !errors.Is(p.err, io.EOF)
}

// allow sets the deadline of the next read, 0 for none. The connection may belong to another request after the end.
func (p *pace) allow(wait time.Duration) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.ended {
		return
	}
	deadline := time.Time{}
	if wait > 0 {
		deadline = time.Now().Add(wait)
	}
	_ = p.control.SetReadDeadline(deadline)
}

// extend sets the deadline of the next write.
func (p *pace) extend() { _ = p.control.SetWriteDeadline(time.Now().Add(writeWait)) }

// rest takes the deadline away once the write is done: over HTTP/2 it would end the stream of an app that is silent for longer.
func (p *pace) rest() { _ = p.control.SetWriteDeadline(time.Time{}) }

func (p *pace) Write(b []byte) (int, error) {
	p.extend()
	defer p.rest()
	return p.ResponseWriter.Write(b)
}

func (p *pace) WriteHeader(status int) { // which writes at once for an informational one
	p.extend()
	defer p.rest()
	p.ResponseWriter.WriteHeader(status)
}

// FlushError is how http.ResponseController flushes.
func (p *pace) FlushError() error {
	p.extend()
	defer p.rest()
	return p.control.Flush()
}

// Hijack takes the connection over. It ends with the request: ReverseProxy itself closes the app's side alone then, and waits
// for a write to a client that does not read.
func (p *pace) Hijack() (net.Conn, *bufio.ReadWriter, error) {
	conn, buffered, err := p.control.Hijack()
	if err != nil {
		return nil, nil, err
	}
	_ = conn.SetWriteDeadline(time.Now().Add(writeWait)) // of the handshake, which passes by pacedConn
	context.AfterFunc(p.request, func() { conn.Close() })
	return pacedConn{conn}, buffered, nil
}

// pacedConn is a connection that was taken over, with a deadline for each write.
type pacedConn struct{ net.Conn }

func (c pacedConn) Write(b []byte) (int, error) {
	if err := c.SetWriteDeadline(time.Now().Add(writeWait)); err != nil {
		return 0, err
	}
	return c.Conn.Write(b)
}

// CloseWrite tells the client of the app's end, and leaves it little time for its own.
func (c pacedConn) CloseWrite() error {
	half, ok := c.Conn.(interface{ CloseWrite() error })
	if !ok {
		return errors.ErrUnsupported // so ReverseProxy closes all of it
	}
	return errors.Join(c.SetReadDeadline(time.Now().Add(closeWait)), half.CloseWrite())
}

// Unwrap lets http.ResponseController find what pace leaves alone.
func (p *pace) Unwrap() http.ResponseWriter { return p.ResponseWriter }

// pacedBody is the body of a request that has a pace.
type pacedBody struct{ pace *pace }

func (b pacedBody) Read(into []byte) (int, error) {
	b.pace.allow(bodyWait)
	n, err := b.pace.body.Read(into)
	b.pace.allow(0) // as for a request without a body; and the app may take its time with what was read
	if err != nil {
		b.pace.mu.Lock()
		b.pace.err = err
		b.pace.mu.Unlock()
	}
	return n, err
}

func (b pacedBody) Close() error { return b.pace.body.Close() }
