package connect

import (
	"context"
	"errors"
	"io"
	"time"
)

// Options say what to connect to, as whom, and until when.
type Options struct {
	URL    string
	Jar    string // a file of cookies; empty: they are kept in memory
	Cookie string // a Cookie header; empty: none
	Ticket string // "-": the first line of In; empty: none
	Origin string

	Lines       []string // sent one after the other; none: those of In are sent
	Until       string
	Follow      bool // goes on at the end of the input
	Timeout     time.Duration
	NoReconnect bool

	In    io.Reader
	Out   io.Writer // frames
	Notes io.Writer // what is for people

	Person bool // a person looks at Out: short lines instead of frames
	Typed  bool // and types In
	Color  bool
}

var errTimeout = errors.New("timeout")

// Run opens a tab and returns when it has done what the options say. An end with an exit code of its own is an *Exit.
// Once ctx is over it stops, as interrupted.
func Run(ctx context.Context, o Options) error {
	c, err := newClient(o)
	if err != nil {
		return err
	}
	if o.Timeout > 0 {
		var stop context.CancelFunc
		ctx, stop = context.WithTimeoutCause(ctx, o.Timeout, errTimeout)
		defer stop()
	}
	return c.run(ctx)
}
