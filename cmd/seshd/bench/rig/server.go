// Package rig is what the programs share that measure seshd from outside: servers that they start on this machine, a word about
// the machine, and plots. It is never shipped.
package rig

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"os/exec"
	"syscall"
	"time"
)

// startWithin is what a start may take, on a machine that does other things too.
const startWithin = time.Minute

// Build builds a program of this repository the way it is shipped.
func Build(ctx context.Context, source, to string) error {
	build := exec.CommandContext(ctx, "go", "build", "-C", source, "-trimpath", "-buildvcs=false", "-o", to, ".")
	build.Env = append(os.Environ(), "CGO_ENABLED=0")
	build.Stderr = os.Stderr
	return build.Run()
}

// Place is where a server listens, and where its log goes.
type Place struct{ Public, Internal, Log string }

// NewPlace finds two addresses that nobody listens on.
func NewPlace(log string) (p Place, err error) {
	p.Log = log
	p.Public, p.Internal, err = FreeAddresses()
	return p, err
}

// Args are the flags that say so.
func (p Place) Args() []string { return []string{"--addr", p.Public, "--internal-addr", p.Internal} }

// Server is one that was started here.
type Server struct {
	Place
	cmd *exec.Cmd
	log *os.File
}

// Start starts a server, whose command has the flags of the place, and waits until it answers. Its log is added to.
func Start(ctx context.Context, p Place, cmd *exec.Cmd) (s *Server, err error) {
	s = &Server{Place: p, cmd: cmd}
	if s.log, err = os.OpenFile(p.Log, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600); err != nil {
		return nil, err
	}
	s.cmd.Stderr = s.log
	if err := s.cmd.Start(); err != nil {
		return nil, errors.Join(err, s.log.Close())
	}
	if err := awaitAnswer(ctx, s.Metrics()); err != nil {
		s.Kill()
		return nil, fmt.Errorf("%s did not start: %w\n%s", cmd.Path, err, s.Said())
	}
	return s, nil
}

// URL is where browsers find it, Metrics where its numbers are.
func (p Place) URL() string     { return "http://" + p.Public }
func (p Place) Metrics() string { return "http://" + p.Internal + "/metrics" }

// Kill ends it without a word.
func (s *Server) Kill() {
	s.cmd.Process.Kill()
	s.cmd.Wait()
	s.log.Close()
}

// Stop asks it to end, and waits until it has.
func (s *Server) Stop() error {
	err := s.cmd.Process.Signal(syscall.SIGTERM)
	return errors.Join(err, s.cmd.Wait(), s.log.Close())
}

const logTail = 4 << 10 // of a server that failed

// Said is what it logged last.
func (s *Server) Said() []byte {
	said, _ := os.ReadFile(s.log.Name())
	return said[max(0, len(said)-logTail):]
}

func awaitAnswer(ctx context.Context, url string) error {
	ctx, cancel := context.WithTimeout(ctx, startWithin)
	defer cancel()
	for {
		request, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
		if err != nil {
			return err
		}
		response, err := http.DefaultClient.Do(request)
		if err == nil {
			return response.Body.Close()
		}
		if ctx.Err() != nil {
			return errors.Join(err, ctx.Err())
		}
		time.Sleep(10 * time.Millisecond)
	}
}

// FreeAddresses are two that nobody listens on.
func FreeAddresses() (a, b string, err error) {
	first, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return "", "", err
	}
	defer first.Close()
	second, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return "", "", err
	}
	defer second.Close()
	return first.Addr().String(), second.Addr().String(), nil
}
