package main

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/seshd/seshd/cmd/seshd/bench"
)

// bound is how much more of something there may be in the last third of what is measured than in the first: medians of both, so that
// the teeth of garbage collection and of memtables, which fill and are flushed, do not matter.
type bound struct {
	series series
	title  string
	unit   string
	scale  float64 // of a unit
	more   float64 // that there may be
	part   float64 // or this part of what there was, if that is more
	why    string
}

const mib = 1 << 20

// bounds are what is judged. None of them lets through what every session or tab would leave behind: thousands of each come and go.
var bounds = []bound{
	{memory, "resident memory", "MiB", mib, 24 * mib, 0.10, "garbage may pile up to 32 MiB before it is collected, and collections come when they come"},
	{heap, "Go heap, with garbage", "MiB", mib, 16 * mib, 0.10, "half of that garbage"},
	{goroutines, "goroutines", "", 1, 50, 0.10, "they come and go with the tabs that are active at the moment"},
	{files, "open files", "", 1, 50, 0.10, "they come and go with tabs and with the files of the database"},
	{disk, "data directory", "MiB", mib, 48 * mib, 0.10, "three memtables of 16 MiB: their logs are used again, and which of them are there is chance"},
}

// How many more there may be once everybody has gone than in a server that was just started.
const (
	spareGoroutines = 5  // Pebble's compactions come and go, and so do requests for these very numbers
	spareFiles      = 20 // the database has more files than when it was empty, and keeps them open
)

// atRest says that nothing is left of those who were there.
func (s *sampling) atRest() bool {
	return s.rest.values[tabs] == 0 && s.rest.values[goroutines] <= s.fresh.values[goroutines]+spareGoroutines &&
		s.rest.values[files] <= s.fresh.values[files]+spareFiles
}

// finding is the verdict on one series.
type finding struct {
	bound
	first, last float64 // medians
	grew        bool
}

// judge compares the first and the last third of a stretch.
func judge(b bound, all []reading, from, to time.Duration) finding {
	third := (to - from) / 3
	f := finding{bound: b, first: median(all, b.series, from, from+third), last: median(all, b.series, to-third, to)}
	f.grew = f.last-f.first > f.allowed()
	return f
}

func (f finding) allowed() float64 { return max(f.more, f.part*f.first) }

func median(all []reading, of series, from, to time.Duration) float64 {
	var values []float64
	for _, r := range all {
		if from <= r.at && r.at < to {
			values = append(values, r.values[of])
		}
	}
	if len(values) == 0 {
		return 0
	}
	slices.Sort(values)
	return values[len(values)/2]
}

// result is what a run has found.
type result struct {
	*soak
	findings []finding
}

func (s *soak) result() result {
	r := result{soak: s}
	for _, b := range bounds {
		r.findings = append(r.findings, judge(b, s.samples.all, s.steady, s.over))
	}
	return r
}

func (r result) passed() bool { return r.failures() == "" }

// failures are what is wrong, a line each.
func (r result) failures() string {
	var b strings.Builder
	for _, f := range r.findings {
		if f.grew {
			fmt.Fprintf(&b, "%s grew from %s to %s, which is more than %s\n", f.title, f.readable(f.first), f.readable(f.last), f.readable(f.allowed()))
		}
	}
	if s := &r.samples; !s.atRest() {
		fmt.Fprintf(&b, "when everybody had gone there were %s goroutines, %s open files and %s tabs: at first %s and %s\n",
			bench.Readable(s.rest.values[goroutines]), bench.Readable(s.rest.values[files]), bench.Readable(s.rest.values[tabs]),
			bench.Readable(s.fresh.values[goroutines]), bench.Readable(s.fresh.values[files]))
	}
	for _, violation := range r.violations {
		fmt.Fprintf(&b, "broken: %s\n", violation)
	}
	if r.untold > 0 {
		fmt.Fprintf(&b, "and %d more of these\n", r.untold)
	}
	return b.String()
}

func (b bound) readable(value float64) string {
	return strings.TrimSpace(bench.Readable(value/b.scale) + " " + b.unit)
}
