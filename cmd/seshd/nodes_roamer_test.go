package main

import (
	"cmp"
	"errors"
	"fmt"
	"math/rand/v2"
	"net"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/google/uuid"
)

// roamer is a client of several servers, as a sender is one of a server that comes back: where its connection ends it goes on at
// another. It counts, under a key of its own and under one of the session, and sends again what was not acknowledged.
type roamer struct {
	load    *nodesLoad
	visitor *browser // the cookie
	name    string   // the key that it counts under
	client  string
	kind    roamerKind
	at      int  // of the nodes
	tab     *tab // where it was connected last
	open    bool // it still is
	moves   int  // ends of connections
	byes    []string
	broken  []error   // connections that did not open, and requests that a connection took along
	since   time.Time // when it last got an answer, or sent what it waits for
	last    uint64    // the highest id
	waiting []uint64  // ids that are not acknowledged, in the order in which they were sent last

	version      uint64 // the highest acknowledged
	acknowledged int
	again        int // sent once more
	before       int // of these, applied before
	renamed      int // turned down by the once-memory, and sent under a new id
}

type roamerKind int

const (
	writes roamerKind = iota // in a tab
	posts                    // over HTTP
	reads                    // in a tab, and writes nothing
)

const (
	// roamerInFlight is what a roamer sends without waiting for answers.
	roamerInFlight = 8
	// roamerPause is the longest wait before another node is tried.
	roamerPause = 100 * time.Millisecond
	// theEnd is the key that is set when all writing is done.
	theEnd = "end"
)

func newRoamer(l *nodesLoad, visitor *browser, name string, kind roamerKind, at int) *roamer {
	return &roamer{load: l, visitor: visitor, name: name, client: uuid.NewString(), kind: kind, at: at, tab: &tab{}}
}

// mutation counts, and names the write, so that the last one shows.
func (r *roamer) mutation(id uint64) string {
	return fmt.Sprintf(`{"incr":{"n":1,%q:1},"set":{%q:%d},"id":%d}`, r.name, r.name+".last", id, id)
}

func (r *roamer) browser() *browser { return &browser{r.visitor.http, r.load.nodes[r.at].addr} }

// write writes until stop is closed, and returns when all is acknowledged.
func (r *roamer) write(stop <-chan struct{}) error {
	step := map[roamerKind]func() error{writes: r.answer, posts: r.request}[r.kind]
	for {
		select {
		case <-stop:
			if len(r.waiting) == 0 {
				return nil
			}
		default:
			if err := r.fill(); err != nil {
				return err
			}
		}
		if err := step(); err != nil {
			return err
		}
	}
}

// fill sends what may be sent.
func (r *roamer) fill() error {
	most := roamerInFlight
	if r.kind == posts || r.load.typing > 0 {
		most = 1
	}
	for len(r.waiting) < most {
		if err := r.types(); err != nil {
			return err
		}
		r.last++
		if len(r.waiting) == 0 {
			r.since = time.Now()
		}
		r.send(r.last)
	}
	return nil
}

// types takes the time that a write takes to type. A tab reads meanwhile: a pong says when that is over.
func (r *roamer) types() error {
	if r.load.typing == 0 {
		return nil
	}
	takes := rand.N(2 * r.load.typing)
	if !r.open {
		<-time.After(takes)
		return nil
	}
	tb, asked := r.tab, make(chan struct{})
	over := time.AfterFunc(takes, func() {
		_ = tb.send(`{"ping":true}`)
		close(asked)
	})
	defer over.Stop()
	for {
		f, err := tb.next()
		switch {
		case errors.Is(err, errMisled) || isTimeout(err):
			return err
		case err != nil:
			r.move()
			return nil
		case f.Type == "bye":
			r.byes = append(r.byes, f.Code)
		case f.Type == "pong":
			<-asked // whose goroutine is the only other one that writes to the connection
			return nil
		}
	}
}

// send sends a write behind all that are waiting. That the connection has ended is seen by whoever reads it.
func (r *roamer) send(id uint64) {
	r.waiting = append(r.waiting, id)
	if r.open {
		_ = r.tab.send(r.mutation(id))
	}
}

