package pebblestore

import (
	"runtime"

	"github.com/cockroachdb/pebble/v2"
)

// What one commit takes together. The rest waits for the next, so that no commit outgrows a memtable by far.
const (
	maxGroup      = 4096
	maxGroupBytes = 8 << 20

	// worthASync is how many ops leave together although more wait, if the disk has nothing to do. Half of 128 writers then wait for
	// the disk while the other half is run.
	worthASync = 64
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

// runAll is the runner, the first half of the committer: it runs what waits on a transaction, and hands that on as soon as the
// second half is through with the one before. It ends when the store is closed and nothing waits.
func (s *Store) runAll(t *tx, built chan<- *tx) {
	defer close(built)
	wake := s.wake
	for pending := []op(nil); wake != nil || len(pending) > 0 || len(t.ops) > 0; {
		if len(pending) > 0 && !t.full() {
			t.run(pending[0])
			if pending = pending[1:]; len(t.ops) >= worthASync {
				select {
				case built <- t:
					t = newTx(s, t)
				default:
				}
			}
			continue
		}
		hand := built
		if len(t.ops) == 0 {
			hand = nil
		}
		select {
		case hand <- t:
			t = newTx(s, t)
		case _, open := <-wake:
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
