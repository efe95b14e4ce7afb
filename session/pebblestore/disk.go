package pebblestore

import (
	"fmt"
	"log/slog"
	"os"
	"sync"
	"time"

	"github.com/cockroachdb/pebble/v2/vfs"
)

const (
	spaceCheckEvery = time.Second // the slack of minFree is far more than can be written meanwhile
	blobRewriteAge  = 5 * time.Minute
	blobGarbage     = 0.3
)

// spaceCheck refuses writes while the disk is nearly full.
type spaceCheck struct {
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
		if usage, err := vfs.Default.GetDiskUsage(c.path); err == nil && usage.AvailBytes < minFree {
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

// pebbleLog hands Pebble's log to ours.
type pebbleLog struct{ log *slog.Logger }

func (l pebbleLog) Infof(format string, args ...any) {
	l.log.Debug("pebble", "event", fmt.Sprintf(format, args...))
}

func (l pebbleLog) Errorf(format string, args ...any) {
	l.log.Error("pebble", "event", fmt.Sprintf(format, args...))
}

// Fatalf is called where the database cannot be written any more. It must not return: nothing unsynced was acknowledged,
// and a new start finds everything that was.
func (l pebbleLog) Fatalf(format string, args ...any) {
	l.log.Error("the database cannot go on; nothing acknowledged is lost: check the disk that the error names, then start again",
		"error", fmt.Sprintf(format, args...))
	os.Exit(1)
}
