package main

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/seshd/seshd/cmd/seshd/bench/rig"
)

// compareRound is how long a server takes to compare all its rooms with a shared store: idle tabs are watched for one.
const compareRound = 45 * time.Second

// startWithin is what a Redis may take to start.
const startWithin = 10 * time.Second

const mAlone = "1,000 boards of 1 tab, 50 writes in flight"

// storedBytes is the size of a session where it matters.
const storedBytes = 1000

// The store of one server alone, and of one, two or three on one Redis: what the columns of docs/BENCH-NODES.md are called.
const embedded = "embedded"

var nodeCounts = []int{1, 2, 3}

func onRedis(nodes int) string { return fmt.Sprintf("%d on Redis", nodes) }

func (l *lab) nodeLoads() []measurement {
	each := l.each.String()
	return []measurement{
		{name: mBoards, args: []string{"boards", "--for", each}},
		{name: mPaced, args: []string{"boards", "--rate", "500", "--for", each}},
		{name: mWrites, args: []string{"writes", "--for", each, "--writers", "128", "--sessions", l.scaled(2000, 200), "--size", strconv.Itoa(storedBytes)}},
	}
}

// idleOnNodes are so many tabs that what a server and a Redis do without any hardly counts.
func (l *lab) idleOnNodes() int {
	if l.quick {
		return 200
	}
	return 10_000
}

// measureNodes goes through the stores and the numbers of servers, each load on fresh ones. Nobody is pinned: servers, Redis and client
// are more than there are cores to give.
func (l *lab) measureNodes(ctx context.Context) error {
	idle := l.idleOnNodes()
	for n := range l.runs {
		fmt.Fprintf(os.Stderr, "run %d of %d\n", n+1, l.runs)
		for _, m := range l.nodeLoads() {
			if err := l.onNodes(ctx, 0, m); err != nil {
				return err
			}
			for _, nodes := range nodeCounts {
				if err := l.onNodes(ctx, nodes, m); err != nil {
					return err
				}
			}
		}
		for nodes := range 2 { // what each thing costs by itself is the same on more
			idleFor := l.each
			if nodes > 0 && !l.quick {
				idleFor = compareRound
			}
			for _, m := range []measurement{
				{name: mAlone, args: []string{"boards", "--for", l.each.String(), "--tabs", "1", "--sessions", l.scaled(1000, 100)}},
				{name: mIdle(idle), args: []string{"idle", "--for", idleFor.String(), "--sessions", strconv.Itoa(idle)}},
			} {
				if err := l.onNodes(ctx, nodes, m); err != nil {
					return err
				}
			}
		}
	}
	return nil
}

// onNodes measures a load on so many servers that share a Redis; 0: on one with the embedded store.
func (l *lab) onNodes(ctx context.Context, nodes int, m measurement) error {
	dir, err := os.MkdirTemp(l.dir, "data-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	store, column := []string{"--data", filepath.Join(dir, "data")}, embedded
	args := []string{m.args[0], "--json"}
	if nodes > 0 {
		redis, stop, err := startRedis(ctx, dir)
		if err != nil {
			return err
		}
		defer stop()
		store, column = []string{"--store", "redis://" + redis, "--secret-key", strings.Repeat("the same on all!", 2)}, onRedis(nodes)
		args = append(args, "--redis", redis)
	}
	var said []*rig.Server
	for n := range max(1, nodes) {
		s, err := l.start(ctx, seshd, filepath.Join(dir, fmt.Sprintf("log-%d", n)), slices.Concat(store, withoutLimits)...)
		if err != nil {
			return err
		}
		defer s.Kill()
		args = append(args, "--url", s.URL(), "--metrics", s.Metrics())
		said = append(said, s)
	}
	if err := l.run(ctx, column, m.name, append(args, m.args[1:]...)...); err != nil {
		for _, s := range said {
			err = fmt.Errorf("%w; a server said:\n%s", err, s.Said())
		}
		return err
	}
	return nil
}

// startRedis starts one that has every write on disk before it answers, as seshd's own store does.
func startRedis(ctx context.Context, dir string) (addr string, stop func(), err error) {
	program, err := exec.LookPath("redis-server")
	if err != nil {
		valkey, missing := exec.LookPath("valkey-server")
		if missing != nil {
			return "", nil, fmt.Errorf("redis-server or valkey-server is needed: %w", err)
		}
		program = valkey
	}
	addr, _, err = rig.FreeAddresses()
	if err != nil {
		return "", nil, err
	}
	host, port, _ := net.SplitHostPort(addr)
	cmd := exec.CommandContext(ctx, program, "--bind", host, "--port", port, "--dir", dir, "--save", "", "--appendonly", "yes", "--appendfsync", "always")
	log := filepath.Join(dir, "redis-log")
	out, err := os.Create(log)
	if err != nil {
		return "", nil, err
	}
	cmd.Stdout = out
	if err := cmd.Start(); err != nil {
		return "", nil, errors.Join(err, out.Close())
	}
	stop = func() {
		cmd.Process.Kill()
		cmd.Wait()
		out.Close()
	}
	for began := time.Now(); ; time.Sleep(10 * time.Millisecond) {
		conn, err := net.Dial("tcp", addr)
		if err == nil {
			return addr, stop, conn.Close()
		}
		if time.Since(began) > startWithin || ctx.Err() != nil {
			stop()
			text, _ := os.ReadFile(log)
			return "", nil, fmt.Errorf("%s did not start: %w\n%s", filepath.Base(program), err, text)
		}
	}
}
