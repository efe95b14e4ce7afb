package pebblestore

import (
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"syscall"

	details "github.com/cockroachdb/errors"
	"github.com/cockroachdb/pebble/v2"
	"github.com/cockroachdb/pebble/v2/bloom"
	"github.com/cockroachdb/pebble/v2/sstable/block"
	"github.com/cockroachdb/pebble/v2/vfs"
	"golang.org/x/time/rate"

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
	startFree    = memTables * memTableSize     // what a start may have to write, of which Pebble would try again and again without a pause
	dirMode      = 0o700
	databaseName = "db"
)

// Open opens the store in a directory, which it makes (mode 0700) where there is none.
func Open(dir string, o Options) (*Store, error) {
	o = o.withDefaults()
	marked, err := readMark(dir)
	if err != nil {
		return nil, err
	}
	path, err := makeDirectory(dir, o.Logger)
	if err != nil {
		return nil, explain(dir, fmt.Errorf("data directory: %w", err))
	}
	lock, err := lockDirectory(dir, path, o)
	if err != nil {
		return nil, err
	}
	s := &Store{
		dir: dir, log: o.Logger, faults: rate.Sometimes{First: faultBurst, Interval: faultPause},
		wake: make(chan struct{}, 1), done: make(chan struct{}),
		cache: newCache(o.CacheBytes), keptLives: keptLives, forgetLives: forgetLives,
		feed:  func(session.Event) {},
		space: spaceCheck{fs: o.files(), path: path, log: o.Logger},
	}
	s.metrics = newMetrics(s)
	if err := s.openDatabase(path, lock, o, marked); err != nil {
		return nil, errors.Join(explain(path, err), lock.Close())
	}
	unsynced := make(chan *tx, maxUnsynced)
	go s.commitAll(newTx(s), unsynced)
	go func() {
		defer close(s.done)
		s.tellAll(unsynced)
		s.visible.Lock()
		s.shut = true
		s.visible.Unlock()
		s.exports.Wait()                                                           // they hold the database, and end at their next line
		s.failed = errors.Join(s.failed, s.db.Flush(), s.db.Close(), lock.Close()) // flushed, so that the next start replays nothing
	}()
	return s, nil
}

func (o Options) withDefaults() Options {
	if o.Logger == nil {
		o.Logger = slog.Default()
	}
	if o.CacheBytes == 0 {
		o.CacheBytes = DefaultCacheBytes
	}
	return o
}

// files is the file system, for what Pebble does not do itself.
func (o Options) files() vfs.FS {
	if o.fs == nil {
		return vfs.Default
	}
	return o.fs
}

// openDatabase opens the database and reads what the store needs to know of it.
func (s *Store) openDatabase(path string, lock *pebble.Lock, o Options, marked int) (err error) {
	if err := removeLeft(s.dir, checkpointPattern); err != nil {
		return err
	}
	if usage, err := o.files().GetDiskUsage(path); err == nil && usage.AvailBytes < startFree {
		return fmt.Errorf("%d MiB are free, a start needs %d: %w", usage.AvailBytes>>20, uint64(startFree)>>20, syscall.ENOSPC)
	}
	if err := checkManifest(path, o.files()); err != nil {
		return err
	}
	if s.db, err = pebble.Open(path, pebbleOptions(path, lock, o)); err != nil {
		return err
	}
	if _, err = formatOf(s.db); err == nil {
		err = writeMark(s.dir, marked) // before the database is marked, and holds anything new
	}
	if err == nil {
		err = markFormat(s.db)
	}
	if err == nil {
		s.lineage, err = readLineage(s.db)
	}
	if err == nil {
		s.oldest, s.newest, err = storyBounds(s.db, s.lineage)
	}
	if err != nil {
		return errors.Join(err, s.db.Close())
	}
	return nil
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

func lockDirectory(dir, path string, o Options) (*pebble.Lock, error) {
	lock, err := pebble.LockDirectory(path, o.files())
	if unwritable := (*fs.PathError)(nil); errors.As(err, &unwritable) {
		return nil, explain(path, err)
	}
	if err != nil {
		return nil, fmt.Errorf("%w: %s is in use by another server; give this one a directory of its own (%v)", ErrLocked, dir, err)
	}
	return lock, nil
}

// explain says of an error that a path gave what to do about it.
func explain(path string, err error) error {
	err = fmt.Errorf("%s: %w", path, err)
	switch {
	case errors.Is(err, syscall.EROFS):
		return fmt.Errorf("%w: its file system is read-only; mount it writable, or choose another directory", err)
	case errors.Is(err, fs.ErrPermission):
		return fmt.Errorf("%w: give it to the user that seshd runs as, or choose another directory", err)
	case errors.Is(err, syscall.ENOSPC):
		return fmt.Errorf("%w: free some space there, then start again; nothing acknowledged is lost", err)
	case pebble.IsCorruptionError(err):
		return fmt.Errorf("%w (%s): this is damaged; seshd check tells what else is, and seshd restore puts a backup into another directory",
			withFile(err), details.FlattenDetails(err))
	}
	return err
}

// withFile has an error name the damaged file that Pebble met.
func withFile(err error) error {
	if info := pebble.ExtractDataCorruptionInfo(err); info != nil {
		return fmt.Errorf("%s: %w", info.Path, err)
	}
	return err
}

func pebbleOptions(path string, lock *pebble.Lock, options Options) *pebble.Options {
	o := &pebble.Options{
		Lock:                        lock,
		FormatMajorVersion:          pebble.FormatValueSeparation, // pinned: an upgrade is a decision, not an accident
		MemTableSize:                memTableSize,
		MemTableStopWritesThreshold: memTables,
		L0StopWritesThreshold:       l0StopWrites,
		L0CompactionThreshold:       l0Compact,
		CompactionConcurrencyRange:  func() (int, int) { return 1, compactions },
		CacheSize:                   blockCache,
		Logger:                      pebbleLog{options.Logger, path},
		EventListener:               (&faultLog{log: options.Logger, path: path}).listener(),
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
