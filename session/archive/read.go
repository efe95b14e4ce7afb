package archive

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"sync"

	"github.com/seshd/seshd/session"
)

// atOnce is how many lines are on their way into the store at the same time, so that they share its syncs.
const atOnce = 64

// Importer is a store as Read needs it.
type Importer interface {
	Import(ctx context.Context, s session.Saved) (session.Fate, error)
}

// Counts is what became of the lines of an import. But for Tokens they are of sessions.
type Counts struct {
	Imported  int `json:"imported"`
	NewerHere int `json:"newer_here"` // what was there is as new, or newer
	EndedHere int `json:"ended_here"` // it was ended there, and stays so
	TimedOut  int `json:"timed_out"`  // since the export
	Tokens    int `json:"tokens"`     // that lead to no session any more, there neither from now on
}

func (c *Counts) add(s session.Saved, fate session.Fate) {
	switch {
	case s.Record == nil && fate == session.Taken && !s.MarksEnd(): // which its last token makes too, if that is faster
		c.Tokens++
	case s.Record == nil:
	case fate == session.Taken:
		c.Imported++
	case fate == session.NewerHere:
		c.NewerHere++
	case fate == session.EndedHere:
		c.EndedHere++
	case fate == session.TimedOut:
		c.TimedOut++
	}
}

// Read puts what Write wrote into a store, line by line: where it breaks off, what came before stays there. A text that cannot be
// read to its end is refused by an *session.Error that names the line and says how much was imported.
func Read(ctx context.Context, r io.Reader, into Importer) (Counts, error) {
	in := &reading{lines: bufio.NewReaderSize(r, bufferSize), free: make(chan struct{}, atOnce)}
	err := in.all(ctx, into)
	in.underway.Wait()
	if in.failed != nil {
		return in.counts, in.failed
	}
	if err != nil {
		wrong := err.Error()
		if refusal, ok := errors.AsType[*session.Error](err); ok {
			wrong = refusal.Message
		}
		err = session.Refuse(session.BadRequest, "line %d: %s. %d sessions of it were imported: import a whole one, which skips what is there already",
			in.line, wrong, in.counts.Imported)
	}
	return in.counts, err
}

const bufferSize = 64 << 10

// reading is one Read on its way.
type reading struct {
	lines    *bufio.Reader
	line     int   // the one that was read last
	seen     count // of what was read
	free     chan struct{}
	underway sync.WaitGroup

	mu     sync.Mutex // guards what follows
	counts Counts
	failed error // of the store
}

func (in *reading) all(ctx context.Context, into Importer) error {
	if err := in.first(); err != nil {
		return err
	}
	for in.storeFailure() == nil {
		l, err := in.next()
		if err != nil {
			return err
		}
		if l.End != nil {
			return in.end(*l.End)
		}
		saved, err := in.saved(l)
		if err != nil {
			return err
		}
		in.put(ctx, into, saved)
	}
	return nil
}

// first reads the line that says what this is. Of a newer format there may be more in it than is known here.
func (in *reading) first() error {
	text, err := in.text()
	if err != nil {
		return err
	}
	_, err = session.ReadMark(text, kind, format)
	return err
}

func (in *reading) saved(l line) (session.Saved, error) {
	switch {
	case l.Session != nil:
		in.seen.Sessions++
		return l.Session.saved()
	case l.Token != nil:
		in.seen.Tokens++
		return l.Token.saved()
	}
	return session.Saved{}, errors.New("it has neither a session nor a token")
}

// end checks that nothing is missing, and that nothing follows.
func (in *reading) end(want count) error {
	if in.seen != want {
		return fmt.Errorf("%d sessions and %d tokens came before the end, which tells of %d and %d", in.seen.Sessions, in.seen.Tokens, want.Sessions, want.Tokens)
	}
	if _, err := in.lines.ReadByte(); err != io.EOF {
		return errors.New("something follows the end: import one export at a time")
	}
	return nil
}

// put has a store take a line while the next ones are read.
func (in *reading) put(ctx context.Context, into Importer, saved session.Saved) {
	in.free <- struct{}{}
	in.underway.Go(func() {
		fate, err := into.Import(ctx, saved)
		<-in.free
		in.mu.Lock()
		defer in.mu.Unlock()
		if err != nil {
			in.failed = err
			return
		}
		in.counts.add(saved, fate)
	})
}

func (in *reading) storeFailure() error {
	in.mu.Lock()
	defer in.mu.Unlock()
	return in.failed
}

func (in *reading) next() (line, error) {
	text, err := in.text()
	if err != nil {
		return line{}, err
	}
	return decode(text)
}

// text reads a line.
func (in *reading) text() (text []byte, err error) {
	in.line++
	for {
		part, err := in.lines.ReadSlice('\n')
		text = append(text, part...)
		switch {
		case len(text) > MaxLine:
			return nil, fmt.Errorf("it has more than %d bytes, the limit of a line", MaxLine)
		case err == nil:
			return text, nil
		case errors.Is(err, io.EOF):
			return nil, errors.New("the export was cut off here, before its end")
		case !errors.Is(err, bufio.ErrBufferFull):
			return nil, fmt.Errorf("it could not be read: %w", err)
		}
	}
}
