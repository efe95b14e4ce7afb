package redisstore

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/seshd/seshd/session"
)

const (
	loadSessions = 4
	// loadEvery leaves the servers that watch each other time to do so.
	loadEvery = 2 * time.Millisecond
)

// load is two servers that both write to the same sessions until they are stopped. Each write puts a number of its own on a list,
// so that the list says what was lost and what was made twice.
type load struct {
	t       testing.TB
	servers [2]*follower
	handles []session.Handle
	stop    chan struct{}
	writers sync.WaitGroup

	mu           sync.Mutex
	last         int
	acknowledged map[session.ID][]int
	refused      int
}

func newLoad(t testing.TB, url string, replicas int) *load {
	t.Helper()
	l := &load{t: t, acknowledged: make(map[session.ID][]int)}
	for i := range loadSessions {
		l.handles = append(l.handles, visitor(byte(i+1)))
	}
	for i := range l.servers {
		l.servers[i] = follow(t, openStore(t, url, replicas), l.handles)
	}
	return l
}

// begin has them write, unless they do.
func (l *load) begin() {
	if l.stop != nil {
		return
	}
	l.stop = make(chan struct{})
	stop := l.stop
	for _, s := range l.servers {
		for _, h := range l.handles {
			l.writers.Go(func() { l.write(s, h, stop) })
		}
	}
}

func (l *load) end() {
	close(l.stop)
	l.writers.Wait()
	l.stop = nil
}

// write writes one after the other. Versions that are answered rise, whatever Redis has lost.
func (l *load) write(s *follower, h session.Handle, stop <-chan struct{}) {
	version := uint64(0)
	tick := time.NewTicker(loadEvery)
	defer tick.Stop()
	for {
		select {
		case <-stop:
			return
		case <-tick.C:
		}
		l.mu.Lock()
		l.last++
		number := l.last
		l.mu.Unlock()
		r, err := s.mutate(h, session.Mutation{Append: map[string]json.RawMessage{"log": json.RawMessage(fmt.Sprintf("[%d]", number))}})
		l.mu.Lock()
		if err != nil {
			l.refused++
			l.t.Logf("write %d was refused: %v", number, err)
		} else {
			l.acknowledged[h.ID] = append(l.acknowledged[h.ID], number)
			if r.State.Version <= version {
				l.t.Errorf("version %d is answered after %d", r.State.Version, version)
			}
			version = r.State.Version
		}
		l.mu.Unlock()
	}
}

// more waits until each session has been written to so many times more.
func (l *load) more(writes int) {
	l.t.Helper()
	count := func() (all []int) {
		l.mu.Lock()
		defer l.mu.Unlock()
		for _, h := range l.handles {
			all = append(all, len(l.acknowledged[h.ID]))
		}
		return all
	}
	before := count()
	eventually(l.t, fmt.Sprint(writes, " more writes to each session"), func() bool {
		for i, n := range count() {
			if n < before[i]+writes {
				return false
			}
		}
		return true
	})
}

// lost says how many acknowledged writes are not there. None is there twice, and everybody who was told sees what is there.
func (l *load) lost() (lost int) {
	l.t.Helper()
	for _, h := range l.handles {
		there := l.servers[0].mustLoad(h.ID)
		log := logOf(l.t, there)
		seen := make(map[int]bool)
		for _, number := range log {
			if seen[number] {
				l.t.Errorf("write %d was made twice", number)
			}
			seen[number] = true
		}
		for _, number := range l.acknowledged[h.ID] {
			if !seen[number] {
				lost++
			}
		}
		for i, s := range l.servers {
			eventually(l.t, fmt.Sprintf("server %d sees version %d", i, there.State.Version), func() bool { return s.version(h.ID) == there.State.Version })
			if got := logOf(l.t, s.record(h.ID)); !slices.Equal(got, log) {
				l.t.Errorf("of %s server %d was told %d writes, and there are %d", h.ID, i, len(got), len(log))
			}
		}
	}
	return lost
}

func (l *load) writes() (n int) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, numbers := range l.acknowledged {
		n += len(numbers)
	}
	return n
}

func logOf(t testing.TB, r *session.Record) (log []int) {
	t.Helper()
	text, _ := r.State.Get("log")
	if err := json.Unmarshal(text, &log); err != nil {
		t.Fatal(err)
	}
	return log
}

// follower does with what a store tells it what a room of the hub does.
type follower struct {
	*server
	renewed chan bool // told where all is told anew
	loads   sync.WaitGroup

	mu     sync.Mutex
	known  map[session.ID]*session.Record
	missed int
}

func follow(t testing.TB, store *Store, handles []session.Handle) *follower {
	t.Helper()
	f := &follower{
		server: &server{Store: store, t: t}, renewed: make(chan bool, 100), known: make(map[session.ID]*session.Record),
	}
	t.Cleanup(f.loads.Wait)
	f.Feed(func(e session.Event) { f.take(e.Record) })
	f.Listen(session.Listener{Missed: func(ids []session.ID, anew bool) {
		if anew {
			f.renewed <- true
		}
		f.mu.Lock()
		f.missed += len(ids)
		f.mu.Unlock()
		for _, id := range ids {
			f.loads.Go(func() { f.look(id) })
		}
	}})
	for _, h := range handles {
		f.mustWatch(h.ID)
	}
	return f
}

// look loads, until the store can be asked.
func (f *follower) look(id session.ID) {
	for range 10 {
		r, err := f.Load(context.Background(), id)
		if err == nil {
			if r != nil {
				f.take(r)
			}
			return
		}
	}
	f.t.Errorf("%s cannot be loaded", id)
}

// take takes what is newer. Numbers that went back would show as a record that is never taken.
func (f *follower) take(r *session.Record) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if known := f.known[r.ID]; known == nil || r.State.Version > known.State.Version {
		f.known[r.ID] = r
	}
}

func (f *follower) record(id session.ID) *session.Record {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.known[id]
}

func (f *follower) version(id session.ID) uint64 {
	if r := f.record(id); r != nil {
		return r.State.Version
	}
	return 0
}

func (f *follower) misses() int {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.missed
}
