package pebblestore

import (
	"bytes"
	"io"
	"io/fs"
	"log/slog"
	"path/filepath"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/cockroachdb/pebble/v2"
	"github.com/cockroachdb/pebble/v2/vfs"
	"github.com/cockroachdb/pebble/v2/vfs/errorfs"

	"github.com/seshd/seshd/session"
)

// smallDisk is a file system with as much room as a test gives it; without any, whatever writes to it fails.
type smallDisk struct {
	vfs.FS
	free atomic.Int64
}

func newSmallDisk() *smallDisk {
	d := &smallDisk{}
	d.FS = errorfs.Wrap(vfs.Default, errorfs.InjectorFunc(func(op errorfs.Op) error {
		if d.free.Load() == 0 && op.Kind.ReadOrWrite() == errorfs.OpIsWrite && op.Kind != errorfs.OpLock { // a lock file takes no room
			return syscall.ENOSPC
		}
		return nil
	}))
	return d
}

func (d *smallDisk) GetDiskUsage(string) (vfs.DiskUsage, error) {
	return vfs.DiskUsage{AvailBytes: uint64(d.free.Load()) * (minFree / 2)}, nil
}

// looksAgain has the store look at its disk now, as it does each second.
func looksAgain(s *Store) {
	s.space.mu.Lock()
	defer s.space.mu.Unlock()
	s.space.at = time.Time{}
}

// Writes are refused before the disk is full, so that the database never meets the wall; reads go on, nothing acknowledged is lost,
// and when there is room again nobody has to do anything.
func TestAFullDisk(t *testing.T) {
	disk, dir := newSmallDisk(), t.TempDir()
	disk.free.Store(4)
	var log bytes.Buffer
	s, err := Open(dir, Options{Logger: slog.New(slog.NewTextHandler(&log, nil)), fs: disk})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	h := visitor(1, 1)
	acknowledged := 0
	for _, free := range []int64{4, 1, 0, 1, 4, 0, 4} { // in halves of what writes need
		disk.free.Store(free)
		looksAgain(s)
		for range 3 {
			err := updateNow(s, incremented(h))
			switch {
			case free < 2 && (err == nil || session.CodeOf(err) != session.Unavailable):
				t.Errorf("with %d halves of the room: %v", free, err)
			case free >= 2 && err != nil:
				t.Errorf("with room: %v", err)
			case err == nil:
				acknowledged++
			}
			if got := number(t, s, h); got != acknowledged {
				t.Errorf("readers see %d, %d were acknowledged", got, acknowledged)
			}
		}
		if err := s.Ready(t.Context()); (err == nil) != (free >= 2) {
			t.Errorf("ready with %d halves of the room: %v", free, err)
		}
	}
	if refused, again := strings.Count(log.String(), "writes are refused"), strings.Count(log.String(), "writes go on"); refused != 2 || again != 2 {
		t.Errorf("the log tells %d and %d times of it:\n%s", refused, again, &log)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	if got := number(t, openStore(t, dir), h); got != acknowledged {
		t.Errorf("%d are there, %d were acknowledged", got, acknowledged)
	}
}

// A start that cannot write says which directory, and what to do.
func TestAStartThatCannotWrite(t *testing.T) {
	for problem, want := range map[syscall.Errno]string{
		syscall.EROFS:  "is read-only; mount it writable, or choose another directory",
		syscall.EACCES: "give it to the user that seshd runs as",
		syscall.ENOSPC: "free some space there, then start again",
	} {
		dir := t.TempDir()
		_, err := Open(dir, Options{Logger: quiet.Logger, fs: noLock{vfs.Default, problem}})
		if err == nil || !strings.Contains(err.Error(), want) || !strings.Contains(err.Error(), filepath.Join(dir, databaseName)) ||
			strings.Contains(err.Error(), "another server") {
			t.Errorf("%v at the lock: %v", problem, err)
		}
	}
	dir := t.TempDir()
	_, err := Open(dir, Options{Logger: quiet.Logger, fs: newSmallDisk()})
	if err == nil || !strings.Contains(err.Error(), dir) || !strings.Contains(err.Error(), "0 MiB are free") {
		t.Errorf("without room: %v", err)
	}
	if _, err := Open("/proc/seshd/data", quiet); err == nil || !strings.Contains(err.Error(), "/proc/seshd") {
		t.Errorf("where no directory can be: %v", err)
	}
}

// noLock is a file system on which the lock file cannot be made.
type noLock struct {
	vfs.FS
	problem syscall.Errno
}

func (n noLock) Lock(name string) (io.Closer, error) {
	return nil, &fs.PathError{Op: "open", Path: name, Err: n.problem}
}

// What Pebble tries again without a pause is told now and then.
func TestFaultsDoNotFillTheLog(t *testing.T) {
	var log bytes.Buffer
	f := &faultLog{log: slog.New(slog.NewTextHandler(&log, nil)), path: "cherries"}
	for range 1000 {
		f.listener().BackgroundError(syscall.ENOSPC)
		f.listener().DataCorruption(pebble.DataCorruptionInfo{Path: "plums.sst", Details: io.ErrUnexpectedEOF})
	}
	named := strings.Contains(log.String(), "plums.sst") && strings.Contains(log.String(), "cherries")
	if lines := strings.Count(log.String(), "\n"); lines < 2 || lines > 10 || !named {
		t.Errorf("%d lines:\n%.1000s", lines, &log)
	}
}
