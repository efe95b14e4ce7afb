package bench

import (
	"net"
	"time"
)

// readBuffer is for many frames at once.
const readBuffer = 64 << 10

// A poller waits on many connections for one goroutine, which alone calls it.
type poller interface {
	// add takes over a connection. What its tab writes goes through t.link from then on.
	add(conn net.Conn, t *tab) error
	// wait calls read for each tab of which something has come, or whose connection has failed, until there is nothing or the time
	// is over. What read gets is its own only until it returns.
	wait(d time.Duration, read func(t *tab, p []byte, failed error)) error
	close()
}

// link is the way to the server. write takes what it can without waiting.
type link interface {
	write(p []byte) (n int, err error)
}

// goroutines is the poller for every system and connection: a reader for each tab.
type goroutines struct {
	arrived chan arrival
	done    chan struct{}
	conns   []net.Conn
}

type arrival struct {
	tab    *tab
	bytes  []byte
	failed error
	taken  chan<- struct{}
}

func newGoroutines() *goroutines {
	return &goroutines{arrived: make(chan arrival), done: make(chan struct{})}
}

func (g *goroutines) add(conn net.Conn, t *tab) error {
	t.link = connLink{conn}
	g.conns = append(g.conns, conn)
	go g.read(conn, t)
	return nil
}

func (g *goroutines) read(conn net.Conn, t *tab) {
	const each = 4 << 10 // there are thousands of them
	b := make([]byte, each)
	taken := make(chan struct{})
	for {
		n, err := conn.Read(b)
		select {
		case g.arrived <- arrival{t, b[:n], err, taken}:
		case <-g.done:
			return
		}
		select {
		case <-taken:
		case <-g.done:
			return
		}
		if err != nil {
			return
		}
	}
}

func (g *goroutines) wait(d time.Duration, read func(*tab, []byte, error)) error {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case a := <-g.arrived:
		for more := true; more; {
			read(a.tab, a.bytes, a.failed)
			a.taken <- struct{}{}
			select {
			case a = <-g.arrived:
			case <-timer.C:
				more = false
			default:
				more = false
			}
		}
	case <-timer.C:
	}
	return nil
}

func (g *goroutines) close() {
	close(g.done)
	for _, conn := range g.conns {
		conn.Close()
	}
}

// connLink writes as net does. The server always reads from a tab whose answers are read, so this waits for moments only.
type connLink struct{ conn net.Conn }

func (l connLink) write(p []byte) (int, error) { return l.conn.Write(p) }
