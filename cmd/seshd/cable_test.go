package main

import (
	"net"
	"sync"
	"testing"
)

// cable lies between clients and a server. It can be pulled, so that nobody gets through, or go dead under the connections that
// there are: nothing passes them any more and nobody is told, as with a router that forgot them. Or it swallows everything.
type cable struct {
	listener net.Listener
	server   string
	ended    chan struct{} // closed at the end of the test
	running  sync.WaitGroup

	mu     sync.Mutex // guards the rest
	pulled bool
	dead   chan struct{} // closed when the connections that were made with it went dead
	open   []*net.TCPConn
}

func newCable(t *testing.T, server string) *cable {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	c := &cable{listener: l, server: server, ended: make(chan struct{}), dead: make(chan struct{})}
	c.running.Go(c.accept)
	t.Cleanup(func() {
		l.Close()
		close(c.ended)
		c.pull()
		c.running.Wait()
	})
	return c
}

// url is where pages find the server.
func (c *cable) url() string { return "http://" + c.addr() }

func (c *cable) addr() string { return c.listener.Addr().String() }

// pull ends all connections; new ones end as soon as they are made.
func (c *cable) pull() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.pulled = true
	for _, conn := range c.open {
		reset(conn)
	}
	c.open = nil
}

// plug lets new connections through again.
func (c *cable) plug() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.pulled = false
	select {
	case <-c.dead:
		c.dead = make(chan struct{})
	default:
	}
}

// die lets nothing pass any more over the connections that there are. Those that are made from now on are as good as ever.
func (c *cable) die() {
	c.mu.Lock()
	defer c.mu.Unlock()
	close(c.dead)
	c.dead = make(chan struct{})
}

// swallow lets nothing pass, over the connections that there are and those that are made until plug, and tells nobody.
func (c *cable) swallow() {
	c.mu.Lock()
	defer c.mu.Unlock()
	close(c.dead)
}

func (c *cable) accept() {
	for {
		conn, err := c.listener.Accept()
		if err != nil {
			return
		}
		c.running.Go(func() { c.serve(conn.(*net.TCPConn)) })
	}
}

func (c *cable) serve(client *net.TCPConn) {
	conn, err := net.Dial("tcp", c.server)
	if err != nil {
		reset(client)
		return
	}
	server := conn.(*net.TCPConn)
	c.mu.Lock()
	dead := c.dead
	c.open = append(c.open, client, server)
	if c.pulled {
		reset(client)
		reset(server)
	}
	c.mu.Unlock()
	c.running.Go(func() { c.pass(client, server, dead) })
	c.pass(server, client, dead)
}

// pass copies one direction of a connection until it ends or goes dead.
func (c *cable) pass(from, to *net.TCPConn, dead chan struct{}) {
	buffer := make([]byte, 32<<10)
	for {
		n, err := from.Read(buffer)
		select {
		case <-dead:
			<-c.ended // without a word to either side
			return
		default:
		}
		if _, failed := to.Write(buffer[:n]); err != nil || failed != nil {
			from.Close()
			to.Close()
			return
		}
	}
}
