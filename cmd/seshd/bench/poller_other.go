//go:build !linux

package bench

func newPoller(*target) (poller, error) { return newGoroutines(), nil }
