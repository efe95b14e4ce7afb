// Command compare is `make bench`: it measures seshd, the floor (bare gorilla: no sessions, no disk) and Centrifuge (the engine of
// Centrifugo, in memory) alternately in one run, takes medians, and writes docs/BENCH.md and a plot beside it. It is never shipped.
package main

import (
	"cmp"
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"runtime"
	"time"
)

type options struct {
	runs  int
	grow  int // of the runs, those that measure growth too
	each  time.Duration
	out   string
	quick bool
}

func main() {
	var o options
	flag.IntVar(&o.runs, "runs", 3, "runs, of which the medians are told")
	flag.IntVar(&o.grow, "grow", 3, "of these, the runs that measure how the cost grows too, which takes twice as long as the rest")
	flag.DurationVar(&o.each, "for", 10*time.Second, "how long each load is measured")
	flag.StringVar(&o.out, "out", "", "where BENCH.md and bench.svg go (default: docs; with --quick the system's temporary directory)")
	flag.BoolVar(&o.quick, "quick", false, "one run of everything in small, to see that it works: its figures are worth nothing")
	flag.Parse()
	into := "docs"
	if o.quick {
		o.runs, o.each = 1, time.Second
		into = os.TempDir() // never over figures that are worth something
	}
	o.out = cmp.Or(o.out, into)
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	if err := compare(ctx, o); err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1)
	}
}

func compare(ctx context.Context, o options) (err error) {
	dir, err := os.MkdirTemp("", "seshd-compare-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	l := &lab{options: o, dir: dir, results: make(results)}
	if err := l.build(ctx); err != nil {
		return err
	}
	if taskset, err := exec.LookPath("taskset"); err == nil && runtime.NumCPU() > 1 {
		l.taskset = taskset
	}
	if err := l.measure(ctx); err != nil {
		return err
	}
	svg, err := os.Create(filepath.Join(o.out, plotName))
	if err != nil {
		return err
	}
	if err := errors.Join(l.plot(svg), svg.Close()); err != nil {
		return err
	}
	report, err := os.Create(filepath.Join(o.out, "BENCH.md"))
	if err != nil {
		return err
	}
	fmt.Fprintln(os.Stderr, "written:", report.Name())
	return errors.Join(l.report(report), report.Close())
}
