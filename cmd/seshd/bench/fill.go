package bench

import (
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"strings"
	"sync"
	"sync/atomic"

	"github.com/seshd/seshd/session"
	"github.com/seshd/seshd/session/pebblestore"
)

const (
	fillInFlight = 4096 // as many as one commit takes
	fillBytes    = 1000 // of a session's value
	fillEvery    = 100_000
)

// Fill makes a data directory with so many sessions, says so by a line, and leaves it as it is, unflushed, until in ends: whoever
// started this kills it then.
func Fill(dir string, sessions int, in io.Reader, out, progress io.Writer) error {
	quiet := slog.New(slog.DiscardHandler)
	store, err := pebblestore.Open(dir, pebblestore.Options{Logger: quiet})
	if err != nil {
		return err
	}
	m := session.NewManager(store, session.Options{Logger: quiet})
	value, err := json.Marshal(strings.Repeat("x", fillBytes))
	if err != nil {
		return err
	}
	mutation := &session.Mutation{Set: map[string]json.RawMessage{"value": value}}
	room := make(chan struct{}, fillInFlight)
	var failed atomic.Pointer[error]
	var all sync.WaitGroup
	for n := range sessions {
		room <- struct{}{}
		all.Add(1)
		_, handle := m.Begin()
		m.Submit(session.Submission{Handle: handle, By: session.ByCode, Mutation: mutation}, func(_ session.Result, err error) {
			if err != nil {
				failed.Store(&err)
			}
			<-room
			all.Done()
		})
		if failed.Load() != nil {
			break
		}
		if n%fillEvery == fillEvery-1 {
			fmt.Fprintf(progress, "%d of %d sessions stored\n", n+1, sessions)
		}
	}
	all.Wait()
	if err := failed.Load(); err != nil {
		return *err
	}
	if _, err := fmt.Fprintln(out, filled); err != nil {
		return err
	}
	_, err = io.Copy(io.Discard, in)
	return err
}

// filled is the line that says that everything is stored.
const filled = "filled"