// request asks another node where this one does not take the write.
func (r *roamer) request() error {
	id := r.waiting[0]
	f, err := r.browser().post(r.mutation(id), fmt.Sprintf("%s:%d", r.client, id))
	switch {
	case err == nil:
		return r.acknowledge(id, f)
	case strings.HasPrefix(err.Error(), "503 "):
		r.load.refused[r.at].Add(1)
		r.load.tell()
	case isTimeout(err) || strings.HasPrefix(err.Error(), "4"):
		return err
	default:
		r.broken = append(r.broken, err)
	}
	r.again++
	r.move()
	return nil
}

// answer reads the answer to one write.
func (r *roamer) answer() error {
	f, err := r.next()
	for err == nil && f.Type != "ok" && f.Type != "error" {
		f, err = r.next()
	}
	if err != nil {
		return err
	}
	id := f.number()
	if !slices.Contains(r.waiting, id) {
		return fmt.Errorf("%w: %s answers nothing that was sent", errMisled, f.text)
	}
	if f.Type == "ok" {
		return r.acknowledge(id, f)
	}
	r.forget(id)
	switch f.Code {
	case "unavailable":
		r.load.refused[r.at].Add(1)
		r.load.tell()
	case "not_applied": // a later one was: so it needs a new id
		r.last++
		id = r.last
		r.renamed++
	default:
		return fmt.Errorf("%w: %s", errMisled, f.text)
	}
	r.again++
	r.send(id)
	return nil
}

func (r *roamer) acknowledge(id uint64, f frame) error {
	if f.Version < r.version {
		return fmt.Errorf("%w: version %d acknowledged after %d", errMisled, f.Version, r.version)
	}
	r.forget(id)
	r.version = f.Version
	r.acknowledged++
	if f.Duplicate {
		r.before++
	}
	r.load.waited(time.Since(r.since))
	r.since = time.Now()
	r.load.acknowledged[r.at].Add(1)
	r.load.tell()
	return nil
}

func (r *roamer) forget(id uint64) {
	r.waiting = slices.DeleteFunc(r.waiting, func(w uint64) bool { return w == id })
}

// read reads until everybody has written everything.
func (r *roamer) read() error {
	for r.tab.data[theEnd] == nil {
		if _, err := r.next(); err != nil {
			return err
		}
	}
	return nil
}

// next reads a frame, at another node where the connection ends. A tab that hears nothing is no end, but a fault.
func (r *roamer) next() (f frame, err error) {
	for end := time.Now().Add(patience); time.Now().Before(end); r.move() {
		if !r.open {
			err = r.connect()
		}
		if r.open {
			f, err = r.tab.next()
		}
		if err == nil && f.Type == "bye" {
			r.byes = append(r.byes, f.Code)
		}
		if err == nil || errors.Is(err, errMisled) || isTimeout(err) {
			return f, err
		}
	}
	return f, fmt.Errorf("no node takes it: %w", err)
}

// connect resumes where the tab was, and sends again what was not acknowledged.
func (r *roamer) connect() error {
	query, before := url.Values{"client": {r.client}}, r.tab
	if before.session != "" {
		query.Set("since", fmt.Sprintf("%s:%d", strings.Trim(before.session, `"`), before.version))
	}
	fresh, err := r.browser().open(query)
	if err != nil {
		r.broken = append(r.broken, err)
		return err
	}
	fresh.session, fresh.version, fresh.data = before.session, before.version, before.data
	if f, err := fresh.next(); err != nil || f.Type == "bye" {
		if err != nil {
			r.broken = append(r.broken, err)
		}
		r.byes = append(r.byes, f.Code)
		fresh.conn.Close()
		return cmp.Or(err, fmt.Errorf("sent away with %s", f.text))
	}
	r.tab, r.open = fresh, true
	r.again += len(r.waiting)
	for _, id := range r.waiting {
		_ = r.tab.send(r.mutation(id))
	}
	return nil
}

// move goes on to another node, if there is one.
func (r *roamer) move() {
	if r.open {
		r.tab.conn.Close()
		r.open = false
		r.moves++
	}
	if others := len(r.load.nodes) - 1; others > 0 {
		r.at = (r.at + 1 + rand.IntN(others)) % len(r.load.nodes)
	}
	<-time.After(rand.N(roamerPause))
}

func isTimeout(err error) bool {
	timeout, ok := errors.AsType[net.Error](err)
	return ok && timeout.Timeout()
}
