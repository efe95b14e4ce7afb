package main

import (
	"encoding/json"
	"fmt"
	"sync"
)

// told is what one client was told, over all its connections. It holds each frame against those before it, as the contract has it.
type told struct {
	opened chan struct{} // closed at the first frame
	bye    func()        // called when one comes, if not nil

	mu      sync.Mutex // guards the rest
	session string
	version uint64
	acked   int // answers, which are to come in the order of the ids
	frames  int
	wrong   error
}

func newTold() *told { return &told{opened: make(chan struct{})} }

// frame is what is read of one.
type frame struct {
	Type      string
	ID        json.RawMessage
	From      *uint64
	Version   uint64
	Code      string
	Message   string
	Continues string
}

// Write takes a frame, of which the terminal's tab writes one at a time.
func (t *told) Write(line []byte) (int, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if err := t.take(line); err != nil {
		t.wrong = fmt.Errorf("%w: %.300s", err, line)
		return 0, t.wrong
	}
	return len(line), nil
}

func (t *told) take(line []byte) error {
	var f frame
	if err := json.Unmarshal(line, &f); err != nil {
		return err
	}
	t.frames++
	switch f.Type {
	case "session":
		return t.whole(f)
	case "change":
		if f.From == nil || *f.From != t.version || f.Version < t.version {
			return fmt.Errorf("a change that does not begin at version %d", t.version)
		}
		t.version = f.Version
	case "ok":
		var id int
		if err := json.Unmarshal(f.ID, &id); err != nil || id != t.acked+1 {
			return fmt.Errorf("an answer after the one to %d", t.acked)
		}
		if f.Version > t.version {
			return fmt.Errorf("an answer before the change: the tab is at version %d", t.version)
		}
		t.acked = id
	case "error":
		return fmt.Errorf("a refusal")
	case "bye":
		if t.bye != nil {
			t.bye()
		}
	}
	return nil
}

func (t *told) whole(f frame) error {
	var id string
	if err := json.Unmarshal(f.ID, &id); err != nil {
		return err
	}
	switch {
	case t.session == "":
		close(t.opened)
	case t.session != id:
		return fmt.Errorf("another session than %s", t.session)
	case f.Version < t.version:
		return fmt.Errorf("a version below %d", t.version)
	}
	t.session, t.version = id, f.Version
	return nil
}

// soFar is what it was told by now.
func (t *told) soFar() (version uint64, acked, frames int, wrong error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.version, t.acked, t.frames, t.wrong
}
