package main

import (
	"context"
	"math/rand/v2"
	"net"
	"sync"
	"time"
)

// line is the network between the visitors and the server. Until it is calm some of its connections are cut, stall so that the
// server finds nobody reading, or go dead: the visitor is cut off, and the server is not told.
type line struct {
	listener net.Listener
	server   string
	tally    *tally
	span     time.Duration // how long a connection is good, on average
	running  sync.WaitGroup

	calm     context.Context // over when everything is to pass, and what is stalled or dead ends
	calmDown context.CancelFunc
}

// The fates of connections, of each hundred that are made. The rest is good.
const (
	cutOf100     = 12
	stalledOf100 = 6
	deadOf100    = 4
)

const (
	maxStall = 8 * time.Second // shorter than the 30 s in which a frame must be written
	// deadFor is longer than the 60 s within which the server is to find that nothing answers its pings.
	deadFor = 90 * time.Second
	// smallBuffer is what the system takes for a connection that stalls: the server is to feel it.
	smallBuffer = 4 << 10
)

type fate int

const (
	good fate = iota
	cut
	stalled
	dead
)

func newLine(server string, t *tally, span time.Duration) (*line, error) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	l := &line{listener: listener, server: server, tally: t, span: span}
	l.calm, l.calmDown = context.WithCancel(context.Background())
	l.running.Go(l.accept)
	return l, nil
}

func (l *line) url() string { return "http://" + l.listener.Addr().String() }

// close waits until all connections have ended, which is the business of those who made them.
func (l *line) close() {
	l.calmDown()
	l.listener.Close()
	l.running.Wait()
}

func (l *line) accept() {
	for {
		conn, err := l.listener.Accept()
		if err != nil {
			return
		}
		l.running.Go(func() { l.serve(conn.(*net.TCPConn)) })
	}
}

func (l *line) draw() fate {
	switch n := rand.IntN(100); {
	case l.calm.Err() != nil:
		return good
	case n < cutOf100:
		return cut
	case n < cutOf100+stalledOf100:
		return stalled
	case n < cutOf100+stalledOf100+deadOf100:
		return dead
	}
	return good
}

// connection is one of them. Its fate comes with the first bytes after a moment.
type connection struct {
	*line
	client, server *net.TCPConn
	fate           fate
	at             time.Time
}

func (l *line) serve(client *net.TCPConn) {
	conn, err := net.Dial("tcp", l.server)
	if err != nil {
		reset(client)
		return
	}
	c := &connection{l, client, conn.(*net.TCPConn), l.draw(), time.Now().Add(rand.N(2 * l.span))}
	if c.fate == stalled {
		c.server.SetReadBuffer(smallBuffer)
	}
	var up sync.WaitGroup
	up.Go(func() { c.pass(c.client, c.server) })
	c.pass(c.server, c.client)
	up.Wait()
}

// pass copies one direction until either side ends it, or fate does.
func (c *connection) pass(from, to *net.TCPConn) {
	defer to.Close()
	at, buffer := c.at, make([]byte, 16<<10)
	for {
		n, err := from.Read(buffer)
		if c.fate != good && c.calm.Err() == nil && time.Now().After(at) {
			if !c.met(from == c.server) {
				return
			}
			at = time.Now().Add(c.span)
		}
		if _, failed := to.Write(buffer[:n]); err != nil || failed != nil {
			from.Close()
			return
		}
	}
}

// met says whether the connection goes on after its fate.
func (c *connection) met(toClient bool) bool {
	switch {
	case c.fate == cut:
		c.tally.count(cCut, 1)
		reset(c.server)
		reset(c.client)
		return false
	case c.fate == dead:
		reset(c.client)
		if !toClient { // the server finds out by itself, or is told so late that it should have
			c.wait(deadFor)
			c.tally.count(cDead, 1)
			c.server.Close()
		}
		return false
	case toClient:
		c.tally.count(cStalled, 1)
		c.wait(rand.N(maxStall))
	}
	return true
}

func (l *line) wait(d time.Duration) { pause(l.calm, d) }

// pause passes time until a context is over.
func pause(ctx context.Context, d time.Duration) {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-ctx.Done():
	case <-timer.C:
	}
}

// reset ends a connection without a goodbye.
func reset(conn *net.TCPConn) {
	conn.SetLinger(0)
	conn.Close()
}
