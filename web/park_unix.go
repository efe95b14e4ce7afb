//go:build unix

package web

import "golang.org/x/sys/unix"

const canPark = true

// readable says whether a read would not block. Asking comes first, since the runtime tells of what arrives only once.
func readable(fd uintptr) bool {
	fds := [1]unix.PollFd{{Fd: int32(fd), Events: unix.POLLIN}}
	n, err := unix.Poll(fds[:], 0)
	return n > 0 || err != nil // a failure is for the read to meet
}
