package main

import (
	"fmt"
	"maps"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

// nodesLoad is what roamers do to several servers. Each session has tabs on all of them.
type nodesLoad struct {
	nodes    []*node
	visitors []*browser
	roamers  []*roamer
	typing   time.Duration // what one takes on average between an answer and its next write; 0: none waits for its answers

	acknowledged [nodesOnARedis]atomic.Int64 // by each node
	refused      [nodesOnARedis]atomic.Int64 // with unavailable
	longest      atomic.Int64                // wait for an answer, in nanoseconds, that any of them had since it was set to 0
	news         chan struct{}               // holds one token where a number has changed

	stop    chan struct{} // closed when no more is to be written
	writing sync.WaitGroup
	reading sync.WaitGroup

	mu     sync.Mutex
	errors []error
}

// newNodesLoad has so many sessions, each with so many tabs that write on each node, one more there that only reads, and one
// client that writes over HTTP.
func newNodesLoad(t *testing.T, nodes []*node, sessions, tabs int) *nodesLoad {
	t.Helper()
	l := &nodesLoad{nodes: nodes, news: make(chan struct{}, 1), stop: make(chan struct{})}
	for i := range sessions {
		v := visitor(t, nodes[i%len(nodes)].process, `{"set":{"fruit":"cherries"}}`)
		l.visitors = append(l.visitors, v)
		for at := range nodes {
			for range tabs {
				l.add(v, writes, at)
			}
			l.add(v, reads, at)
		}
		l.add(v, posts, i%len(nodes))
	}
	return l
}

func (l *nodesLoad) add(v *browser, kind roamerKind, at int) {
	l.roamers = append(l.roamers, newRoamer(l, v, fmt.Sprint("roamer-", len(l.roamers)), kind, at))
}

// begin returns when all tabs are open.
func (l *nodesLoad) begin(t *testing.T) {
	t.Helper()
	l.each(&l.reading, (*roamer).connect, writes, reads)
	l.reading.Wait()
	l.report(t)
	l.each(&l.reading, (*roamer).read, reads)
	l.each(&l.writing, func(r *roamer) error { return r.write(l.stop) }, writes, posts)
}

// each has all roamers of some kinds do something at once.
func (l *nodesLoad) each(all *sync.WaitGroup, do func(*roamer) error, kinds ...roamerKind) {
	for _, r := range l.roamers {
		if slices.Contains(kinds, r.kind) {
			all.Go(func() {
				if err := do(r); err != nil {
					l.mu.Lock()
					defer l.mu.Unlock()
					l.errors = append(l.errors, fmt.Errorf("%s: %w", r.name, err))
				}
			})
		}
	}
}

// report fails the test for what has failed in the background.
func (l *nodesLoad) report(t *testing.T) {
	t.Helper()
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, err := range l.errors {
		t.Error(err)
	}
	if len(l.errors) > 0 {
		t.FailNow()
	}
}

// tell says that a number has changed.
func (l *nodesLoad) tell() {
	select {
	case l.news <- struct{}{}:
	default:
	}
}

// waited notes how long a roamer has waited.
func (l *nodesLoad) waited(d time.Duration) {
	for before := l.longest.Load(); int64(d) > before && !l.longest.CompareAndSwap(before, int64(d)); before = l.longest.Load() {
	}
}

// rises waits until a number has risen by so many.
func (l *nodesLoad) rises(t *testing.T, what string, number *atomic.Int64, by int64) {
	t.Helper()
	timeout := time.After(patience)
	for target := number.Load() + by; number.Load() < target; {
		select {
		case <-l.news:
		case <-timeout:
			l.report(t)
			t.Fatalf("%s: %d, want %d", what, number.Load(), target)
		}
	}
}

// goesOn waits until nodes have taken writes.
func (l *nodesLoad) goesOn(t *testing.T, nodes ...int) {
	t.Helper()
	const some = 100
	for _, at := range nodes {
		l.rises(t, fmt.Sprint("writes that node ", at, " took"), &l.acknowledged[at], some)
	}
}

// refuses waits until a node has refused writes.
func (l *nodesLoad) refuses(t *testing.T, nodes ...int) {
	t.Helper()
	for _, at := range nodes {
		l.rises(t, fmt.Sprint("writes that node ", at, " refused"), &l.refused[at], 1)
	}
}

// converge ends the writing and waits until every write is acknowledged, and then until every tab has got there. It says how long
// that was since some moment.
func (l *nodesLoad) converge(t *testing.T, since time.Time) time.Duration {
	t.Helper()
	close(l.stop)
	l.writing.Wait()
	l.report(t)
	settled := time.Since(since)
	for _, v := range l.visitors {
		if _, err := v.post(fmt.Sprintf(`{"set":{%q:true}}`, theEnd), ""); err != nil {
			t.Error(err) // and no tab gets there
		}
	}
	l.each(&l.reading, (*roamer).read, writes)
	l.reading.Wait()
	l.report(t)
	took := time.Since(since).Round(time.Millisecond)
	t.Logf("converged after %v: all was acknowledged after %v", took, settled.Round(time.Millisecond))
	return took
}

// check compares what each node holds, and each tab, with what was acknowledged: nothing is lost, and nothing there twice.
func (l *nodesLoad) check(t *testing.T) {
	t.Helper()
	var acknowledged, lost, twice, again, before, renamed, moves int
	for _, v := range l.visitors {
		tabs := 1
		final, err := v.session()
		if err != nil {
			t.Fatal(err)
		}
		for i, n := range l.nodes {
			there, err := (&browser{v.http, n.addr}).session()
			if err != nil || there.Version != final.Version || !maps.EqualFunc(there.Data, final.Data, slices.Equal) {
				t.Errorf("node %d holds %s at version %d, want %s at %d: %v", i, there.Data, there.Version, final.Data, final.Version, err)
			}
		}
		sum := 0
		for _, r := range l.roamers {
			if r.visitor != v {
				continue
			}
			applied := integer(final.Data[r.name])
			sum += applied
			lost += max(0, r.acknowledged-applied)
			twice += max(0, applied-r.acknowledged)
			acknowledged, again, before, renamed, moves = acknowledged+r.acknowledged, again+r.again, before+r.before, renamed+r.renamed, moves+r.moves
			if applied != r.acknowledged {
				t.Errorf("%s: %d writes were acknowledged, %d are there", r.name, r.acknowledged, applied)
			}
			if r.kind == posts {
				continue
			}
			tabs++
			if !maps.EqualFunc(r.tab.data, final.Data, slices.Equal) {
				t.Errorf("%s, which came to node %d, holds %s, the session %s", r.name, r.at, r.tab.data, final.Data)
			}
		}
		if n := integer(final.Data["n"]); n != sum {
			t.Errorf("n is %d, but the roamers' counts make %d", n, sum)
		}
		openTab(t, v).counts(t, tabs)
	}
	t.Logf("%d acknowledged writes: %d lost, %d applied twice (%d were sent again, %d of them had been applied, %d needed a new id; tabs moved %d times)",
		acknowledged, lost, twice, again, before, renamed, moves)
}

// stayed fails where a tab has lost its connection.
func (l *nodesLoad) stayed(t *testing.T) {
	t.Helper()
	for _, r := range l.roamers {
		if r.moves > 0 {
			t.Errorf("%s lost its connection %d times", r.name, r.moves)
		}
	}
}
