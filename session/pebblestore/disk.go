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

// damageLog names each damaged file once, lest those who read it again and again fill the log. Without it Pebble would end the
// process for the sake of one file: what is in that is unavailable, and all else goes on.
type damageLog struct {
	log   *slog.Logger
	mu    sync.Mutex // guards named
	named map[string]bool
}

func (d *damageLog) damaged(info pebble.DataCorruptionInfo) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.named[info.Path] {
		return
	}
	if d.named == nil {
		d.named = make(map[string]bool)
	}
	d.named[info.Path] = true
	d.log.Error("a file of the database is damaged, and what is in it unavailable: seshd check tells what that is, seshd restore puts a backup into another directory",
		"file", info.Path, "error", info.Details)
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
