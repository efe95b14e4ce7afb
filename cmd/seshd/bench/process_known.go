//go:build linux || darwin

package bench

import (
	"fmt"
	"time"

	"golang.org/x/sys/unix"
)

// allowFiles lets this process have so many files open.
func allowFiles(n uint64) error {
	var limit unix.Rlimit
	if err := unix.Getrlimit(unix.RLIMIT_NOFILE, &limit); err != nil || uint64(limit.Cur) >= n {
		return nil // where the limit is not known, opening will tell
	}
	had := limit.Cur
	limit.Cur = max(limit.Cur, n)
	limit.Max = max(limit.Max, n) // root may raise this one too
	if err := unix.Setrlimit(unix.RLIMIT_NOFILE, &limit); err != nil {
		return fmt.Errorf("this needs %d open files and the system allows %d: raise that with ulimit -n %d, for the server too", n, had, n)
	}
	return nil
}

// ownCPU is the processor time that this process has used.
func ownCPU() time.Duration {
	var usage unix.Rusage
	if err := unix.Getrusage(unix.RUSAGE_SELF, &usage); err != nil {
		return 0
	}
	return time.Duration(usage.Utime.Nano() + usage.Stime.Nano())
}
