// Command compare is `make bench`: it measures seshd, the floor (bare gorilla: no sessions, no disk) and Centrifuge (the engine of
// Centrifugo, in memory) alternately in one run, takes medians, and writes docs/BENCH.md and a plot beside it. With --nodes it is
// `make bench-nodes`: one to three seshd on one Redis beside seshd alone, for docs/BENCH-NODES.md. It is never shipped.
package main

import (
	"cmp"
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
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
	nodes bool
	flags []string // that were given, as the command line has them
}

func main() {
	var o options
	flag.IntVar(&o.runs, "runs", 5, "runs, of which the medians are told")
	flag.IntVar(&o.grow, "grow", 1, "of these, the runs that measure restarts and how the cost grows too, which takes twice as long as the rest")
	flag.DurationVar(&o.each, "for", 3*time.Second, "how long each load is measured")
	flag.StringVar(&o.out, "out", "", "where BENCH.md and bench.svg go (default: docs; with --quick the system's temporary directory)")
	flag.BoolVar(&o.quick, "quick", false, "one run of everything in small, to see that it works: its figures are worth nothing")
	flag.BoolVar(&o.nodes, "nodes", false, "measure several servers on one Redis instead, into BENCH-NODES.md")
	flag.Parse()
	flag.Visit(func(f *flag.Flag) {
		if f.Name != "nodes" { // which is a target of its own
			o.flags = append(o.flags, "--"+f.Name+"="+f.Value.String())
		}
	})
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
	if o.nodes {
		if err := errors.Join(l.build(ctx, seshd), l.measureNodes(ctx)); err != nil {
			return err
		}
		return l.write("BENCH-NODES.md", l.reportNodes)
	}
	if err := l.build(ctx, seshd, floor, centrifuge); err != nil {
		return err
	}
	if taskset, err := exec.LookPath("taskset"); err == nil && runtime.NumCPU() > 1 {
		l.taskset = taskset
	}
	if err := l.measure(ctx); err != nil {
		return err
	}
	return errors.Join(l.write(plotName, l.plot), l.write("BENCH.md", l.report))
}

// write writes one of the files that this is for. What is text is printed too.
func (l *lab) write(name string, content func(io.Writer) error) error {
	file, err := os.Create(filepath.Join(l.out, name))
	if err != nil {
		return err
	}
	var to io.Writer = file
	if filepath.Ext(name) == ".md" {
		to = io.MultiWriter(file, os.Stdout)
	}
	err = errors.Join(content(to), file.Close())
	fmt.Fprintln(os.Stderr, "written:", file.Name())
	return err
}
