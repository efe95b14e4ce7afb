package web

import (
	"net"
	"time"
)

// helpAfter is how long closing a listener may take. Without an accept that waits in the kernel it takes microseconds.
const helpAfter = 50 * time.Millisecond

// closeListener closes a listener, also one whose accept waits in the kernel: a Close waits for that, and does not wake it. Whether a socket
// blocks is one for all who share it, and whoever starts a process with it, as systemd does, may make it so for this one too. What ends such
// a wait is a connection, which may have to be made more than once, since the others take what comes, too.
func closeListener(l net.Listener) {
	closed := make(chan struct{})
	go func() {
		defer close(closed)
		l.Close()
	}()
	for {
		select {
		case <-closed:
			return
		case <-time.After(helpAfter):
		}
		if c, err := net.DialTimeout(l.Addr().Network(), l.Addr().String(), helpAfter); err == nil {
			c.Close()
		}
	}
}
