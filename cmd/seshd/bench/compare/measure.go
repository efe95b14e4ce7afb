package main

import (
	"bufio"
	"bytes"
	"context"
	"fmt"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"time"
)

// The measurements, by the names that the tables use.
const (
	mBoards  = "200 boards of 5 tabs, 50 writes in flight"
	mPaced   = "200 boards of 5 tabs, 500 writes/s"
	mHot     = "one session, 1,000 tabs, 20 writes/s"
	mSlow    = "a tab that stops reading"
	mWrites  = "writes over HTTP"
	mRestart = "restart"
	mFsync   = "an append and fsync"
	mMinute  = "a minute of durable mutations"
)

func mIdle(tabs int) string { return fmt.Sprintf("%d idle tabs", tabs) }

// mDurable is the store beside a bare log, with so many writers or sessions.
func mDurable(of string) string { return "durable mutations, " + of }

func mRoom(tabs int) string { return fmt.Sprintf("boards of %d tabs", tabs) }

func mLoad(tabs int) string { return fmt.Sprintf("boards of 5 with %d tabs", tabs) }

// tabCounts are those of the plot; idleTabs is the one of the table.
func (l *lab) tabCounts() []int {
	if l.quick {
		return []int{100, 200}
	}
	return []int{1000, 2000, 4000, 8000, 16000}
}

// roomSizes are tabs of one session, of as many sessions as make the smallest of tabCounts.
func (l *lab) roomSizes() []int {
	if l.quick {
		return []int{1, 10}
	}
	return []int{1, 2, 10, 100, 1000}
}

// The numbers that the benchmarks of the store go through, see session/pebblestore.
var (
	writerCounts = []int{1, 16, 128, 1000}
	storedCounts = []int{10_000, 100_000, 1_000_000}
)

// openTabs are the tabs that are open beside very many stored sessions.
const openTabs = 10_000

func ofWriters(n int) string { return fmt.Sprintf("writers=%d", n) }
func ofStored(n int) string  { return fmt.Sprintf("sessions=%d", n) }

func (l *lab) idleTabs() int {
	counts := l.tabCounts()
	return counts[len(counts)/2]
}

// scaled is a count, or a small one where it only matters that all works.
func (l *lab) scaled(full, quick int) string {
	if l.quick {
		full = quick
	}
	return strconv.Itoa(full)
}

// measure goes through all measurements, once for each run, and in each from one server to the other.
func (l *lab) measure(ctx context.Context) error {
	each := []string{"--for", l.each.String()}
	for n := range l.runs {
		fmt.Fprintf(os.Stderr, "run %d of %d\n", n+1, l.runs)
		shared := l.shared()
		if n < l.grow {
			shared = append(shared, l.growing()...)
		}
		for _, m := range shared {
			for _, server := range m.servers {
				if server == l.missing {
					continue
				}
				if err := l.on(ctx, server, m.name, m.args...); err != nil {
					return err
				}
			}
		}
		err := l.on(ctx, seshd, mWrites, append([]string{"writes", "--sessions", l.scaled(100_000, 200)}, each...)...)
		if err == nil && n < l.grow { // storing that many takes as long as a third of the rest
			err = l.run(ctx, seshd, mRestart, "restart", "--json", "--sessions", l.scaled(1_000_000, 1000), "--tabs", l.scaled(openTabs, 10))
		}
		if err == nil {
			err = l.fsync(ctx)
		}
		if err == nil {
			err = l.durable(ctx, n < l.grow)
		}
		if err == nil && n < l.grow {
			err = l.minute(ctx)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

var (
	allServers  = []string{seshd, floor, centrifuge}
	withoutPeer = []string{seshd, floor}
)

type measurement struct {
	name    string
	servers []string
	args    []string
}

// shared are the measurements of more servers than seshd. Centrifuge cuts off a tab that stops reading, so there is nothing to compare.
func (l *lab) shared() []measurement {
	each := l.each.String()
	return []measurement{
		{mBoards, allServers, []string{"boards", "--for", each}},
		{mPaced, allServers, []string{"boards", "--rate", "500", "--for", each}},
		{mHot, allServers, []string{"hot", "--for", each, "--tabs", l.scaled(1000, 100)}},
		{mSlow, withoutPeer, []string{"slow", "--writes", l.scaled(20_000, 200)}},
		{mIdle(l.idleTabs()), allServers, []string{"idle", "--for", each, "--sessions", strconv.Itoa(l.idleTabs())}},
	}
}

// growing are those of the plot and of ever larger sessions.
func (l *lab) growing() (all []measurement) {
	each := l.each.String()
	for _, tabs := range l.roomSizes() {
		sessions := max(1, l.tabCounts()[0]/tabs)
		writers := min(50, 10*sessions) // more of one session would be folded into each other's frames
		all = append(all, measurement{mRoom(tabs), withoutPeer, []string{"boards", "--for", each,
			"--tabs", strconv.Itoa(tabs), "--sessions", strconv.Itoa(sessions), "--writers", strconv.Itoa(writers)}})
	}
	for _, tabs := range l.tabCounts() {
		if tabs != l.idleTabs() {
			all = append(all, measurement{mIdle(tabs), withoutPeer, []string{"idle", "--for", each, "--sessions", strconv.Itoa(tabs)}})
		}
		all = append(all, measurement{mLoad(tabs), withoutPeer, []string{"boards", "--for", each, "--sessions", strconv.Itoa(tabs / 5)}})
	}
	return all
}

// durable runs the benchmark of the store, which has the bare log in it.
func (l *lab) durable(ctx context.Context, growing bool) error {
	of := "Durable/" + ofWriters(128) + "$"
	if growing {
		of = "Durable|Stored"
	}
	return l.benchmark(ctx, of, l.each, mDurable)
}

// minute runs the same for as long as it takes to see a disk or a compaction stall.
func (l *lab) minute(ctx context.Context) error {
	long := time.Minute
	if l.quick {
		long = l.each
	}
	return l.benchmark(ctx, "Durable/"+ofWriters(128)+"$", long, func(string) string { return mMinute })
}

// benchmark runs a benchmark of the store. name says what each of its parts is called here.
func (l *lab) benchmark(ctx context.Context, of string, long time.Duration, name func(part string) string) error {
	fmt.Fprintln(os.Stderr, time.Now().Format(time.TimeOnly)+"  the store and a bare log, "+of)
	cmd := exec.CommandContext(ctx, "go", "test", "./session/pebblestore", "-run", "^$", "-bench", of, "-benchtime", long.String())
	cmd.Stderr = os.Stderr
	out, err := cmd.Output()
	if err != nil {
		return fmt.Errorf("the store's benchmark: %w\n%s", err, out)
	}
	for lines := bufio.NewScanner(bytes.NewReader(out)); lines.Scan(); {
		l.addBenchmark(lines.Text(), name)
	}
	return nil
}

// addBenchmark takes the figures from a line such as "BenchmarkDurable/writers=16/log-2 300 41115 mutations/s 0.75 p99-ms".
func (l *lab) addBenchmark(line string, name func(part string) string) {
	fields := strings.Fields(line)
	if len(fields) < 4 {
		return
	}
	path := strings.Split(fields[0], "/")
	if len(path) != 3 {
		return
	}
	figures := make(map[string]float64)
	for i := 2; i+1 < len(fields); i += 2 {
		if value, err := strconv.ParseFloat(fields[i], 64); err == nil {
			figures[fields[i+1]] = value
		}
	}
	server := seshd
	if strings.HasPrefix(path[2], "log") {
		server = floor
	}
	l.results.add(name(path[1]), server, figures)
}
