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

// runAll is the runner, the first half of the committer: it runs what waits on a transaction, and hands that to the second half as soon
// as that has committed the one before. Until then whoever comes joins the group. It ends when the store is closed and nothing waits.
func (s *Store) runAll(built chan<- *tx) {
	defer close(built)
	t, wake := newTx(s, nil), s.wake
	for pending := []op(nil); wake != nil || len(pending) > 0 || len(t.ops) > 0; {
		for len(pending) > 0 && !t.full() {
			t.run(pending[0])
			pending = pending[1:]
		}
		hand, more := built, wake
		if len(t.ops) == 0 {
			hand = nil
		}
		if t.full() {
			more = nil
		}
		if s.space.check() != nil && !t.empty() {
			t.answer(errFull)
			t = newTx(s, t.below)
			continue
		}
		select {
		case hand <- t:
			s.numbered, s.forgotten = t.numbered+uint64(len(t.lives)), max(s.forgotten, t.forget)
			t = newTx(s, t)
		case _, open := <-more:
			if !open {
				wake = nil
			}
			runtime.Gosched() // lets whoever is about to write join the group
			pending = append(pending, s.takeWaiting()...)
		}
	}
}

func (s *Store) takeWaiting() []op {
	s.mu.Lock()
	defer s.mu.Unlock()
	waiting := s.waiting
	s.waiting = nil
	return waiting
}

// commitAll is the second half of the committer: it makes one transaction after the other durable, and answers.
func (s *Store) commitAll(built <-chan *tx) {
	for t := range built {
		t.answer(s.commit(t))
	}
}

// commit makes a transaction durable and only then visible. After one that failed none succeeds: it ran on what that left.
func (s *Store) commit(t *tx) error {
	if s.failed == nil && !t.empty() {
		s.failed = s.write(t)
	}
	if s.failed != nil {
		return s.fault(s.failed)
	}
	return nil
}

func (s *Store) write(t *tx) error {
	batch := s.db.NewBatch()
	defer batch.Close()
	if err := t.encode(batch); err != nil {
		return err
	}
	s.hide(t) // Pebble shows a batch before it is synced
	if err := batch.Commit(pebble.Sync); err != nil {
		return err // t stays hidden: nobody knows what of it is on disk
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
	s.warm(u.Handle.ID)
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
