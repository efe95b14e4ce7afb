//go:build !readers

package web

import (
	"errors"
	"os"
	"sync"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// maxArrivals is what one look at the parked tabs brings.
const maxArrivals = 128

// poller waits for something to come from many tabs, none of which has a goroutine or a buffer for it meanwhile. It is asked for
// one event at a time: whoever reads from the tab then has it watched again.
type poller struct {
	epoll *os.File        // is itself waited for by Go's poller, which takes no thread, and ends with Close
	raw   syscall.RawConn // of epoll

	mu   sync.Mutex // guards what follows; a tab's is never waited for under it
	turn int32
	tabs map[spot]*tab
}

// spot is what epoll keeps of a tab while it is parked: its descriptor, and a number since descriptors are used again. An
// event that is late then names nobody. The zero spot is none.
type spot struct{ fd, turn int32 }

func newPoller() (*poller, error) {
	fd, err := unix.EpollCreate1(unix.EPOLL_CLOEXEC)
	if err != nil {
		return nil, os.NewSyscallError("epoll_create1", err)
	}
	if err := unix.SetNonblock(fd, true); err != nil { // or NewFile takes it for a file that always has something to read
		return nil, errors.Join(os.NewSyscallError("fcntl", err), unix.Close(fd))
	}
	p := &poller{epoll: os.NewFile(uintptr(fd), "epoll"), tabs: make(map[spot]*tab)}
	if p.raw, err = p.epoll.SyscallConn(); err != nil {
		return nil, errors.Join(err, p.epoll.Close())
	}
	if err := p.epoll.SetReadDeadline(time.Time{}); err != nil { // Go's poller did not take it, and nobody would ever be woken
		return nil, errors.Join(err, p.epoll.Close())
	}
	return p, nil
}

// watch calls t.arrived, once, when there is something to read or the connection has failed. It returns no spot where
// the tab cannot be watched, such as one under TLS, whose bytes are not those of the socket.
func (p *poller) watch(t *tab) (at spot) {
	if p == nil || t.raw == nil {
		return spot{}
	}
	var refused error
	err := t.raw.Control(func(fd uintptr) {
		at = p.keep(int32(fd), t) // before there can be an event
		refused = p.ask(at)
	})
	if err != nil || refused != nil { // closed, or fs.epoll.max_user_watches is reached: its reader will do
		p.forget(at)
		return spot{}
	}
	return at
}

func (p *poller) keep(fd int32, t *tab) spot {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.turn++
	at := spot{fd, p.turn}
	p.tabs[at] = t
	return at
}

// ask asks for the next event of a descriptor. The kernel knows most from the time before, and forgets those that are closed.
func (p *poller) ask(at spot) (failed error) {
	event := unix.EpollEvent{Events: unix.EPOLLIN | unix.EPOLLRDHUP | unix.EPOLLONESHOT, Fd: at.fd, Pad: at.turn}
	err := p.raw.Control(func(epoll uintptr) {
		failed = unix.EpollCtl(int(epoll), unix.EPOLL_CTL_MOD, int(at.fd), &event)
		if errors.Is(failed, unix.ENOENT) {
			failed = unix.EpollCtl(int(epoll), unix.EPOLL_CTL_ADD, int(at.fd), &event)
		}
	})
	return errors.Join(err, failed)
}

// forget has a tab watched no more. An event that is under way comes to nothing.
func (p *poller) forget(at spot) {
	p.mu.Lock()
	defer p.mu.Unlock()
	delete(p.tabs, at)
}

func (p *poller) find(at spot) *tab {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.tabs[at]
}

// run wakes tabs until close.
func (p *poller) run() {
	if p == nil {
		return
	}
	var events [maxArrivals]unix.EpollEvent
	n := 0
	look := func(epoll uintptr) bool {
		var err error
		for n, err = unix.EpollWait(int(epoll), events[:], 0); errors.Is(err, unix.EINTR); { // Go waits, not the kernel
			n, err = unix.EpollWait(int(epoll), events[:], 0)
		}
		return n > 0
	}
	for p.raw.Read(look) == nil {
		for _, e := range events[:n] {
			at := spot{e.Fd, e.Pad}
			if t := p.find(at); t != nil {
				t.arrived(at)
			}
		}
	}
}

// close ends run. No tab may be parked any more.
func (p *poller) close() {
	if p != nil {
		_ = p.epoll.Close() // an epoll descriptor has nothing to lose
	}
}
