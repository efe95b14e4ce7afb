package main

import (
	"errors"
	"fmt"
	"net"
	"syscall"
	"testing"
	"time"

	"github.com/seshd/seshd/session/redisstore/redistest"
)

// restartLoad is sessions with four tabs and a client over HTTP that write, and a tab that only reads, at the socket of a parent.
func restartLoad(t *testing.T, n *node) (load *nodesLoad, restarts int) {
	sessions, typing, restarts := 20, 250*time.Millisecond, 3 // 100 that write
	if proving() {
		sessions, typing, restarts = 200, 500*time.Millisecond, 10 // 1,000
	}
	load = newNodesLoad(t, []*node{n}, sessions, 4)
	load.typing = typing
	load.begin(t)
	load.goesOn(t, 0)
	return load, restarts
}

// unseen ends the load, and fails the test where a connection was refused, or a tab sent away for anything else.
func (l *nodesLoad) unseen(t *testing.T) {
	t.Helper()
	l.converge(t, time.Now())
	absorbed := 0 // by trying again: a busy client may need longer for a request than the server waits for it
	for _, r := range l.roamers {
		for _, err := range r.broken {
			if dial, ok := errors.AsType[*net.OpError](err); ok && dial.Op == "dial" {
				t.Errorf("%s: %v", r.name, err)
			}
			absorbed++
		}
		for _, bye := range r.byes {
			if bye != "restarting" {
				t.Errorf("%s was sent away with %q", r.name, bye)
			}
		}
	}
	t.Logf("%d connections ended before what was asked on them was answered", absorbed)
	if n := l.refused[0].Load(); n > 0 {
		t.Errorf("%d writes were refused", n)
	}
	l.check(t)
}

// TestARestartOnASocketThatItsParentKeeps: what connects meanwhile waits. Nobody is refused or cut off, no write is lost, and none is
// there twice.
func TestARestartOnASocketThatItsParentKeeps(t *testing.T) {
	n := &node{parent: newParent(t, publicSocket), flags: []string{"--data=" + t.TempDir()}}
	n.start(t)
	n.addr = n.process.addr
	load, restarts := restartLoad(t, n)
	for i := range restarts {
		load.longest.Store(0)
		stopped := time.Now()
		n.signal(t, syscall.SIGTERM)
		if code := n.ends(); code != 0 {
			t.Errorf("exit %d", code)
		}
		ended := time.Since(stopped)
		n.start(t)
		listens := time.Since(stopped)
		load.goesOn(t, 0)
		load.rises(t, "writes of everybody", &load.acknowledged[0], int64(len(load.roamers)))
		t.Logf("restart %2d: ended after %v, listened after %v; the longest that a writer waited is %v", i+1,
			ended.Round(time.Millisecond), listens.Round(time.Millisecond), time.Duration(load.longest.Load()).Round(time.Millisecond))
	}
	load.unseen(t)
}

// TestServersOfOneSocketAreReplaced, one after the other, as a release is rolled out: the other one takes what comes.
func TestServersOfOneSocketAreReplaced(t *testing.T) {
	p, redis := newParent(t, publicSocket), redistest.Start(t)
	var nodes []*node
	for range 2 {
		n := &node{parent: p, flags: []string{"--store=" + redis.URL(), "--secret-key=" + cookieKey, "--shutdown-timeout=5s"}}
		n.start(t)
		n.addr = n.process.addr
		nodes = append(nodes, n)
	}
	load, _ := restartLoad(t, nodes[0]) // where the socket is, so it is the other's too
	for i, n := range nodes {
		load.longest.Store(0)
		stopped := time.Now()
		n.signal(t, syscall.SIGTERM)
		if code := n.ends(); code != 0 {
			t.Errorf("exit %d", code)
		}
		ended := time.Since(stopped)
		load.goesOn(t, 0)
		n.start(t)
		load.goesOn(t, 0)
		t.Logf("server %d: ended after %v; the longest that a writer waited is %v", i+1, ended.Round(time.Millisecond),
			time.Duration(load.longest.Load()).Round(time.Millisecond))
	}
	load.unseen(t)
}

// TestAllTabsAreSentAwayAndComeBack: each hears that the server is restarting, the process ends in its time, and the next one has them all.
func TestAllTabsAreSentAwayAndComeBack(t *testing.T) {
	tabs := 200
	if proving() {
		tabs = 2_000
	}
	const timeout = 25 * time.Second
	n := &node{parent: newParent(t, publicSocket), flags: []string{"--data=" + t.TempDir(), "--shutdown-timeout=" + timeout.String()}}
	n.start(t)
	leavers := openLeavers(t, n.process, tabs)

	stopped := time.Now()
	n.signal(t, syscall.SIGTERM)
	if code := n.ends(); code != 0 {
		t.Errorf("exit %d", code)
	}
	ended := time.Since(stopped)
	if ended > timeout {
		t.Errorf("it ended after %v, and was to take at most %v", ended, timeout)
	}
	if proving() && ended > time.Duration(tabs)*time.Millisecond { // a pace of 5 ms would make it 10 s
		t.Errorf("it ended after %v, though there is nobody but the next one to go to", ended)
	}
	n.start(t)
	listens := time.Since(stopped)
	var back []time.Duration
	for range leavers.tabs {
		select {
		case at := <-leavers.back:
			back = append(back, at.Sub(stopped))
		case <-time.After(patience):
			leavers.report(t)
			t.Fatalf("%d of %d tabs came back", len(back), tabs)
		}
	}
	leavers.report(t)
	if got := n.metric(t, `seshd_tabs{transport="websocket"}`); int(got) != tabs {
		t.Errorf("the server counts %v tabs, want %d", got, tabs)
	}
	t.Logf("%d tabs: ended after %v, listened after %v; they came back %s", tabs, ended.Round(time.Millisecond), listens.Round(time.Millisecond), spread(back))
}

// spread says when things happened, by quarters, and what the fullest tenth of a second had.
func spread(at []time.Duration) string {
	tenths, fullest := map[time.Duration]int{}, 0
	for _, d := range at { // in the order in which they came
		tenth := d.Truncate(100 * time.Millisecond)
		tenths[tenth]++
		fullest = max(fullest, tenths[tenth])
	}
	quarter := func(i int) time.Duration { return at[i*(len(at)-1)/4].Round(time.Millisecond) }
	return fmt.Sprintf("after %v (the first), %v, %v, %v, %v (the last), at most %d within 100 ms",
		quarter(0), quarter(1), quarter(2), quarter(3), quarter(4), fullest)
}
