package web

import (
	"context"
	"fmt"
	"net"
	"net/http"
	"sync"
	"sync/atomic"
	"time"

	"github.com/gorilla/websocket"

	"github.com/seshd/seshd/session"
)

// surplusRoom is how many connections over the limit are taken at a time, to be told of it. Who speaks is told and gone in no
// time, who says nothing is gone after headerWait; beyond that, a flood would cost the file descriptors of everybody.
const surplusRoom = 256

// limited counts the connections of a listener where there is a limit on them.
func (a *App) limited(l net.Listener) net.Listener {
	if a.options.MaxConnections <= 0 {
		return l
	}
	return &limitedListener{Listener: l, app: a, limit: int64(a.options.MaxConnections)}
}

// limitedListener marks the connections that are over its limit, and closes at once what is far over it.
type limitedListener struct {
	net.Listener
	app   *App
	limit int64

	open   atomic.Int64
	warned reminder
}

func (l *limitedListener) Accept() (net.Conn, error) {
	for {
		c, err := l.Listener.Accept()
		if err != nil {
			return nil, err
		}
		n := l.open.Add(1)
		if n > l.limit && l.warned.due(time.Now()) {
			l.app.log.Warn("more connections than the limit: who comes now is sent away; raise --max-connections if they are welcome",
				"limit", l.limit, "peer", c.RemoteAddr().String())
		}
		if n <= l.limit+surplusRoom {
			return &countedConn{Conn: c, listener: l, surplus: n > l.limit}, nil
		}
		l.open.Add(-1)
		l.app.metrics.dropped.Inc()
		c.Close()
	}
}

// countedConn counts until it is closed, whoever owns it by then.
type countedConn struct {
	net.Conn
	listener *limitedListener
	surplus  bool
	once     sync.Once
}

func (c *countedConn) NetConn() net.Conn { return c.Conn }

func (c *countedConn) Close() error {
	c.once.Do(func() { c.listener.open.Add(-1) })
	return c.Conn.Close()
}

type surplusKey struct{}

// withSurplus notes for the requests of a connection that it is one too many.
func withSurplus(ctx context.Context, c net.Conn) context.Context {
	if counted, ok := underlying[*countedConn](c); ok && counted.surplus {
		return context.WithValue(ctx, surplusKey{}, counted.listener.limit)
	}
	return ctx
}

// surplus refuses what comes by a connection that is one too many.
func surplus(r *http.Request) error {
	limit, over := r.Context().Value(surplusKey{}).(int64)
	if !over {
		return nil
	}
	return &refusal{string(session.Unavailable), fmt.Sprintf("the server has its %d connections open already (--max-connections): try again later", limit)}
}

// opensTab says whether a request is a handshake, whose refusal is told after it.
func opensTab(r *http.Request) bool {
	return r.URL.Path == "/ws" && websocket.IsWebSocketUpgrade(r)
}
