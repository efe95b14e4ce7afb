//go:build unix

package web

import "syscall"

const canWriteSome = true

// writeSome writes what a socket takes without waiting, and returns the rest.
func writeSome(fd uintptr, b []byte) (rest []byte, err error) {
	for len(b) > 0 {
		n, err := syscall.Write(int(fd), b)
		switch err {
		case nil:
			b = b[n:]
		case syscall.EINTR:
		case syscall.EAGAIN:
			return b, nil
		default:
			return b, err
		}
	}
	return nil, nil
}
