package main

import (
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/seshd/seshd/cmd/seshd/bench"
	"github.com/seshd/seshd/cmd/seshd/bench/rig"
)

// report writes docs/SOAK.md.
func (r result) report(w io.Writer) error {
	var b strings.Builder
	fmt.Fprintf(&b, "# Soaked\n\n%s, %s. %v, %d visitors at once, on the same machine as the server. Made by `make soak`.\n\n",
		time.Now().Format(time.DateOnly), rig.Machine(), r.length, r.visitors)
	fmt.Fprintf(&b, "Visitors come, open tabs, write in several ways at once, log in, leave or are logged out, over a network that cuts, stalls and forgets\n"+
		"connections. For the first %v the server is stopped or killed again and again; the process that was started last is measured for the rest.\n"+
		"Sessions time out after %v, what is kept of ended ones goes after %v.\n\n", r.steady.Round(time.Second), idle, lifetime)
	if r.passed() {
		b.WriteString("**Nothing grew, and no promise was broken.**\n\n")
	} else {
		b.WriteString("**This run failed:**\n\n```text\n" + r.failures() + "```\n\n")
	}
	b.WriteString("![Memory, goroutines, open files, disk, sessions and tabs over time](soak.svg)\n\n" +
		"| | median of the first third | of the last | may be more by | why so much |\n| --- | ---: | ---: | ---: | --- |\n")
	for _, f := range r.findings {
		fmt.Fprintf(&b, "| %s | %s | %s | %s | %s |\n", f.title, f.readable(f.first), f.readable(f.last), f.readable(f.allowed()), f.why)
	}
	rest, fresh := r.samples.rest, r.samples.fresh
	fmt.Fprintf(&b, "\nOnce everybody had gone there were %s goroutines and %s open files; in the server that was started on nothing, %s and %s.\n\n",
		bench.Readable(rest.values[goroutines]), bench.Readable(rest.values[files]), bench.Readable(fresh.values[goroutines]), bench.Readable(fresh.values[files]))
	b.WriteString("## What was done\n\n| | |\n| --- | ---: |\n")
	for _, what := range counted {
		fmt.Fprintf(&b, "| %s | %s |\n", what, bench.Readable(float64(r.counts[what])))
	}
	b.WriteString("\nMedians while it was measured:")
	for _, of := range []struct {
		series series
		format string
	}{{writes, " %s writes/s"}, {p99, ", p99 of a durable write at most %s s"}, {cpu, ", %s of one core"}, {stored, ", %s sessions stored"}, {tabs, ", %s tabs open."}} {
		fmt.Fprintf(&b, of.format, bench.Readable(median(r.samples.all, of.series, r.steady, r.over)))
	}
	fmt.Fprintf(&b, "\n\nIn the end `seshd check` says: %s.\n", r.checked)
	_, err := io.WriteString(w, b.String())
	return err
}
