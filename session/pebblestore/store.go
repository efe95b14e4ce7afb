// Package pebblestore keeps sessions on the local disk, in a Pebble database behind a group committer.
//
// What it promises beyond the contract of session.Store: every commit is fsynced before anybody hears of it, writers that come
// together share one fsync, start-up does not read the sessions, and one directory serves one process at a time.
package pebblestore

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"github.com/cockroachdb/pebble/v2"
	"github.com/cockroachdb/pebble/v2/vfs"
	"github.com/prometheus/client_golang/prometheus"
	"golang.org/x/time/rate"

	"github.com/seshd/seshd/session"
)

// Options tune a Store; the zero value is good.
type Options struct {
	Logger *slog.Logger // nil: slog.Default()
	// CacheBytes bounds the memory for the sessions that were written last, which the next write to them need not read.
	// 0: DefaultCacheBytes, negative: none.
	CacheBytes int

	fs vfs.FS // nil: the system's
}

// Of faults so many are logged as they come, then one each pause: a disk that fails fails everybody.
const (
	faultBurst = 100
	faultPause = time.Second
)

// DefaultCacheBytes holds some 150,000 small sessions.
const DefaultCacheBytes = 128 << 20

// Store is a session.Store. It may be used concurrently.
type Store struct {
	dir    string
	db     *pebble.DB
	log    *slog.Logger
	faults rate.Sometimes // of those that are logged; metrics count all

	mu      sync.Mutex // guards waiting and closed
	waiting []op
	closed  bool
	wake    chan struct{} // holds one token while waiting is not empty
	done    chan struct{} // closed when all is committed and the database closed

	visible sync.RWMutex   // held by readers, and by the committer to change what they see
	hidden  []*tx          // applied, oldest first, and not synced yet: readers see what was before them
	shut    bool           // the database is closed, or waits for the exports to end
	exports sync.WaitGroup // and backups: who holds the database open
	cache   *cache
	oldest  uint64 // the first line of the story that was not forgotten
	newest  uint64 // the last one that readers may see

	lineage                session.Lineage // static
	keptLives, forgetLives uint64          // static; tests make them small

	space   spaceCheck
	metrics metrics

	// Owned by tellAll.
	feed   func(session.Event)
	failed error // set by the first commit that failed: nothing is acknowledged after it
}

var _ interface {
	session.Store
	session.Keeper
	session.Copier
	prometheus.Collector
} = (*Store)(nil)

// Load returns the committed record, or nil.
func (s *Store) Load(_ context.Context, id session.ID) (*session.Record, error) {
	s.visible.RLock()
	defer s.visible.RUnlock()
	if s.shut {
		return nil, errClosed
	}
	for _, unsynced := range s.hidden {
		if staged, ok := unsynced.records[id]; ok {
			return staged.committed, nil
		}
	}
	return s.committedRecord(id)
}

// warm has the cache know a record that is about to be written. The writers read beside each other, and beside the
// committer; it would have to read for them one after the other.
func (s *Store) warm(id session.ID) {
	if s.cache.has(id) {
		return
	}
	s.visible.RLock() // nothing is committed meanwhile, which what is put here would undo
	defer s.visible.RUnlock()
	if s.shut {
		return
	}
	for _, unsynced := range s.hidden {
		if _, ok := unsynced.records[id]; ok {
			return
		}
	}
	if r, err := s.committedRecord(id); err == nil && r != nil {
		s.cache.put(id, r)
	}
}

// Token returns what is known of a token.
func (s *Store) Token(_ context.Context, key session.TokenKey) (*session.TokenRecord, error) {
	value, err := s.visibleValue(tokenKey(key))
	if err != nil {
		return nil, err
	}
	return session.DecodeToken(value)
}

// UserSessions lists the sessions of a user.
func (s *Store) UserSessions(_ context.Context, user string) ([]session.ID, error) {
	value, err := s.visibleValue(userKey(user))
	if err != nil {
		return nil, err
	}
	return decodeIDs(value)
}

// visibleValue reads a value as readers may see it, nil where there is none.
func (s *Store) visibleValue(key string) ([]byte, error) {
	s.visible.RLock()
	defer s.visible.RUnlock()
	if s.shut {
		return nil, errClosed
	}
	for _, unsynced := range s.hidden {
		if staged, ok := unsynced.values[key]; ok {
			return staged.committed, nil
		}
	}
	return s.committedValue(key)
}

// committedRecord reads past what is hidden; the caller is the committer or holds visible.
func (s *Store) committedRecord(id session.ID) (*session.Record, error) {
	if r := s.cache.get(id); r != nil {
		return r, nil
	}
	value, err := s.committedValue(sessionKey(id))
	if err != nil || value == nil {
		return nil, err
	}
	r, err := s.decodeRecord(value)
	if err != nil {
		return nil, s.fault(fmt.Errorf("session %s: %w", id, err))
	}
	return r, nil
}

// committedValue returns a copy of a value, nil where there is none.
func (s *Store) committedValue(key string) ([]byte, error) {
	value, closer, err := s.db.Get([]byte(key))
	if errors.Is(err, pebble.ErrNotFound) {
		return nil, nil
	}
	if err != nil {
		return nil, s.fault(err)
	}
	defer closer.Close()
	return append([]byte{}, value...), nil
}

// fault logs what went wrong and returns what a client may know of it.
func (s *Store) fault(err error) error {
	s.metrics.faults.Inc()
	s.faults.Do(func() { s.log.Error("store fault", "data", s.dir, "error", err) })
	return session.Refuse(session.Unavailable, "the session store cannot be reached")
}

// Feed sets the function that hears of every commit.
func (s *Store) Feed(feed func(session.Event)) { s.feed = feed }

// Ready says whether the store takes writes.
func (s *Store) Ready(ctx context.Context) error {
	s.mu.Lock()
	closed := s.closed
	s.mu.Unlock()
	if closed {
		return errClosed
	}
	if err := s.space.check(); err != nil {
		return err
	}
	return s.do(ctx, func(*tx) error { return nil })
}

// Close commits what is waiting, flushes, and closes the database.
func (s *Store) Close() error {
	s.mu.Lock()
	if !s.closed {
		s.closed = true
		close(s.wake)
	}
	s.mu.Unlock()
	<-s.done
	return s.failed
}
