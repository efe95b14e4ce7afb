package main

import (
	"fmt"
	"net"
	"os"
)

// The names of the sockets that a server may be given (FileDescriptorName= of a .socket file, LISTEN_FDNAMES).
const (
	publicSocket   = "public"
	internalSocket = "internal"
)

// given are the listening sockets that whoever started the server has opened for it (systemd's socket activation, sd_listen_fds(3)). They
// stay open there while the server is started again, and what connects meanwhile waits in the kernel. Nil: it opens its own.
type given struct {
	public, internal net.Listener
}

// takeSockets makes listeners of the files that activation.Files found, and closes the files. A socket without a name is the public one if
// it is the only one.
func takeSockets(files []*os.File) (g given, err error) {
	defer func() {
		for _, f := range files {
			f.Close()
		}
		if err != nil {
			g.close()
		}
	}()
	for _, f := range files {
		into, name := &g.public, f.Name()
		switch {
		case name == internalSocket:
			into = &g.internal
		case name != publicSocket && len(files) > 1:
			return g, fmt.Errorf("%d sockets were given (LISTEN_FDS), and one is called %q: name them %s and %s (FileDescriptorName= of the .socket files, LISTEN_FDNAMES)",
				len(files), name, publicSocket, internalSocket)
		}
		if *into != nil {
			return g, fmt.Errorf("two sockets were given that are called %q: give one, such as [::]:8000, which takes IPv4 too", name)
		}
		if *into, err = listenerOf(f); err != nil {
			return g, err
		}
	}
	return g, nil
}

// listenerOf takes a TCP socket that listens, and nothing else: a datagram socket, one of the file system, and a connection that was
// accepted already (Accept=yes) would each do for something, but not for a server of browsers.
func listenerOf(f *os.File) (net.Listener, error) {
	unfit := func(why string) error {
		return fmt.Errorf("the socket that was given as %q %s: want one that listens for TCP (ListenStream=8000, Accept=no)", f.Name(), why)
	}
	l, err := net.FileListener(f)
	if err != nil {
		return nil, unfit("is none that listens")
	}
	if l.Addr().Network() != "tcp" {
		l.Close()
		return nil, unfit("is " + l.Addr().Network())
	}
	if c, err := net.FileConn(f); err == nil {
		c.Close()
		if c.RemoteAddr() != nil {
			l.Close()
			return nil, unfit("is one connection")
		}
	}
	return l, nil
}

func (g given) close() {
	for _, l := range []net.Listener{g.public, g.internal} {
		if l != nil {
			l.Close()
		}
	}
}
