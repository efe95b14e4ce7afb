package web

import (
	"errors"
	"io"
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

	mu    sync.Mutex // guards what follows, as the body is read by another goroutine than the handler's
	ended bool
	err   error // of the last read of the body
}

// newPace begins a pace and puts it before the body of the request. Its end must be called before the handler returns.
func newPace(w http.ResponseWriter, r *http.Request) *pace {
	p := &pace{ResponseWriter: w, control: http.NewResponseController(w), body: r.Body}
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

func (p *pace) Write(b []byte) (int, error) {
	p.extend()
	return p.ResponseWriter.Write(b)
}

func (p *pace) WriteHeader(status int) { // which writes at once for an informational one
	p.extend()
	p.ResponseWriter.WriteHeader(status)
}

// FlushError is how http.ResponseController flushes.
func (p *pace) FlushError() error {
	p.extend()
	return p.control.Flush()
}

// Unwrap lets http.ResponseController take the connection over.
func (p *pace) Unwrap() http.ResponseWriter { return p.ResponseWriter }

// pacedBody is the body of a request that has a pace.
type pacedBody struct{ pace *pace }

func (b pacedBody) Read(into []byte) (int, error) {
	b.pace.allow(bodyWait)
	n, err := b.pace.body.Read(into)
	if err != nil {
		b.pace.allow(0) // as for a request without a body
		b.pace.mu.Lock()
		b.pace.err = err
		b.pace.mu.Unlock()
	}
	return n, err
}

func (b pacedBody) Close() error { return b.pace.body.Close() }
