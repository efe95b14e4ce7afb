// Package redistest starts Redis servers for tests: real ones, on ports of their own, in directories that go with the test.
package redistest

import (
	"bufio"
	"bytes"
	"fmt"
	"math/rand/v2"
	"net"
	"os"
	"os/exec"
	"path/filepath"
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

// Server is one redis-server. It is killed when the test ends.
type Server struct {
	Addr string

	t    testing.TB
	port string
	dir  string
	args []string
	cmd  *exec.Cmd
	out  *bytes.Buffer
}

// Start starts a server that keeps everything in memory. Args are put behind its own, as "--appendonly", "yes".
func Start(t testing.TB, args ...string) *Server {
	t.Helper()
	if _, err := exec.LookPath("redis-server"); err != nil {
		t.Fatal("redis-server is not installed: this test needs a real one")
	}
	s := &Server{t: t, dir: t.TempDir(), args: args}
	t.Cleanup(s.Kill)
	for range maxStarts {
		s.port = freePort(t)
		s.Addr = net.JoinHostPort("127.0.0.1", s.port)
		if s.start() {
			return s
		}
	}
	t.Fatalf("redis-server does not start:\n%s", s.out)
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
	if !s.start() {
		s.t.Fatalf("redis-server does not start again:\n%s", s.out)
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

// Do sends one command as redis-cli would, words without spaces, and returns the answer as Redis wrote it.
func (s *Server) Do(words ...string) string {
	s.t.Helper()
	answer, err := s.do(words...)
	if err != nil {
		s.t.Fatalf("%v: %v", words, err)
	}
	return answer
}

func (s *Server) do(words ...string) (string, error) {
	conn, err := net.DialTimeout("tcp", s.Addr, time.Second)
	if err != nil {
		return "", err
	}
	defer conn.Close()
	if err := conn.SetDeadline(time.Now().Add(startWithin)); err != nil {
		return "", err
	}
	if _, err := fmt.Fprintf(conn, "%s\r\n", strings.Join(words, " ")); err != nil {
		return "", err
	}
	line, err := bufio.NewReader(conn).ReadString('\n')
	return strings.TrimSpace(line), err
}

// start says whether a server answers on the port.
func (s *Server) start() bool {
	s.out = &bytes.Buffer{}
	args := append([]string{"--port", s.port, "--bind", "127.0.0.1", "--dir", s.dir, "--save", "", "--daemonize", "no"}, s.args...)
	s.cmd = exec.Command("redis-server", args...)
	s.cmd.Stdout, s.cmd.Stderr = s.out, s.out
	s.cmd.SysProcAttr = dieWithParent()
	s.cmd.Env = append(os.Environ(), "LC_ALL=C", "HOME="+filepath.Clean(s.dir))
	if err := s.cmd.Start(); err != nil {
		s.t.Fatal(err)
	}
	tick := time.NewTicker(askEvery)
	defer tick.Stop()
	for deadline := time.Now().Add(startWithin); time.Now().Before(deadline); <-tick.C {
		if answer, err := s.do("PING"); err == nil && answer == "+PONG" && strings.Contains(s.Info("server"), "process_id:"+fmt.Sprint(s.cmd.Process.Pid)) {
			return true
		}
		if s.ended() {
			break
		}
	}
	s.Kill()
	return false
}

// Info is a section of what INFO says; empty where nobody answers. Of "server" start reads who it is: on a port that was taken meanwhile
// it would be somebody else's.
func (s *Server) Info(section string) string {
	conn, err := net.DialTimeout("tcp", s.Addr, time.Second)
	if err != nil {
		return ""
	}
	defer conn.Close()
	_ = conn.SetDeadline(time.Now().Add(startWithin))
	fmt.Fprintf(conn, "INFO %s\r\nQUIT\r\n", section)
	var all bytes.Buffer
	_, _ = all.ReadFrom(conn)
	return all.String()
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
