//go:build !linux

package pebblestore

import (
	"os"
	"time"
)

func syncData(f *os.File) error { return f.Sync() }

// cpuTime is not asked for here.
func cpuTime() time.Duration { return 0 }
