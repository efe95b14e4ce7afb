package bench

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"strings"
	"time"
)

const (
	// maxPipelined is less than the 64 answers that the protocol lets a tab be owed: the server never stops reading.
	maxPipelined = 48
	// stallAfter is how long nothing at all may come while something is due.
	stallAfter = 10 * time.Second
	// maxWait is the longest sleep: contexts, progress and unsent bytes are looked at in between.
	maxWait = 100 * time.Millisecond
)

// errStalled says that the server has stopped telling what is due.
var errStalled = errors.New("the server stalled")

// load is the client: all tabs, and one goroutine that does everything with them.
type load struct {
	poller   poller
	dialect  dialect
	boards   []*board
	began    time.Time
	progress io.Writer
	pad      string

	tally       tally
	unanswered  int
	undelivered int // changes that a tab was not told of yet, over all tabs
	unjoined    int
	unsent      []*tab        // with bytes that their connections did not take
	heard       time.Duration // when something came last
	reported    time.Duration
	scratch     [2][]byte
	failed      error
}

func newLoad(p poller, d dialect, progress io.Writer, size int) *load {
	return &load{poller: p, dialect: d, began: time.Now(), progress: progress, pad: strings.Repeat("x", size), tally: newTally()}
}

func (l *load) now() time.Duration { return time.Since(l.began) }

// pace says when to write, and when to stop.
type pace struct {
	inFlight int           // closed loop: as many writes without an answer; where rate is not 0, ignored
	rate     float64       // open loop: writes a second, whatever the server does
	until    time.Duration // on the load's clock
	count    uint64        // if not 0, this many writes instead
}

func (p pace) over(now time.Duration, sent uint64) bool {
	if p.count > 0 {
		return sent >= p.count
	}
	return now >= p.until
}

// run writes at a pace, waits until every tab was told of everything, and returns how long both took. It counts afresh.
func (l *load) run(ctx context.Context, p pace) (took time.Duration, err error) {
	l.tally = newTally()
	start := l.now()
	l.heard = start
	for {
		now := l.now()
		next, err := l.write(p, start, now)
		if err != nil {
			return 0, err
		}
		if p.over(now, l.tally.writes) && l.unanswered == 0 && l.undelivered == 0 {
			return now - start, nil
		}
		if err := l.turn(ctx, next-l.now()); err != nil {
			return 0, err
		}
		if l.undelivered+l.unanswered > 0 && l.now()-l.heard > stallAfter {
			return 0, fmt.Errorf("%w: for %v nothing came, with %d changes to be told and %d writes to be answered",
				errStalled, stallAfter, l.undelivered, l.unanswered)
		}
	}
}

// write sends what may be sent now, and says when it is to be called again at the latest.
func (l *load) write(p pace, start, now time.Duration) (next time.Duration, err error) {
	if p.rate == 0 {
		for l.unanswered < p.inFlight && !p.over(l.now(), l.tally.writes) {
			if err := l.send(l.now(), p.inFlight); err != nil {
				return 0, err
			}
		}
		return now + maxWait, nil
	}
	for {
		// When a write is due does not depend on how the ones before it fared; else a stall would hide itself.
		due := start + time.Duration(float64(l.tally.writes)/p.rate*float64(time.Second))
		if due > l.now() {
			return due, nil
		}
		if p.over(due, l.tally.writes) || l.unanswered >= maxPipelined*len(l.boards) {
			return now + maxWait, nil
		}
		if err := l.send(due, maxPipelined*len(l.boards)); err != nil {
			return 0, err
		}
	}
}

// send sends one write to a session of its own choosing, at most its share of what may be in flight.
func (l *load) send(due time.Duration, inFlight int) error {
	share := (inFlight + len(l.boards) - 1) / len(l.boards)
	at := rand.IntN(len(l.boards))
	for l.boards[at].inFlight >= share {
		at = (at + 1) % len(l.boards)
	}
	b := l.boards[at]
	t := b.begin(due)
	l.tally.writes++
	l.unanswered++
	l.undelivered += len(b.tabs)
	record(l.tally.late, l.now()-due)
	l.scratch[1] = l.dialect.appendWrite(l.scratch[1][:0], b.name, b.version, l.pad)
	return l.deliverTo(t, appendFrame(l.scratch[0][:0], opText, l.scratch[1]))
}

func (l *load) deliverTo(t *tab, frame []byte) error {
	l.scratch[0] = frame
	idle := len(t.out) == 0
	if err := t.send(frame); err != nil {
		return fmt.Errorf("a tab's connection: %w", err)
	}
	if idle && len(t.out) > 0 {
		l.unsent = append(l.unsent, t)
	}
	return nil
}

// rest lets the tabs be, answering pings, for a while.
func (l *load) rest(ctx context.Context, d time.Duration) error {
	for until := l.now() + d; l.now() < until; {
		if err := l.turn(ctx, until-l.now()); err != nil {
			return err
		}
	}
	return nil
}

// turn waits for what comes, at most so long, and handles it.
func (l *load) turn(ctx context.Context, wait time.Duration) error {
	if len(l.unsent) > 0 {
		wait = min(wait, time.Millisecond)
	}
	if err := l.poller.wait(min(wait, maxWait), l.read); err != nil {
		return err
	}
	if err := l.flush(); err != nil {
		return err
	}
	l.report()
	return errors.Join(l.failed, ctx.Err())
}

func (l *load) flush() error {
	still := l.unsent[:0]
	for _, t := range l.unsent {
		if err := t.flush(); err != nil {
			return fmt.Errorf("a tab's connection: %w", err)
		}
		if len(t.out) > 0 {
			still = append(still, t)
		}
	}
	l.unsent = still
	return nil
}

func (l *load) report() {
	if now := l.now(); now-l.reported >= time.Second {
		l.reported = now
		fmt.Fprintf(l.progress, "%4.0fs  writes %d  deliveries %d  folded %d  in flight %d  p99 %v\n", now.Seconds(), l.tally.writes,
			l.tally.deliveries, l.tally.folded, l.unanswered, quantile(l.tally.latency, 99).Round(10*time.Microsecond))
	}
}
