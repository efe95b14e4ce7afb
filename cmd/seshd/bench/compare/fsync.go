package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"time"
)

// probed is what is appended each time: about a small mutation.
const probed = 512

// fsync measures what a write that is on disk cannot be quicker than: appending to a file and syncing it, one after the other.
func (l *lab) fsync(ctx context.Context) error {
	fmt.Fprintln(os.Stderr, "         "+mFsync)
	file, err := os.Create(filepath.Join(l.dir, "fsync"))
	if err != nil {
		return err
	}
	defer file.Close()
	var took []time.Duration
	for until := time.Now().Add(l.each); time.Now().Before(until) && ctx.Err() == nil; {
		began := time.Now()
		_, err := file.Write(make([]byte, probed))
		if err := errors.Join(err, file.Sync()); err != nil {
			return err
		}
		took = append(took, time.Since(began))
	}
	if err := ctx.Err(); err != nil {
		return err
	}
	slices.Sort(took)
	at := func(percent int) float64 { return float64(took[len(took)*percent/100].Microseconds()) / 1000 }
	l.results.add(mFsync, floor, map[string]float64{"p50_ms": at(50), "p99_ms": at(99)})
	return nil
}
