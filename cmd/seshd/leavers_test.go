package main

import (
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"
)

const (
	// leaversOfASession is how many tabs share one.
	leaversOfASession = 10
	// leaversAtOnce is how many open at a time.
	leaversAtOnce = 20
	// leaversPause is the longest that the JavaScript client waits before its first try to come back.
	leaversPause = 500 * time.Millisecond
)

// leavers are tabs that do nothing until their server sends them away, and then come back once.
type leavers struct {
	tabs int
	back chan time.Time // when each had its session again

	mu     sync.Mutex
	errors []error
}

func openLeavers(t *testing.T, p *process, tabs int) *leavers {
	t.Helper()
	l := &leavers{tabs: tabs, back: make(chan time.Time, tabs)}
	var opening sync.WaitGroup
	turns := make(chan struct{}, leaversAtOnce)
	for range tabs / leaversOfASession {
		v := visitor(t, p, `{"set":{"fruit":"cherries"}}`)
		for range leaversOfASession {
			opening.Go(func() {
				turns <- struct{}{}
				defer func() { <-turns }()
				tb, err := v.open(nil)
				if err == nil {
					_, err = tb.next()
				}
				if err != nil {
					l.fail(err)
					return
				}
				go l.stay(t, v, tb)
			})
		}
	}
	opening.Wait()
	l.report(t)
	return l
}

// stay reads until the tab is sent away, and then has it come back.
func (l *leavers) stay(t *testing.T, v *browser, tb *tab) {
	last := frame{}
	f, err := tb.next()
	for ; err == nil; f, err = tb.next() {
		last = f
	}
	if !websocketClosed(err, 1012) || last.Type != "bye" || last.Code != "restarting" {
		l.fail(fmt.Errorf("the last frame is %s, then %w; want bye restarting and 1012", last.text, err))
		return
	}
	tb.conn.Close()
	l.comeBack(t, v, tb)
}

// comeBack resumes where a tab was.
func (l *leavers) comeBack(t *testing.T, v *browser, tb *tab) {
	<-time.After(rand.N(leaversPause))
	fresh, err := v.open(url.Values{"since": {fmt.Sprintf("%s:%d", strings.Trim(tb.session, `"`), tb.version)}})
	if err != nil {
		l.fail(err)
		return
	}
	t.Cleanup(func() { fresh.conn.Close() })
	fresh.session, fresh.version, fresh.data = tb.session, tb.version, map[string]json.RawMessage{}
	switch f, err := fresh.next(); {
	case err == nil && f.Type == "bye" && f.Code == "restarting": // taken just before the server took no more
		l.comeBack(t, v, tb)
	case err != nil || f.Type != "change" || f.Version != tb.version:
		l.fail(fmt.Errorf("it comes back to %s, %w; want an empty change", f.text, err))
	default:
		l.back <- time.Now()
	}
}

func (l *leavers) fail(err error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.errors = append(l.errors, err)
}

// report fails the test for what has failed in the background.
func (l *leavers) report(t *testing.T) {
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
