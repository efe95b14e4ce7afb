package web

import (
	"net"
	"sync"
	"syscall"
)

// writers are the goroutines that write to tabs, as many at most as can run at once, for as long as any tab has something to be told: a
// change to a thousand tabs starts no thousand goroutines, whose stacks would grow with the first write. None of them waits for
// a socket. One that must leaves, stays with its tab, and another takes its place.
type writers struct {
	limit int       // static
	outs  sync.Pool // of *out

	mu          sync.Mutex // guards what follows
	first, last *tab       // the tabs that wait, by tab.after
	running     int
}

// add has a tab written to. It must count as writing, and wait nowhere here.
func (w *writers) add(t *tab) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.last == nil {
		w.first = t
	} else {
		w.last.after = t
	}
	w.last = t
	w.fill()
}

// fill starts a writer if one more may run; the caller holds mu.
func (w *writers) fill() {
	if w.first != nil && w.running < w.limit {
		w.running++
		go w.run()
	}
}

func (w *writers) run() {
	o, left := w.outs.Get().(*out)
	if !left {
		o = newOut()
	}
	o.team = w
	for t := w.next(); t != nil; t = w.next() {
		t.write(o)
		if o.team == nil {
			break
		}
	}
	w.outs.Put(o)
}

// next takes the tab that has waited for longest. Where there is none the writer has ended.
func (w *writers) next() *tab {
	w.mu.Lock()
	defer w.mu.Unlock()
	t := w.first
	if t == nil {
		w.running--
		return nil
	}
	if w.first, t.after = t.after, nil; w.first == nil {
		w.last = nil
	}
	return t
}

// leave lets another writer take the place of one that has to wait.
func (w *writers) leave() {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.running--
	w.fill()
}

// rawConn is what writes without waiting are made on; nil where a connection is no plain socket, as under TLS.
func rawConn(c net.Conn) syscall.RawConn {
	if counted, ok := c.(*countedConn); ok {
		c = counted.Conn
	}
	socket, ok := c.(*net.TCPConn) // not whatever has one in it, whose Write may do more
	if !ok || !canWriteSome {
		return nil
	}
	raw, err := socket.SyscallConn()
	if err != nil { // closed already, as the reader will notice
		return nil
	}
	return raw
}
