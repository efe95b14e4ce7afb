package bench

import (
	"context"
	"errors"
	"fmt"
	"net"
	"sync"
	"sync/atomic"
	"time"
)

const (
	// openers is how many sessions are being opened at once: enough to keep a server busy, fewer than its backlog of 128 or more.
	openers = 64
	// spareFiles is for what a process has open besides tabs.
	spareFiles = 64
)

// opened is a tab whose handshake is done.
type opened struct {
	tab  *tab
	conn net.Conn
	rest []byte
	err  error
}

// open opens sessions with their tabs, and returns once each tab has its first frame.
func (l *load) open(ctx context.Context, to targets, sessions, tabs int) error {
	if err := allowFiles(uint64((len(l.boards)+sessions)*tabs + spareFiles)); err != nil {
		return err
	}
	ctx, stop := context.WithCancel(ctx)
	done := make(chan opened, openers)
	boards := make([]*board, sessions)
	for i := range boards {
		boards[i] = &board{tabs: make([]*tab, tabs)}
		for n := range tabs {
			boards[i].tabs[n] = &tab{board: boards[i], index: int32(n)}
		}
	}
	var opening sync.WaitGroup
	var next atomic.Int64
	first := len(l.boards)
	for range min(openers, sessions) {
		opening.Go(func() {
			for n := int(next.Add(1)) - 1; n < sessions && ctx.Err() == nil; n = int(next.Add(1)) - 1 {
				to.openBoard(ctx, boards[n], (first+n)*tabs, done)
			}
		})
	}
	defer func() {
		stop()
		go func() { opening.Wait(); close(done) }()
		for o := range done { // those that came too late
			if o.conn != nil {
				o.conn.Close()
			}
		}
	}()
	l.boards = append(l.boards, boards...)
	return l.join(ctx, done, sessions*tabs)
}

// join lets the poller take over the tabs as they come, and serves them meanwhile.
func (l *load) join(ctx context.Context, done <-chan opened, left int) error {
	l.unjoined += left
	l.heard = l.now()
	for left > 0 || l.unjoined > 0 {
		for more := left > 0; more; {
			select {
			case o := <-done:
				if o.err != nil {
					return fmt.Errorf("opening tabs: %w", o.err)
				}
				if err := l.poller.add(o.conn, o.tab); err != nil {
					return err
				}
				left--
				l.read(o.tab, o.rest, nil)
			default:
				more = false
			}
			more = more && left > 0
		}
		if err := l.turn(ctx, time.Millisecond); err != nil {
			return err
		}
		if l.now()-l.heard > stallAfter {
			return fmt.Errorf("%w: %d tabs wait for their handshake or their first frame", errStalled, left+l.unjoined)
		}
	}
	return nil
}

// openBoard opens the tabs of a session, one after the other: all join what the first began.
func (to targets) openBoard(ctx context.Context, b *board, first int, done chan<- opened) {
	for i, t := range b.tabs {
		o := opened{tab: t}
		n := first + i
		if o.conn, o.err = to.at(n).dial(ctx, n); o.err == nil {
			b.name, o.rest, o.err = to.at(n).visit(o.conn, n, b.name)
		}
		if ctx.Err() != nil && o.err == nil {
			o.err = errors.Join(ctx.Err(), o.conn.Close())
		}
		done <- o
		if o.err != nil {
			return
		}
	}
}
