package web

import (
	"context"
	"net"
	"net/http"
	"sync"
	"time"
)

const (
	// lastCall is how long a server that stops waits for requests on connections that have none: what is on its way arrives, and
	// who was accepted just now says what for. net/http would close both without an answer.
	lastCall = 250 * time.Millisecond

	lastCallTick = 5 * time.Millisecond
)

// quiet are the connections of a server on which no request is being served.
type quiet struct {
	mu    sync.Mutex // guards what follows
	conns map[net.Conn]struct{}
	last  bool // each request is the last of its connection
}

type connKey struct{}

// watch has a server tell of its connections.
func (q *quiet) watch(s *http.Server) {
	q.conns = make(map[net.Conn]struct{})
	handler, connContext := s.Handler, s.ConnContext
	s.ConnContext = func(ctx context.Context, c net.Conn) context.Context {
		return context.WithValue(connContext(ctx, c), connKey{}, c)
	}
	s.ConnState = q.note
	s.Handler = http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		// Not before: until here net/http drops a request as soon as it shuts down.
		if c, ok := r.Context().Value(connKey{}).(net.Conn); ok && q.begins(c) {
			w.Header().Set("Connection", "close")
		}
		handler.ServeHTTP(w, r)
	})
}

func (q *quiet) note(c net.Conn, state http.ConnState) {
	q.mu.Lock()
	defer q.mu.Unlock()
	switch state {
	case http.StateNew, http.StateIdle:
		q.conns[c] = struct{}{}
	case http.StateHijacked, http.StateClosed:
		delete(q.conns, c)
	}
}

// begins notes that a request of a connection is being served, and says whether it is the last.
func (q *quiet) begins(c net.Conn) bool {
	q.mu.Lock()
	defer q.mu.Unlock()
	delete(q.conns, c)
	return q.last
}

// end waits for last requests, and closes what stays quiet. Nobody is accepted any more.
func (q *quiet) end(within time.Duration) {
	q.mu.Lock()
	q.last = true
	q.mu.Unlock()
	tick := time.NewTicker(lastCallTick)
	defer tick.Stop()
	for end := time.Now().Add(within); q.any() && time.Now().Before(end); {
		<-tick.C
	}
	q.mu.Lock()
	defer q.mu.Unlock()
	for c := range q.conns {
		go c.Close() // which under TLS may take seconds
	}
}

func (q *quiet) any() bool {
	q.mu.Lock()
	defer q.mu.Unlock()
	return len(q.conns) > 0
}
