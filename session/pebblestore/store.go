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
	"os"
	"path/filepath"
	"sync"

	"github.com/cockroachdb/pebble/v2"
	"github.com/cockroachdb/pebble/v2/bloom"
	"github.com/cockroachdb/pebble/v2/sstable/block"
	"github.com/cockroachdb/pebble/v2/vfs"

	"github.com/seshd/seshd/session"
)

// Chosen by measurement at 128 writers on 2 cores: Pebble's defaults stall writes for seconds when flushes fall behind. Memtables of 32 and
// 64 MiB were no faster, and take longer to replay.
const (
	memTableSize = 16 << 20 // eight of these are the most that a start after a crash replays: well under a second
	memTables    = 8
	l0StopWrites = 1000
	l0Compact    = 8 // sorted runs; Pebble's 4 compacts the same small records twice as often
	compactions  = 2
	blobFrom     = 256 // bytes; larger values move to blob files, which compactions do not rewrite
	bloomBits    = 10  // a key: one question in a hundred goes astray
	blockCache   = 64 << 20
	minFree      = max(256<<20, 4*memTableSize) // Pebble ends the process when it cannot write, so writes are refused before that
	dirMode      = 0o700
	databaseName = "db"
)

// Options tune a Store; the zero value is good.
type Options struct {
	Logger *slog.Logger // nil: slog.Default()
	// CacheBytes bounds the memory for the sessions that were written last, which the next write to them need not read.
	// 0: DefaultCacheBytes, negative: none.
	CacheBytes int

	fs vfs.FS // nil: the system's
}

// DefaultCacheBytes holds some 150,000 small sessions.
const DefaultCacheBytes = 128 << 20

// Store is a session.Store. It may be used concurrently.
type Store struct {
	dir string
	db  *pebble.DB
	log *slog.Logger

	mu      sync.Mutex // guards waiting and closed
	waiting []op
	closed  bool
	wake    chan struct{} // holds one token while waiting is not empty
	done    chan struct{} // closed when all is committed and the database closed

	visible sync.RWMutex // held by readers, and by the committer to change what they see
	hidden  []*tx        // applied, oldest first, and not synced yet: readers see what was before them
	shut    bool         // the database is closed, or waits for the exports to end
	exports sync.WaitGroup
	cache   *cache
	oldest  uint64 // the first line of the story that was not forgotten
	newest  uint64 // the last one that readers may see

	keptLives, forgetLives uint64 // static; tests make them small

	space spaceCheck

	// Owned by tellAll.
	feed   func(session.Event)
	failed error // set by the first commit that failed: nothing is acknowledged after it
}

var _ interface {
	session.Store
	session.Keeper
} = (*Store)(nil)

// Open opens the store in a directory, which it makes (mode 0700) where there is none.
func Open(dir string, o Options) (*Store, error) {
	if o.Logger == nil {
		o.Logger = slog.Default()
	}
	if o.CacheBytes == 0 {
		o.CacheBytes = DefaultCacheBytes
	}
	path, err := makeDirectory(dir, o.Logger)
	if err != nil {
		return nil, fmt.Errorf("data directory: %w", err)
	}
	lock, err := pebble.LockDirectory(path, vfs.Default)
	if err != nil {
		return nil, fmt.Errorf("%w: %s is in use by another server; give this one a directory of its own (%v)", ErrLocked, dir, err)
	}
	db, err := pebble.Open(path, pebbleOptions(lock, o))
	if err != nil {
		return nil, errors.Join(fmt.Errorf("open %s: %w", path, err), lock.Close())
	}
	if err := checkFormat(db); err != nil {
		return nil, errors.Join(fmt.Errorf("%s: %w", path, err), db.Close(), lock.Close())
	}
	oldest, newest, err := storyBounds(db)
	if err != nil {
		return nil, errors.Join(fmt.Errorf("%s: %w", path, err), db.Close(), lock.Close())
	}
	s := &Store{
		dir: dir, db: db, oldest: oldest, newest: newest, log: o.Logger,
		wake: make(chan struct{}, 1), done: make(chan struct{}),
		cache: newCache(o.CacheBytes), keptLives: keptLives, forgetLives: forgetLives,
		feed:  func(session.Event) {},
		space: spaceCheck{path: path, log: o.Logger},
	}
	unsynced := make(chan *tx, maxUnsynced)
	go s.commitAll(newTx(s), unsynced)
	go func() {
		defer close(s.done)
		s.tellAll(unsynced)
		s.visible.Lock()
		s.shut = true
		s.visible.Unlock()
		s.exports.Wait()                                                       // they hold the database, and end at their next line
		s.failed = errors.Join(s.failed, db.Flush(), db.Close(), lock.Close()) // flushed, so that the next start replays nothing
	}()
	return s, nil
}

// makeDirectory makes the data directory, and the database's in it, for the owner alone. The mode of a directory that holds
// other things than ours is not ours to change.
func makeDirectory(dir string, log *slog.Logger) (database string, err error) {
	database = filepath.Join(dir, databaseName)
	if err := os.MkdirAll(dir, dirMode); err != nil {
		return "", err
	}
	if entries, err := os.ReadDir(dir); err != nil {
		return "", err
	} else if _, err := os.Stat(database); err != nil && len(entries) > 0 {
		log.Warn("the data directory holds other things too: its mode stays as it is", "data", dir)
	} else if err := os.Chmod(dir, dirMode); err != nil { // a mounted volume may belong to somebody else
		log.Warn("the data directory's mode stays as it is; others may be able to read it", "data", dir, "error", err)
	}
	return database, os.MkdirAll(database, dirMode)
}

// ErrLocked is in the error of Open where another process has the directory.
var ErrLocked = errors.New("data directory is locked")

func pebbleOptions(lock *pebble.Lock, options Options) *pebble.Options {
	o := &pebble.Options{
		Lock:                        lock,
		FormatMajorVersion:          pebble.FormatValueSeparation, // pinned: an upgrade is a decision, not an accident
		MemTableSize:                memTableSize,
		MemTableStopWritesThreshold: memTables,
		L0StopWritesThreshold:       l0StopWrites,
		L0CompactionThreshold:       l0Compact,
		CompactionConcurrencyRange:  func() (int, int) { return 1, compactions },
		CacheSize:                   blockCache,
		Logger:                      pebbleLog{options.Logger},
		FS:                          options.fs,
	}
	for i := range o.Levels {
		o.Levels[i].Compression = func() *block.CompressionProfile { return block.NoCompression } // a tenth of a write's CPU
		o.Levels[i].FilterPolicy = bloom.FilterPolicy(bloomBits)                                  // who begins a session asks for what is not there
	}
	o.Experimental.ValueSeparationPolicy = func() pebble.ValueSeparationPolicy {
		return pebble.ValueSeparationPolicy{
			Enabled: true, MinimumSize: blobFrom, MaxBlobReferenceDepth: 10,
			RewriteMinimumAge: blobRewriteAge, TargetGarbageRatio: blobGarbage,
		}
	}
	return o
}

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
	r, err := session.DecodeRecord(value)
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
	s.log.Error("store fault", "data", s.dir, "error", err)
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
