package web

import (
	"context"
	"errors"
	"log/slog"
	"net"
	"net/http"
	"sync"
	"time"
)

const (
	headerWait = 10 * time.Second // for the headers of a request: a half-open connection costs nobody else anything
	bodyWait   = 30 * time.Second // for a whole request; /ws and event streams have deadlines of their own
	idleWait   = 2 * time.Minute  // between two requests of a connection
	maxHeaders = 32 << 10         // of a request; our cookie has a few hundred bytes, an app's may be larger

	// drainShare is the part of the shutdown time over which tabs are sent away; the rest is for the last of them to go.
	drainShare = 0.8
)

// Run serves on an address until ctx is done, as Serve does.
func (a *App) Run(ctx context.Context, addr string) error {
	public, err := net.Listen("tcp", addr)
	if err != nil {
		return err
	}
	return a.Serve(ctx, public, nil)
}

// Serve serves the public listener, and the internal one unless it is nil, until ctx is done; then it says that it is not
// ready, accepts nobody any more, finishes what was begun, and sends the tabs away: at once where they can only come back to
// its successor, and with a store that several servers share spread over at most the shutdown time-out. It
// returns as soon as all have gone, nil after a drain. An App serves once. The Manager is left to its owner.
func (a *App) Serve(ctx context.Context, public, internal net.Listener) error {
	outer := a.server(a)
	outer.TLSConfig = a.options.TLS.Clone() // net/http adds to it
	var waiting quiet
	waiting.watch(outer)
	outer.ConnState = func(c net.Conn, state http.ConnState) {
		waiting.note(c, state)
		a.metrics.connection(state)
	}
	servers, listeners := []*http.Server{outer}, []net.Listener{a.limited(public)}
	if internal != nil {
		inner := a.server(a.Internal())
		inner.WriteTimeout = 0 // profiles take as long as was asked for
		servers, listeners = append(servers, inner), append(listeners, internal)
	}
	failed := make(chan error, len(servers))
	serving := make([]sync.WaitGroup, len(servers))
	for i, s := range servers {
		serving[i].Go(func() {
			if err := serve(s, listeners[i]); !errors.Is(err, http.ErrServerClosed) {
				failed <- err
			}
		})
	}
	var err error
	select {
	case <-ctx.Done():
	case err = <-failed:
	}
	// Before a tab is sent away, so that it does not come back here. Who is not accepted by now waits for another, where a parent has the socket too.
	closeListener(listeners[0])
	a.finish(func(ctx context.Context) error {
		serving[0].Wait() // and with that, for all who are accepted
		waiting.end(a.lastCall)
		return outer.Shutdown(ctx)
	})
	for i, s := range servers {
		closeListener(listeners[i])
		if closed := s.Close(); !errors.Is(closed, net.ErrClosed) { // the listener was, just now
			err = errors.Join(err, closed)
		}
		serving[i].Wait()
	}
	return err
}

// serve serves over TLS where the server has a configuration of it.
func serve(s *http.Server, l net.Listener) error {
	if s.TLSConfig != nil {
		return s.ServeTLS(l, "", "")
	}
	return s.Serve(l)
}

// Close is for a program that serves the App by a server of its own: it sends the tabs away as Serve does at its end, and stops
// what an App does by itself. Event streams hold up that server's Shutdown until then, so it is called beside it
// (http.Server.RegisterOnShutdown) and before the Manager's Close. Another call waits for the first.
func (a *App) Close() {
	a.finish(func(context.Context) error { return nil })
}

// finish drains, with what stops the server from taking requests, and stops the App's own work. Only the first call does.
func (a *App) finish(shutdown func(context.Context) error) {
	a.closing.Do(func() {
		a.drain(shutdown)
		a.stop()
		a.poller.close()
		a.working.Wait()
		a.hub.Close()
		if a.proxy != nil {
			a.proxy.transport.CloseIdleConnections()
		}
	})
}

func (a *App) server(handler http.Handler) *http.Server {
	return &http.Server{
		Handler:           handler,
		ReadHeaderTimeout: headerWait,
		ReadTimeout:       bodyWait,
		WriteTimeout:      bodyWait + writeWait, // counted from the headers
		IdleTimeout:       idleWait,
		MaxHeaderBytes:    maxHeaders,
		ConnContext: func(ctx context.Context, c net.Conn) context.Context {
			boundSendBuffer(c)
			return withSurplus(ctx, c)
		},
		ErrorLog: slog.NewLogLogger(sparing(a.log).Handler(), slog.LevelInfo),
	}
}

// sendBuffer bounds what the kernel holds for a connection that does not read. Left to itself it takes 4 MB, and a slow link
// that must drain a large part of them before it can take one more frame looks dead.
const sendBuffer = 64 << 10

func boundSendBuffer(c net.Conn) {
	if tcp, ok := underlying[*net.TCPConn](c); ok {
		_ = tcp.SetWriteBuffer(sendBuffer) // only a wish: a connection that cannot have it works all the same
	}
}

// underlying finds a kind of connection in what is wrapped around it.
func underlying[T net.Conn](c net.Conn) (T, bool) {
	for {
		if found, ok := c.(T); ok {
			return found, true
		}
		wrapper, ok := c.(interface{ NetConn() net.Conn })
		if !ok {
			var none T
			return none, false
		}
		c = wrapper.NetConn()
	}
}

// drain sends everybody away who is connected, within the shutdown time-out.
func (a *App) drain(shutdown func(context.Context) error) {
	a.draining.Store(true)
	if a.proxy != nil {
		a.proxy.endStreams()
	}
	timeout := a.options.ShutdownTimeout
	ctx, cancel := context.WithTimeout(context.Background(), timeout)
	defer cancel()
	a.log.Info("shutting down", "tabs", a.pinger.count(), "timeout", timeout.String())

	spread := time.Duration(float64(timeout) * drainShare)
	if a.manager.Shared() == nil {
		spread = 0 // all must wait for this very server to come back: the sooner they go, the sooner it does
	}
	var requests sync.WaitGroup
	requests.Go(func() {
		if err := shutdown(ctx); err != nil {
			a.log.Warn("requests were cut off at the end of the shutdown time", "error", err)
		}
	})
	a.hub.Drain(ctx, spread)
	requests.Wait() // a handshake among them is told by the hub why it is too late
	a.mu.Lock()
	a.stopped = true
	a.mu.Unlock()
	gone := make(chan struct{})
	go func() {
		a.tabs.Wait()
		close(gone)
	}()
	select {
	case <-gone:
	case <-ctx.Done():
		if left := a.pinger.count(); left > 0 { // none, where only requests took so long
			a.log.Warn("connections were cut off at the end of the shutdown time", "tabs", left)
		}
		a.pinger.cutOff()
		<-gone
	}
}

// begin counts a WebSocket connection in, unless the server has stopped.
func (a *App) begin() bool {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.stopped {
		return false
	}
	a.tabs.Add(1)
	return true
}
