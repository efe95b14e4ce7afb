// Package redistest starts Redis servers for tests: real ones, on ports of their own, in directories that go with the test.
package redistest

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"
)

const (
	// startWithin is far more than a Redis takes to answer on a machine that is busy.
	startWithin = 20 * time.Second
	askEvery    = 5 * time.Millisecond
	// ports that somebody else took between our look and Redis' own: so many in a row are no accident.
	maxStarts = 5
)

// Flavour is a program that is a Redis.
type Flavour string

const (
	Redis  Flavour = "redis-server"
	Valkey Flavour = "valkey-server"
)

// Flavours are those that a test of what they may differ in runs against: Redis, and Valkey where it is installed.
func Flavours() []Flavour {
	if _, err := exec.LookPath(string(Valkey)); err != nil {
		return []Flavour{Redis}
	}
	return []Flavour{Redis, Valkey}
}

// Server is one process. It is killed when the test ends.
type Server struct {
	Addr string

	t       testing.TB
	flavour Flavour
	port    string
	dir     string
	args    func(*Server) []string // what it is started with, on whichever port
	cmd     *exec.Cmd
	out     *bytes.Buffer
}

// Start starts a Redis that keeps everything in memory. Args are put behind its own, as "--appendonly", "yes".
func Start(t testing.TB, args ...string) *Server {
	t.Helper()
	return Redis.Start(t, args...)
}

// Start starts one that keeps everything in memory.
func (f Flavour) Start(t testing.TB, args ...string) *Server {
	t.Helper()
	return f.start(t, func(s *Server) []string { return slices.Concat(s.plain(), args) })
}

// plain are the arguments of a server that keeps everything in memory.
func (s *Server) plain() []string {
	return []string{"--port", s.port, "--bind", "127.0.0.1", "--dir", s.dir, "--save", "", "--daemonize", "no"}
}

func (f Flavour) start(t testing.TB, args func(*Server) []string) *Server {
	t.Helper()
	if _, err := exec.LookPath(string(f)); err != nil {
		t.Fatalf("%s is not installed: this test needs a real one", f)
	}
	s := &Server{t: t, flavour: f, dir: t.TempDir(), args: args}
	t.Cleanup(s.Kill)
	for range maxStarts {
		s.port = freePort(t)
		s.Addr = net.JoinHostPort("127.0.0.1", s.port)
		if s.run() {
			return s
		}
	}
	t.Fatalf("%s does not start:\n%s", f, s.out)
	return nil
}

// StartDurable starts a server that has everything on disk before it answers.
func StartDurable(t testing.TB) *Server {
	t.Helper()
	return Start(t, "--appendonly", "yes", "--appendfsync", "always")
}

// URL is what seshd takes.
func (s *Server) URL() string { return "redis://" + s.Addr }

// Port is the one it listens on.
func (s *Server) Port() string { return s.port }

// Dir is where it keeps its files.
func (s *Server) Dir() string { return s.dir }

// Log is what it has printed so far, once it has ended.
func (s *Server) Log() string { return s.out.String() }

// Restart starts a server that was killed, or stopped, again: on the same port, with what it has on disk.
func (s *Server) Restart() {
	s.t.Helper()
	s.Kill()
	if !s.run() {
		s.t.Fatalf("%s does not start again:\n%s", s.flavour, s.out)
	}
}

// Kill ends it as a power cut would.
func (s *Server) Kill() {
	if s.cmd == nil {
		return
	}
	s.signal(syscall.SIGCONT)
	s.signal(syscall.SIGKILL)
	_ = s.cmd.Wait()
	s.cmd = nil
}

// Pause stops it where it is, with its connections open; Resume has it go on.
func (s *Server) Pause()  { s.signal(syscall.SIGSTOP) }
func (s *Server) Resume() { s.signal(syscall.SIGCONT) }

func (s *Server) signal(what syscall.Signal) {
	if s.cmd != nil {
		_ = s.cmd.Process.Signal(what) // it may have ended by itself
	}
}

// Do sends one command as redis-cli would, and returns its answer: the words of it, as many as there are, on one line.
func (s *Server) Do(words ...string) string {
	s.t.Helper()
	answer, err := s.do(words...)
	if err != nil {
		s.t.Fatalf("%v: %v", words, err)
	}
	return strings.Join(answer, " ")
}

// run says whether a server answers on the port.
func (s *Server) run() bool {
	s.out = &bytes.Buffer{}
	s.cmd = exec.Command(string(s.flavour), s.args(s)...)
	s.cmd.Stdout, s.cmd.Stderr = s.out, s.out
	s.cmd.SysProcAttr = dieWithParent()
	s.cmd.Env = append(os.Environ(), "LC_ALL=C", "HOME="+filepath.Clean(s.dir))
	if err := s.cmd.Start(); err != nil {
		s.t.Fatal(err)
	}
	tick := time.NewTicker(askEvery)
	defer tick.Stop()
	for deadline := time.Now().Add(startWithin); time.Now().Before(deadline); <-tick.C {
		if strings.Contains(s.Info("server"), "process_id:"+fmt.Sprint(s.cmd.Process.Pid)) {
			return true
		}
		if s.ended() {
			break
		}
	}
	s.Kill()
	return false
}

// Info is a section of what INFO says; empty where nobody answers. Of "server" run reads who it is: on a port that was taken meanwhile
// it would be somebody else's.
func (s *Server) Info(section string) string {
	answer, err := s.do("INFO", section)
	if err != nil {
		return ""
	}
	return strings.Join(answer, "")
}

// eventually waits until something holds that servers find out among themselves.
func eventually(t testing.TB, what string, holds func() bool) {
	t.Helper()
	tick := time.NewTicker(askEvery)
	defer tick.Stop()
	for deadline := time.Now().Add(startWithin); !holds(); <-tick.C {
		if time.Now().After(deadline) {
			t.Fatalf("not within %v: %s", startWithin, what)
		}
	}
}

func (s *Server) ended() bool {
	var status syscall.WaitStatus
	pid, err := syscall.Wait4(s.cmd.Process.Pid, &status, syscall.WNOHANG, nil)
	return err == nil && pid == s.cmd.Process.Pid
}

// firstPort to lastPort are given out by no system for a connection. One that is would be taken, while the server is down, by whoever
// tries to reach it: of a port in that range that nobody listens on a connection may lead to itself.
const firstPort, lastPort = 20_000, 29_999

// freePort is one that nobody listens on.
func freePort(t testing.TB) string {
	t.Helper()
	for range lastPort - firstPort {
		port := strconv.Itoa(firstPort + rand.IntN(lastPort-firstPort+1))
		if l, err := net.Listen("tcp", net.JoinHostPort("127.0.0.1", port)); err == nil {
			l.Close()
			return port
		}
	}
	t.Fatalf("no port is free from %d to %d", firstPort, lastPort)
	return ""
}
