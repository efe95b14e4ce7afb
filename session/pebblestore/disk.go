package pebblestore

import (
	"fmt"
	"log/slog"
	"os"
	"sync"
	"time"

	"github.com/cockroachdb/pebble/v2"
	"github.com/cockroachdb/pebble/v2/vfs"
)

const (
	spaceCheckEvery = time.Second // the slack of minFree is far more than can be written meanwhile
	blobRewriteAge  = 5 * time.Minute
	blobGarbage     = 0.3
)

// spaceCheck refuses writes while the disk is nearly full.
type spaceCheck struct {
	fs   vfs.FS
	path string
	log  *slog.Logger
	mu   sync.Mutex // guards what follows
	at   time.Time
	err  error
}

func (c *spaceCheck) check() error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if now := time.Now(); now.Sub(c.at) >= spaceCheckEvery {
		c.at = now
		before := c.err
		c.err = nil
		if usage, err := c.fs.GetDiskUsage(c.path); err == nil && usage.AvailBytes < minFree {
			c.err = fmt.Errorf("the disk of %s has %d MiB free, writes need %d: free some space, they go on by themselves",
				c.path, usage.AvailBytes>>20, uint64(minFree)>>20)
		}
		if c.err != nil && before == nil { // once, lest the log fill what is left
			c.log.Error("writes are refused", "error", c.err)
		} else if c.err == nil && before != nil {
			c.log.Info("writes go on: there is space again")
		}
	}
	return c.err
}

// faultLog tells of what goes wrong behind the scenes, each damaged file once, and what Pebble tries again without a pause now and
// then: those who fail again and again must not fill the log.
type faultLog struct {
	log   *slog.Logger
	path  string
	mu    sync.Mutex // guards what follows
	named map[string]bool
	told  time.Time
}

// listener is for Pebble, which without it would end the process for the sake of one damaged file.
func (f *faultLog) listener() *pebble.EventListener {
	return &pebble.EventListener{DataCorruption: f.damaged, BackgroundError: f.failed}
}

func (f *faultLog) damaged(info pebble.DataCorruptionInfo) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.named[info.Path] {
		return
	}
	if f.named == nil {
		f.named = make(map[string]bool)
	}
	f.named[info.Path] = true
	f.log.Error("a file of the database is damaged, and what is in it unavailable: seshd check tells what that is, seshd restore puts a backup into another directory",
		"file", info.Path, "error", info.Details)
}

func (f *faultLog) failed(err error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if now := time.Now(); now.Sub(f.told) >= faultPause {
		f.told = now
		f.log.Error("the database cannot tidy up behind its writes, and tries again: look after the disk of this directory", "database", f.path, "error", err)
	}
}

// pebbleLog hands Pebble's log to ours.
type pebbleLog struct {
	log  *slog.Logger
	path string
}

func (l pebbleLog) Infof(format string, args ...any) {
	l.log.Debug("pebble", "event", fmt.Sprintf(format, args...))
}

func (l pebbleLog) Errorf(format string, args ...any) {
	l.log.Error("pebble", "event", fmt.Sprintf(format, args...))
}

// Fatalf is called where the database cannot be written any more. It must not return: nothing unsynced was acknowledged,
// and a new start finds everything that was.
func (l pebbleLog) Fatalf(format string, args ...any) {
	l.log.Error("the database cannot be written, so the server ends; nothing acknowledged is lost: look after the disk of this directory, then start again",
		"database", l.path, "error", fmt.Sprintf(format, args...))
	os.Exit(1)
}
