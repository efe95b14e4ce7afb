package pebblestore

import (
	"context"
	"runtime"

	"github.com/cockroachdb/pebble/v2"

	"github.com/seshd/seshd/session"
)

// What one commit takes together. The rest waits for the next, so that no commit outgrows a memtable by far.
const (
	maxGroup      = 4096
	maxGroupBytes = 8 << 20
)

// op is one piece of work for the committer: run on the transaction that it shares with the group, then answered.
type op struct {
	run    func(*tx)
	answer func(failed error) // failed: the group was not committed
}

var (
	errClosed = session.Refuse(session.Unavailable, "the session store is closed")
	errFull   = session.Refuse(session.Unavailable, "the session store has no room to write")
)

// submit gives an op to the committer. The first to wait wakes it; a lone writer is never kept waiting for company.
func (s *Store) submit(o op) {
	s.mu.Lock()
	if s.closed {
		s.mu.Unlock()
		o.answer(errClosed)
		return
	}
	s.waiting = append(s.waiting, o)
	if len(s.waiting) == 1 {
		select {
		case s.wake <- struct{}{}:
		default: // awake already
		}
	}
	s.mu.Unlock()
}

// do runs fn on a transaction and waits until it is durable. When ctx ends nobody waits any more, but fn may still run.
func (s *Store) do(ctx context.Context, fn func(*tx) error) error {
	var err error
	done := make(chan error, 1)
	s.submit(op{
		run: func(t *tx) { err = fn(t) },
		answer: func(failed error) {
			if failed != nil {
				err = failed
			}
			done <- err
		},
	})
	select {
	case err := <-done:
		return err
	case <-ctx.Done():
		return session.Refuse(session.Unavailable, "the session store does not answer in time")
	}
}

// commitAll is the committer: one goroutine that commits groups until the store is closed and nothing waits.
func (s *Store) commitAll() {
	for range s.wake {
		runtime.Gosched() // lets whoever is about to write join the group
		s.commitWaiting()
	}
	s.commitWaiting()
}

func (s *Store) commitWaiting() {
	for {
		s.mu.Lock()
		waiting := s.waiting
		s.waiting = nil
		s.mu.Unlock()
		if len(waiting) == 0 {
			return
		}
		for len(waiting) > 0 {
			waiting = waiting[s.commitGroup(waiting):]
		}
	}
}

// commitGroup runs, commits and answers the first of the waiting ops, and says how many.
func (s *Store) commitGroup(waiting []op) int {
	t := newTx(s)
	n := 0
	for n < len(waiting) && n < maxGroup && t.bytes < maxGroupBytes {
		waiting[n].run(t)
		n++
	}
	err := s.commit(t)
	for _, o := range waiting[:n] {
		o.answer(err)
	}
	return n
}

// commit makes a transaction durable and only then visible.
func (s *Store) commit(t *tx) error {
	if s.failed != nil {
		return s.fault(s.failed)
	}
	if t.empty() {
		return nil
	}
	if s.space.check() != nil {
		return errFull
	}
	batch := s.db.NewBatch()
	defer batch.Close()
	if err := t.encode(batch); err != nil {
		return s.fault(err)
	}
	s.hide(t) // Pebble shows a batch before it is synced
	if err := batch.Commit(pebble.Sync); err != nil {
		s.failed = err
		return s.fault(err) // t stays hidden: nobody knows what of it is on disk
	}
	s.show(t)
	return nil
}

func (s *Store) hide(t *tx) {
	s.visible.Lock()
	s.hidden = t
	s.visible.Unlock()
}

func (s *Store) show(t *tx) {
	s.visible.Lock()
	defer s.visible.Unlock()
	s.hidden = nil
	s.newest += uint64(len(t.lives))
	s.oldest = max(s.oldest, t.forget)
	for id, staged := range t.records {
		if staged.next != staged.committed {
			s.cache.put(id, staged.next)
		}
	}
}

// Update queues a read-modify-write of a session.
func (s *Store) Update(u session.Update) {
	var (
		current *session.Record
		event   session.Event
		changed bool
		err     error
	)
	s.submit(op{
		run: func(t *tx) { current, event, changed, err = t.update(u) },
		answer: func(failed error) {
			if failed != nil {
				u.Done(nil, failed)
				return
			}
			if changed {
				s.feed(event)
			}
			u.Done(current, err)
		},
	})
}

// Login queues a read-modify-write of two sessions.
func (s *Store) Login(a session.Admission) {
	var (
		events []session.Event
		err    error
	)
	s.submit(op{
		run: func(t *tx) { events, err = t.login(a) },
		answer: func(failed error) {
			if failed != nil {
				a.Done(failed)
				return
			}
			for _, event := range events {
				s.feed(event)
			}
			a.Done(err)
		},
	})
}
