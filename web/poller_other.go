//go:build !linux || readers

package web

// poller is for Linux. Elsewhere, and with the build tag readers, which is there for the tests, every tab keeps its reader.
type poller struct{}

type spot struct{}

func newPoller() (*poller, error) { return nil, nil }

func (*poller) watch(*tab) spot { return spot{} }
func (*poller) forget(spot)     {}
func (*poller) run()            {}
func (*poller) close()          {}
