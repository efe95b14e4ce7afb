package bench

import (
	"errors"
	"fmt"
	"io"
	"net"
	"time"

	"golang.org/x/sys/unix"
)

// maxEvents is what one look at the connections brings.
const maxEvents = 512

// epoll is the poller of one thread: no goroutine, no buffer and no wake-up of Go's own for any tab.
type epoll struct {
	fd     int
	timer  int // epoll_wait counts in milliseconds, and a write is to be sent when it is due
	tabs   map[int32]*tab
	events [maxEvents]unix.EpollEvent
	buffer [readBuffer]byte
}

func newPoller(t *target) (poller, error) {
	if t.tls != nil { // its bytes are not those of the socket
		return newGoroutines(), nil
	}
	fd, err := unix.EpollCreate1(unix.EPOLL_CLOEXEC)
	if err != nil {
		return nil, fmt.Errorf("epoll: %w", err)
	}
	e := &epoll{fd: fd, tabs: make(map[int32]*tab)}
	if e.timer, err = unix.TimerfdCreate(unix.CLOCK_MONOTONIC, unix.TFD_NONBLOCK|unix.TFD_CLOEXEC); err != nil {
		return nil, fmt.Errorf("timerfd: %w", err)
	}
	return e, e.watch(e.timer)
}

func (e *epoll) watch(fd int) error {
	return unix.EpollCtl(e.fd, unix.EPOLL_CTL_ADD, fd, &unix.EpollEvent{Events: unix.EPOLLIN, Fd: int32(fd)})
}

// add takes the descriptor out of Go's hands: its own poller would wake up for every frame otherwise.
func (e *epoll) add(conn net.Conn, t *tab) error {
	raw, err := conn.(*net.TCPConn).SyscallConn()
	if err != nil {
		return err
	}
	fd := -1
	var duplicating error
	controlling := raw.Control(func(old uintptr) { fd, duplicating = unix.FcntlInt(old, unix.F_DUPFD_CLOEXEC, 0) })
	if err := errors.Join(controlling, duplicating, conn.Close()); err != nil {
		return err
	}
	t.link = fdLink(fd)
	e.tabs[int32(fd)] = t
	return e.watch(fd)
}

func (e *epoll) wait(d time.Duration, read func(*tab, []byte, error)) error {
	block := -1
	if d <= 0 || d >= maxWait { // nothing that is due
		block = int(max(d, 0).Milliseconds())
	} else if err := unix.TimerfdSettime(e.timer, 0, &unix.ItimerSpec{Value: unix.NsecToTimespec(int64(d))}, nil); err != nil {
		return fmt.Errorf("timerfd: %w", err)
	}
	n, err := unix.EpollWait(e.fd, e.events[:], block)
	if err != nil && !errors.Is(err, unix.EINTR) {
		return fmt.Errorf("epoll: %w", err)
	}
	for _, event := range e.events[:max(n, 0)] {
		if int(event.Fd) == e.timer {
			var expired [8]byte
			_, _ = unix.Read(e.timer, expired[:]) // nothing to read: it was set anew
			continue
		}
		t := e.tabs[event.Fd]
		n, err := unix.Read(int(event.Fd), e.buffer[:])
		switch {
		case errors.Is(err, unix.EAGAIN) || errors.Is(err, unix.EINTR):
			continue
		case err == nil && n == 0:
			err = io.EOF
		}
		read(t, e.buffer[:max(n, 0)], err)
	}
	return nil
}

func (e *epoll) close() {
	for fd := range e.tabs {
		unix.Close(int(fd))
	}
	unix.Close(e.timer)
	unix.Close(e.fd)
}

// fdLink is a descriptor that does not block.
type fdLink int

func (fd fdLink) write(p []byte) (int, error) {
	n, err := unix.Write(int(fd), p)
	if errors.Is(err, unix.EAGAIN) || errors.Is(err, unix.EINTR) {
		return max(n, 0), nil
	}
	return max(n, 0), err
}
