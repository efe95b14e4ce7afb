package web_test

import (
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/seshd/seshd/session"
)

// follow reads frames up to a version and fails on a gap, a repeat or a step back. It returns how many changes there were.
func (x *tab) follow(told, upTo uint64) (changes int) {
	x.t.Helper()
	for told < upTo {
		f := x.next()
		switch f.Type {
		case "change":
			if f.From != told || f.Version <= f.From {
				x.t.Errorf("told %d, then %s", told, f.line)
				return changes
			}
			changes++
		case "session":
			if f.Version < told {
				x.t.Errorf("told %d, then %s", told, f.line)
			}
		default:
			continue
		}
		told = f.Version
	}
	return changes
}

func TestVersionsNeverGoDownAndFromIsWhatWasToldLastUnderConcurrentWriters(t *testing.T) {
	s := start(t, setup{})
	b := s.visit()
	const readers, writers, each = 4, 6, 30
	var read, wrote sync.WaitGroup
	for range readers {
		x, first := b.enter("")
		read.Go(func() { x.follow(first.Version, writers*each) })
	}
	for w := range writers {
		x, first := b.enter("")
		wrote.Go(func() {
			told := first.Version
			for i := range each {
				if w%2 == 0 {
					b.post(`{"incr":{"n":1}}`).want(200)
					continue
				}
				x.send(fmt.Sprintf(`{"incr":{"n":1},"id":%d}`, i+1))
				told = x.followToOk(told)
			}
		})
	}
	wrote.Wait()
	read.Wait()
	if body := b.get("/session/keys/n").body; body != fmt.Sprint(writers*each, "\n") {
		t.Errorf("n is %s", body)
	}
}

// followToOk is follow up to the answer of the tab's own mutation, which must have been covered before.
func (x *tab) followToOk(told uint64) uint64 {
	x.t.Helper()
	for {
		f := x.next()
		switch f.Type {
		case "change":
			if f.From != told {
				x.t.Errorf("told %d, then %s", told, f.line)
			}
			told = f.Version
		case "ok":
			if f.Version > told {
				x.t.Errorf("ok before the change that covers it: told %d, then %s", told, f.line)
			}
			return told
		case "error":
			x.t.Errorf("got %s", f.line)
			return told
		}
	}
}

func TestTheChangeComesBeforeItsOk(t *testing.T) {
	x, first := start(t, setup{}).visit().enter("client=7f3b9f4e-3a52-4f0c-9f0a-1f6f3f1e2d01")
	told := first.Version
	for id := 1; id <= 50; id += 5 { // five at a time
		for i := range 5 {
			x.send(fmt.Sprintf(`{"incr":{"n":1},"id":%d}`, id+i))
		}
		for range 5 {
			told = x.followToOk(told)
		}
	}
}

func TestBySaysWhereAChangeCameFrom(t *testing.T) {
	s := start(t, setup{})
	b := s.visit()
	x, _ := b.enter("")
	other, _ := b.enter("")
	x.until("tabs")
	other.send(`{"set":{"a":1}}`)
	same(t, x.until("change").By, "tab")
	b.post(`{"set":{"a":2}}`).want(200)
	same(t, x.until("change").By, "http")
}

// slow holds every update back until its gate is opened.
type slow struct {
	session.Store
	mu   sync.Mutex
	held []session.Update
	open bool
	came chan struct{}
}

func (s *slow) Update(u session.Update) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.open {
		s.Store.Update(u)
		return
	}
	s.held = append(s.held, u)
	s.came <- struct{}{}
}

func (s *slow) release() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.open = true
	for _, u := range s.held {
		s.Store.Update(u)
	}
}

func TestNobodyIsToldBeforeTheCommit(t *testing.T) {
	gate := &slow{came: make(chan struct{}, 8)}
	s := start(t, setup{wrap: func(inner session.Store) session.Store { gate.Store = inner; return gate }})
	b := s.visit()
	x, _ := b.enter("")
	other, _ := b.enter("")
	x.until("tabs")
	x.send(`{"set":{"a":1},"id":1}`)
	<-gate.came
	if body := b.get("/session").body; !strings.Contains(body, `"version":0,"data":{}`) {
		t.Errorf("an uncommitted write shows: %s", body)
	}
	other.send(`{"ping":true}`)
	if f := other.next(); f.Type != "pong" {
		t.Errorf("told before the commit: %s", f.line)
	}
	x.send(`{"ping":true}`) // answered in order, so after the write
	gate.release()
	for i, want := range []string{"change", "ok", "pong"} {
		if f := x.next(); f.Type != want {
			t.Errorf("frame %d: %s, want %s", i, f.line, want)
		}
	}
	if f := other.next(); f.Type != "change" || f.Version != 1 {
		t.Errorf("got %s", f.line)
	}
}

func TestASlowTabGetsFoldedChangesAndLosesNothing(t *testing.T) {
	s := start(t, setup{})
	b := s.visit()
	slowTab, first := b.enter("")
	fast, _ := b.enter("")
	const writes = 400
	big := strings.Repeat("x", 50_000) // 20 MB in all: more than the buffers of a connection take
	for i := 1; i <= writes; i++ {
		b.post(fmt.Sprintf(`{"set":{"big":"%s%d","k%d":%d}}`, big, i, i%50, i)).want(200)
	}
	if n := fast.follow(0, writes); n > writes {
		t.Errorf("%d changes of %d versions", n, writes)
	}
	changes, told, data := 0, first.Version, map[string]string{}
	for told < writes {
		f := slowTab.next()
		if f.Type != "change" {
			continue
		}
		if f.From != told {
			t.Fatalf("told %d, then from %d", told, f.From)
		}
		if f.Version > f.From+1 && f.By != "" {
			t.Errorf("a change folded of several says by %q", f.By)
		}
		changes, told = changes+1, f.Version
		for key, value := range f.Set {
			data[key] = string(value)
		}
	}
	if changes >= writes {
		t.Errorf("%d changes for %d versions: nothing was folded", changes, writes)
	}
	for i := writes - 49; i <= writes; i++ {
		if got := data[fmt.Sprint("k", i%50)]; got != fmt.Sprint(i) {
			t.Errorf("k%d is %s, want %d", i%50, got, i)
		}
	}
	same(t, data["big"], fmt.Sprintf(`"%s%d"`, big, writes))
}

func TestASlowTabHoldsUpNobody(t *testing.T) {
	s := start(t, setup{})
	b := s.visit()
	b.enter("") // and never reads again
	fast, first := b.enter("")
	big := strings.Repeat("x", 50_000)
	begun := time.Now()
	for i := range 200 {
		b.post(fmt.Sprintf(`{"set":{"big":"%s%d"}}`, big, i)).want(200)
	}
	fast.follow(first.Version, 200)
	if took := time.Since(begun); took > patience {
		t.Errorf("200 writes took %v", took)
	}
}
