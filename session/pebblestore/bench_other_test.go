//go:build !linux

package pebblestore

import "os"

func syncData(f *os.File) error { return f.Sync() }
