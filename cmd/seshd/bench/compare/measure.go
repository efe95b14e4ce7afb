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
)

// The measurements, by the names that the tables use.
const (
	mBoards  = "200 boards of 5 tabs, 50 writes in flight"
	mPaced   = "200 boards of 5 tabs, 500 writes/s"
	mHot     = "one session, 1,000 tabs, 20 writes/s"
	mSlow    = "a tab that stops reading"
	mWrites  = "writes over HTTP"
	mRestart = "restart"
	mDurable = "store and bare log"
)

func mIdle(tabs int) string { return fmt.Sprintf("%d idle tabs", tabs) }
func mLoad(tabs int) string { return fmt.Sprintf("boards of 5 with %d tabs", tabs) }

// tabCounts are those of the plot; idleTabs is the one of the table.
func (l *lab) tabCounts() []int {
	if l.quick {
		return []int{100, 200}
	}
	return []int{1000, 2000, 4000, 8000, 16000}
}

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
		for _, m := range l.shared() {
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
		if err == nil {
			err = l.run(ctx, seshd, mRestart, "restart", "--json", "--sessions", l.scaled(1_000_000, 1000))
		}
		if err == nil {
			err = l.durable(ctx)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

type measurement struct {
	name    string
	servers []string
	args    []string
}

// shared are the measurements of more servers than seshd. Centrifuge cuts off a tab that stops reading, so there is nothing to compare,
// and it is not in the plot.
func (l *lab) shared() []measurement {
	each := l.each.String()
	two, three := []string{seshd, floor}, []string{seshd, floor, centrifuge}
	all := []measurement{
		{mBoards, three, []string{"boards", "--for", each}},
		{mPaced, three, []string{"boards", "--rate", "500", "--for", each}},
		{mHot, three, []string{"hot", "--for", each, "--tabs", l.scaled(1000, 100)}},
		{mSlow, two, []string{"slow", "--writes", l.scaled(20_000, 200)}},
	}
	for _, tabs := range l.tabCounts() {
		idle := two
		if tabs == l.idleTabs() {
			idle = three
		}
		all = append(all,
			measurement{mIdle(tabs), idle, []string{"idle", "--for", each, "--sessions", strconv.Itoa(tabs)}},
			measurement{mLoad(tabs), two, []string{"boards", "--for", each, "--sessions", strconv.Itoa(tabs / 5)}})
	}
	return all
}

// durable runs the benchmark of the store, which has the bare log in it.
func (l *lab) durable(ctx context.Context) error {
	fmt.Fprintln(os.Stderr, "         the store and a bare log")
	cmd := exec.CommandContext(ctx, "go", "test", "./session/pebblestore", "-run", "^$", "-bench", "Durable", "-benchtime", l.each.String())
	cmd.Stderr = os.Stderr
	out, err := cmd.Output()
	if err != nil {
		return fmt.Errorf("the store's benchmark: %w\n%s", err, out)
	}
	for lines := bufio.NewScanner(bytes.NewReader(out)); lines.Scan(); {
		fields := strings.Fields(lines.Text())
		if len(fields) < 4 || fields[len(fields)-1] != "mutations/s" {
			continue
		}
		rate, err := strconv.ParseFloat(fields[len(fields)-2], 64)
		if err != nil {
			return err
		}
		server := seshd
		if strings.Contains(fields[0], "/log") {
			server = floor
		}
		l.results.add(mDurable, server, map[string]float64{"mutations_per_second": rate})
	}
	return nil
}
