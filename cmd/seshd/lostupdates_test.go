package main

import (
	"fmt"
	"sync"
	"testing"
)

// Nothing is lost when everybody counts at once: 50 tabs and as many makers of HTTP requests, on one key of one session.
func TestNoUpdateIsLost(t *testing.T) {
	const tabs, requesters, each = 50, 50, 10
	const total = (tabs + requesters) * each
	const line = `{"incr":{"n":1}}`

	p := start(t, t.TempDir(), withoutLimits()...)
	b := newBrowser(t, p.addr)
	if _, err := b.session(); err != nil {
		t.Fatal(err)
	}
	open := make([]*tab, tabs)
	for i := range open {
		open[i] = openTab(t, b)
	}

	var all sync.WaitGroup
	failed := make(chan error, 2*tabs+requesters)
	begin := make(chan struct{})
	for _, tb := range open {
		all.Go(func() { // writes without waiting for answers, as a page may
			<-begin
			for i := range each {
				if err := tb.send(fmt.Sprintf(`{"incr":{"n":1},"id":%d}`, i+1)); err != nil {
					failed <- err
					return
				}
			}
		})
		all.Go(func() {
			answered := 0
			for answered < each || integer(tb.data["n"]) < total {
				f, err := tb.next()
				switch {
				case err != nil:
					failed <- fmt.Errorf("a tab with %d answers and n = %s: %w", answered, tb.data["n"], err)
					return
				case f.Type == "error":
					failed <- fmt.Errorf("refused: %s", f.text)
					return
				case f.Type == "ok":
					if answered++; f.number() != uint64(answered) {
						failed <- fmt.Errorf("answer %d is %s", answered, f.text)
						return
					}
				}
			}
		})
	}
	for range requesters {
		all.Go(func() {
			<-begin
			for range each {
				if _, err := b.post(line, ""); err != nil {
					failed <- err
					return
				}
			}
		})
	}
	close(begin)
	all.Wait()
	close(failed)
	for err := range failed {
		t.Error(err)
	}

	s, err := b.session()
	if err != nil {
		t.Fatal(err)
	}
	if n := integer(s.Data["n"]); n != total || s.Version != total {
		t.Errorf("n = %d at version %d after %d increments", n, s.Version, total)
	}
	for i, tb := range open {
		if n := integer(tb.data["n"]); n != total || tb.version != total {
			t.Errorf("tab %d ended with n = %d at version %d", i, n, tb.version)
		}
	}
	t.Logf("%d increments from %d tabs and %d requesters at once: %d lost", total, tabs, requesters, total-integer(s.Data["n"]))
}
