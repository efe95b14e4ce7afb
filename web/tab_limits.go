package web

import (
	"fmt"
	"time"

	"github.com/seshd/seshd/hub"
	"github.com/seshd/seshd/session"
)

const (
	// freeFrames is how many frames a second a tab may send that no limit on mutations counts: gets, pings, garbled lines and
	// writes sent again. Beyond it nothing is refused: the tab is read from more slowly, until its own connection is full.
	// Nobody who means well comes near it; most such lines cost 2 µs, the worst of 64 KiB 0.4 ms.
	freeFrames = 1000

	// A tab that is so often over a rate within the window goes on regardless: it is closed.
	maxRefusals   = 100
	refusalWindow = 10 * time.Second
)

// goesOn ends a tab that does not slow down.
var goesOn = &hub.Bye{
	Code:    string(session.RateLimited),
	Message: fmt.Sprintf("over %d mutations were refused within %v for coming too fast: come back later, and slower", maxRefusals, refusalWindow),
}

// slow holds the reader up while the tab is ahead of freeFrames. A second's worth of them is free at once.
func (t *tab) slow() {
	t.mu.Lock()
	ahead := t.paid - t.app.uptime()
	t.mu.Unlock()
	if ahead > 0 {
		time.Sleep(ahead)
	}
}

// payFrame counts a frame that no limit on mutations does; the caller holds mu.
func (t *tab) payFrame() {
	t.paid = max(t.paid, t.app.uptime()-time.Second) + time.Second/freeFrames
}

// payAnswer counts what became of a mutation, where no limit on mutations does; the caller holds mu.
func (t *tab) payAnswer(result session.Result, err error) {
	switch {
	case err == nil && result.Duplicate, err != nil && session.CodeOf(err) == session.NotApplied:
		t.payFrame()
	case err != nil && session.CodeOf(err) == session.RateLimited && t.payRefusal() && t.bye == nil:
		t.bye = goesOn
	}
}

// refusals says when the last ones were, the oldest at n%maxRefusals.
type refusals struct {
	at [maxRefusals]time.Duration
	n  int
}

// payRefusal counts a mutation that was over a rate, and says whether they are too many. Few tabs ever have one.
func (t *tab) payRefusal() bool {
	if t.over == nil {
		t.over = new(refusals)
	}
	now, oldest := t.app.uptime(), &t.over.at[t.over.n%maxRefusals]
	tooMany := t.over.n >= maxRefusals && now-*oldest <= refusalWindow
	*oldest = now
	t.over.n++
	return tooMany
}

// uptime is a clock in eight bytes that nobody sets back.
func (a *App) uptime() time.Duration { return time.Since(a.began) }
