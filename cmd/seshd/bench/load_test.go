package bench

import (
	"errors"
	"io"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

// loadOf is a load on a fake server, with sessions of five tabs.
func loadOf(s *fakeServer, sessions int) *load {
	l := newLoad(s, seshdDialect{}, io.Discard, 0)
	for range sessions {
		l.boards = append(l.boards, s.board(5))
	}
	return l
}

func checkSum(t *testing.T, l *load) {
	t.Helper()
	c := l.tally
	if c.writes*5 != c.deliveries+c.folded || c.writes == 0 || c.errors != 0 || l.undelivered != 0 || l.unanswered != 0 {
		t.Errorf("%d writes to 5 tabs: %d deliveries, %d folded, %d errors, %d undelivered", c.writes, c.deliveries, c.folded, c.errors, l.undelivered)
	}
	if got := c.latency.TotalCount(); got != int64(c.writes*4) {
		t.Errorf("%d latencies of %d writes", got, c.writes)
	}
	if got := c.last.TotalCount(); got != int64(c.writes) {
		t.Errorf("%d last tabs of %d writes", got, c.writes)
	}
}

// A server that stalls for a second in ten makes a tenth of the writes late. A load that waited for it would have seen a few.
func TestOpenLoopTellsOfAStall(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newFakeServer()
		s.stallAt, s.stallFor = 3*time.Second, time.Second
		l := loadOf(s, 20)
		took, err := l.run(t.Context(), pace{rate: 100, until: 10 * time.Second})
		if err != nil {
			t.Fatal(err)
		}
		checkSum(t, l)
		if l.tally.writes != 1000 || took < 9990*time.Millisecond || took > 10100*time.Millisecond {
			t.Errorf("%d writes in %v", l.tally.writes, took)
		}
		if p50, p99 := quantile(l.tally.latency, 50), quantile(l.tally.latency, 99); p50 > 2*time.Millisecond || p99 < 850*time.Millisecond || p99 > time.Second {
			t.Errorf("p50 %v, p99 %v after a stall of 1 s", p50, p99)
		}
	})
}

// The same where the server takes no more writes at all: they are late from the moment they were due, not from when they were sent.
func TestOpenLoopCountsFromWhenAWriteWasDue(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newFakeServer()
		s.stallAt, s.stallFor = 3*time.Second, time.Second
		l := loadOf(s, 1) // of which 48 are in flight at most
		if _, err := l.run(t.Context(), pace{rate: 500, until: 10 * time.Second}); err != nil {
			t.Fatal(err)
		}
		checkSum(t, l)
		if p99 := quantile(l.tally.latency, 99); l.tally.writes != 5000 || p99 < 850*time.Millisecond {
			t.Errorf("%d writes, p99 %v after a stall of 1 s", l.tally.writes, p99)
		}
		if late := quantile(l.tally.late, 99); late < 500*time.Millisecond {
			t.Errorf("the writes that were held back are not told: p99 %v", late)
		}
	})
}

func TestClosedLoop(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := loadOf(newFakeServer(), 20)
		if _, err := l.run(t.Context(), pace{inFlight: 10, until: time.Second}); err != nil {
			t.Fatal(err)
		}
		checkSum(t, l)
		if l.tally.writes != 10_000 { // ten at a time, each takes a millisecond
			t.Errorf("%d writes", l.tally.writes)
		}
	})
}

func TestFoldedChangesAreCountedAndTimed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newFakeServer()
		s.fold = 4
		l := loadOf(s, 1)
		if _, err := l.run(t.Context(), pace{inFlight: 4, count: 400}); err != nil {
			t.Fatal(err)
		}
		checkSum(t, l)
		if l.tally.folded != 400*5*3/4 {
			t.Errorf("%d folded", l.tally.folded)
		}
	})
}

func TestSilenceIsAStall(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newFakeServer()
		s.fold = 100 // more than ever come
		l := loadOf(s, 1)
		if _, err := l.run(t.Context(), pace{inFlight: 4, count: 8}); !errors.Is(err, errStalled) {
			t.Errorf("%v", err)
		}
	})
}

func TestBrokenPromisesAreErrors(t *testing.T) {
	s := newFakeServer()
	for name, frames := range map[string][]message{
		"gap":           {{Type: typeChange, From: 1, Version: 2}},
		"repeat":        {{Type: typeChange, From: 0, Version: 1}, {Type: typeChange, From: 0, Version: 1}},
		"unknown":       {{Type: typeChange, From: 0, Version: 3}},
		"early answer":  {{Type: typeOK, id: 1, Version: 1}},
		"wrong version": {{Type: typeChange, From: 0, Version: 1}, {Type: typeOK, id: 1, Version: 2}},
	} {
		l := loadOf(s, 1)
		b := l.boards[0]
		b.begin(0)
		b.begin(0)
		l.unanswered, l.undelivered = 2, 10
		for _, m := range frames {
			if err := l.hear(b.tabs[b.writer], m, time.Second); err != nil {
				t.Fatal(err)
			}
		}
		if l.tally.errors == 0 {
			t.Errorf("%s: not noticed", name)
		}
	}
}

func TestRefusalsSayWhatToDo(t *testing.T) {
	l := loadOf(newFakeServer(), 1)
	for code, want := range map[string]string{"rate_limited": "--rate 0", "too_many_tabs": "--max-tabs-per-session 0"} {
		err := l.hear(l.boards[0].tabs[0], message{Type: "bye", Code: code, Message: "no"}, 0)
		if err == nil || !strings.Contains(err.Error(), code) || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v", code, err)
		}
	}
}
