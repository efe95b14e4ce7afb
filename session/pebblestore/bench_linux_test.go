package pebblestore

import (
	"os"
	"syscall"
)

// syncData is what Pebble does with its log.
func syncData(f *os.File) error { return syscall.Fdatasync(int(f.Fd())) }
