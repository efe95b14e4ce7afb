// Command soak is `make soak`: it starts seshd on a fresh directory, lets visitors come and go for half an hour over a network
// that fails, restarts and kills the server, and looks every second whether memory, goroutines, files and disk stay flat. Whatever
// a visitor was promised is held against what is there. It writes docs/SOAK.md and a plot beside it, and exits with 1 where
// something grew or a promise was broken. It is never shipped.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"path/filepath"
	"time"

	"github.com/seshd/seshd/cmd/seshd/bench/rig"
)

type options struct {
	length   time.Duration
	visitors int
	out      string
}

func main() {
	var o options
	flag.DurationVar(&o.length, "for", 30*time.Minute, "how long visitors come and go; the server is restarted in the first third and measured in the rest")
	flag.IntVar(&o.visitors, "visitors", 150, "how many are there at once")
	flag.StringVar(&o.out, "out", "docs", "where SOAK.md and soak.svg go")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	if err := run(ctx, o); err != nil {
		fmt.Fprintln(os.Stderr, "soak:", err)
		os.Exit(1)
	}
}

// errFailed is the end of a run whose report says what is wrong.
var errFailed = errors.New("something grew or was broken: the report says what")

// run builds the server, soaks it, and reports.
func run(ctx context.Context, o options) error {
	dir, err := os.MkdirTemp("", "seshd-soak-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	program := filepath.Join(dir, "seshd")
	if err := rig.Build(ctx, "./cmd/seshd", program); err != nil {
		return fmt.Errorf("building seshd (run this in the checkout, as make soak does): %w", err)
	}
	s, err := newSoak(o, dir, program)
	if err != nil {
		return err
	}
	if err := s.run(ctx); err != nil {
		return fmt.Errorf("%w; the server said:\n%s", err, s.said())
	}
	r := s.result()
	if err := errors.Join(r.write(o.out, "soak.svg", r.plot), r.write(o.out, "SOAK.md", r.report)); err != nil {
		return err
	}
	if !r.passed() {
		fmt.Fprint(os.Stderr, r.failures())
		return errFailed
	}
	return nil
}

// write writes one of the files that this is for.
func (r result) write(dir, name string, content func(io.Writer) error) error {
	file, err := os.Create(filepath.Join(dir, name))
	if err != nil {
		return err
	}
	fmt.Fprintln(os.Stderr, "written:", file.Name())
	return errors.Join(content(file), file.Close())
}
