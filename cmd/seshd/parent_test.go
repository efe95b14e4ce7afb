package main

import (
	"fmt"
	"net"
	"os"
	"os/exec"
	"strings"
	"testing"
)

// parent holds listening sockets for the servers that it starts, as systemd does.
type parent struct {
	names []string
	addrs []string
	files []*os.File
}

func newParent(t *testing.T, names ...string) *parent {
	t.Helper()
	p := &parent{names: names}
	for range names {
		l, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		f, err := l.(*net.TCPListener).File()
		if err != nil {
			t.Fatal(err)
		}
		l.Close() // the file is another descriptor of the same socket
		t.Cleanup(func() { f.Close() })
		p.addrs, p.files = append(p.addrs, l.Addr().String()), append(p.files, f)
	}
	return p
}

// adopts has a server begin with the sockets. A shell says which process they are meant for, since only the process itself knows that.
func (p *parent) adopts(cmd *exec.Cmd) {
	cmd.Args = append([]string{"sh", "-c", `export LISTEN_PID=$$; exec "$0" "$@"`, cmd.Path}, cmd.Args[1:]...)
	cmd.Path = "/bin/sh"
	cmd.ExtraFiles = p.files
	cmd.Env = append(os.Environ(), fmt.Sprint("LISTEN_FDS=", len(p.files)), "LISTEN_FDNAMES="+strings.Join(p.names, ":"))
}
