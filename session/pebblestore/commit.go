package pebblestore

import (
	"runtime"
	"time"

	"github.com/cockroachdb/pebble/v2"
)

// What one group takes. The rest goes into the next, which need not wait for this one to be synced.
const (
	maxGroup      = 64 // of 16, 32, 64 and 128 the best at 128 writers: 57, 75, 87 and 78 thousand mutations/s
	maxGroupBytes = 8 << 20

	// maxUnsynced is how many groups wait for the disk before the committer does; what they changed is looked up in each. 8 were
	// slower by a twentieth, and one after the other by a tenth.
	maxUnsynced = 2
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

// commitAll is the committer: it runs what waits in groups, one after the other, until the store is closed and nothing waits.
func (s *Store) commitAll(t *tx, unsynced chan<- *tx) {
	defer close(unsynced)
	for open := true; open; {
		_, open = <-s.wake
		runtime.Gosched() // lets whoever is about to write join the group
		for waiting := s.takeWaiting(); len(waiting) > 0; {
			waiting = waiting[t.run(waiting):]
			t.failed = s.apply(t)
			unsynced <- t
			t = t.next()
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

// apply hands a transaction to Pebble, which shows it to whoever reads Pebble from then on, and syncs it by and by.
func (s *Store) apply(t *tx) error {
	if t.failed != nil || t.empty() {
		return t.failed
	}
	t.began = time.Now()
	t.batch = s.db.NewBatch()
	if err := t.encode(t.batch); err != nil {
		return err
	}
	s.hide(t)
	return s.db.ApplyNoSyncWait(t.batch, pebble.Sync)
}

func (s *Store) hide(t *tx) {
	s.visible.Lock()
	s.hidden = append(s.hidden, t)
	s.visible.Unlock()
}

// tellAll is the other half of the committer: it waits until one group after the other is durable, shows it, and answers.
func (s *Store) tellAll(unsynced <-chan *tx) {
	for t := range unsynced {
		err := s.sync(t)
		for _, o := range t.ops {
			o.answer(err)
		}
	}
}

// sync waits until a transaction is durable and makes it visible. After one that failed none succeeds: it ran on what that left.
func (s *Store) sync(t *tx) error {
	if s.failed == nil {
		s.failed = t.failed
	}
	if s.failed == nil && t.batch != nil {
		if s.failed = t.batch.SyncWait(); s.failed != nil {
			pebbleLog{s.log, s.space.path}.Fatalf("sync: %v", s.failed) // Pebble does so itself only for those who wait in Commit
		}
	}
	if s.failed != nil {
		return s.fault(s.failed) // t stays hidden: nobody knows what of it is on disk
	}
	if t.batch != nil {
		s.metrics.committed(t.began)
		s.show(t)
		_ = t.batch.Close() // gives its memory back; what was in it is durable
	}
	return nil
}

// show makes the oldest of the hidden visible.
func (s *Store) show(t *tx) {
	s.visible.Lock()
	defer s.visible.Unlock()
	s.hidden[0] = nil // what is shown is not to be kept alive from here
	s.hidden = s.hidden[1:]
	s.newest = max(s.newest, t.newest+uint64(len(t.lives)))
	s.oldest = max(s.oldest, t.forget)
	for id, staged := range t.records {
		if staged.next != staged.committed {
			s.cache.put(id, staged.next)
		}
	}
}
