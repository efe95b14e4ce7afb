package main

import (
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
)

func TestAServerTakesTheSocketsThatItIsGiven(t *testing.T) {
	for _, names := range [][]string{{"public", "internal"}, {"internal", "public"}, {"public"}, {"internal"}, {"seshd.socket"}, {""}} {
		t.Run(strings.Join(names, ":"), func(t *testing.T) {
			par := newParent(t, names...)
			cmd := command(t, t.TempDir())
			par.adopts(cmd)
			p := launch(t, cmd)
			got := map[string]string{"public": p.addr, "internal": p.internal, "seshd.socket": p.addr, "": p.addr}
			for i, name := range names {
				if got[name] != par.addrs[i] {
					t.Errorf("%q is %s, want %s", name, got[name], par.addrs[i])
				}
			}
			get(t, http.DefaultClient, "http://"+p.addr+"/session")
			get(t, http.DefaultClient, "http://"+p.internal+"/readyz")
		})
	}
}

// TestASocketThatBecomesBlockingHoldsUpNoStop: whoever shares it may make it so, as systemd and Go do when they start another process with it.
func TestASocketThatBecomesBlockingHoldsUpNoStop(t *testing.T) {
	par := newParent(t, publicSocket)
	cmd := command(t, t.TempDir())
	par.adopts(cmd)
	p := launch(t, cmd)
	if err := syscall.SetNonblock(int(par.files[0].Fd()), false); err != nil {
		t.Fatal(err)
	}
	get(t, http.DefaultClient, "http://"+p.addr+"/session") // behind this one it waits in the kernel
	p.signal(t, syscall.SIGTERM)
	if code := p.exit(t); code != 0 {
		t.Errorf("exit %d", code)
	}
}

func TestSocketsForAnotherProcessAreLeftAlone(t *testing.T) {
	par := newParent(t, "public")
	cmd := command(t, t.TempDir())
	cmd.ExtraFiles = par.files
	cmd.Env = append(os.Environ(), "LISTEN_PID=1", "LISTEN_FDS=1", "LISTEN_FDNAMES=public")
	p := launch(t, cmd)
	if p.addr == par.addrs[0] {
		t.Error("it took the socket")
	}
	get(t, http.DefaultClient, "http://"+p.addr+"/session")
}

func TestSocketsThatDoNotFitAreRefused(t *testing.T) {
	stream := func(t *testing.T) *os.File {
		return newParent(t, "public").files[0]
	}
	for name, test := range map[string]struct {
		names []string
		files func(t *testing.T) []*os.File
		want  string
	}{
		"datagrams": {[]string{"public"}, func(t *testing.T) []*os.File {
			c, err := net.ListenUDP("udp", &net.UDPAddr{IP: net.IPv4(127, 0, 0, 1)})
			return []*os.File{fileOf(t, c, err)}
		}, `the socket that was given as "public" is none that listens: want one that listens for TCP (ListenStream=8000, Accept=no)`},
		"a connection": {[]string{"connection"}, func(t *testing.T) []*os.File {
			l, err := net.Listen("tcp", "127.0.0.1:0")
			if err != nil {
				t.Fatal(err)
			}
			t.Cleanup(func() { l.Close() })
			c, err := net.Dial("tcp", l.Addr().String())
			return []*os.File{fileOf(t, c.(*net.TCPConn), err)}
		}, `"connection" is one connection`},
		"of the file system": {[]string{"public"}, func(t *testing.T) []*os.File {
			l, err := net.ListenUnix("unix", &net.UnixAddr{Name: filepath.Join(t.TempDir(), "s"), Net: "unix"})
			return []*os.File{fileOf(t, l, err)}
		}, `"public" is unix`},
		"a file": {[]string{"public"}, func(t *testing.T) []*os.File {
			f, err := os.Create(filepath.Join(t.TempDir(), "f"))
			if err != nil {
				t.Fatal(err)
			}
			return []*os.File{f}
		}, "is none that listens"},
		"two public":           {[]string{"public", "public"}, func(t *testing.T) []*os.File { return []*os.File{stream(t), stream(t)} }, `called "public"`},
		"one without a name":   {[]string{"public", "LISTEN_FD_4"}, func(t *testing.T) []*os.File { return []*os.File{stream(t), stream(t)} }, `one is called "LISTEN_FD_4": name them public and internal`},
		"one of another's":     {[]string{"internal", "metrics"}, func(t *testing.T) []*os.File { return []*os.File{stream(t), stream(t)} }, `one is called "metrics"`},
		"three, as many as it": {[]string{"public", "internal", "public"}, func(t *testing.T) []*os.File { return []*os.File{stream(t), stream(t), stream(t)} }, `called "public"`},
	} {
		t.Run(name, func(t *testing.T) {
			files := test.files(t)
			for i, f := range files {
				files[i] = renamed(t, f, test.names[i])
			}
			g, err := takeSockets(files)
			if err == nil || !strings.Contains(err.Error(), test.want) {
				t.Errorf("%v, want %q in it", err, test.want)
			}
			for _, l := range []net.Listener{g.public, g.internal} {
				if l == nil {
					continue
				}
				if _, err := l.Accept(); err == nil {
					t.Error("a listener is left open")
				}
			}
		})
	}
}

// fileOf is the file of a socket, which it closes.
func fileOf(t *testing.T, c interface {
	File() (*os.File, error)
	Close() error
}, err error) *os.File {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
	f, err := c.File()
	if err != nil {
		t.Fatal(err)
	}
	c.Close()
	return f
}

// renamed is the same file, under a name that a parent gave it.
func renamed(t *testing.T, f *os.File, name string) *os.File {
	t.Helper()
	fd, err := syscall.Dup(int(f.Fd()))
	if err != nil {
		t.Fatal(err)
	}
	f.Close()
	return os.NewFile(uintptr(fd), name)
}
