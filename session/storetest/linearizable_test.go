package storetest

import (
	"context"
	"errors"
	"os"
	"reflect"
	"regexp"
	"sync"
	"testing"

	"github.com/seshd/seshd/session"
	"github.com/seshd/seshd/session/pebblestore"
)

// broken is a store that works, but for one thing that it does once.
type broken struct {
	session.Store

	mu       sync.Mutex // guards what follows
	happened bool
	write    func(b *broken, change change, current, next *session.Record) *session.Record // what is stored instead of next
	held     change
	stale    bool
	first    map[session.ID]*session.Record
}

type change = func(*session.Record) (*session.Record, error)

func (b *broken) Update(u session.Update) {
	asked := u.Change
	u.Change = func(current *session.Record) (*session.Record, error) {
		next, err := asked(current)
		b.mu.Lock()
		defer b.mu.Unlock()
		if b.write == nil || b.happened || err != nil || current == nil || current.ID != (session.ID{1}) || next.State.Version < 5 || next.State == current.State {
			return next, err
		}
		return b.write(b, asked, current, next), nil
	}
	answer := u.Done
	u.Done = func(committed *session.Record, err error) {
		b.mu.Lock() // what is held back runs again perhaps just now
		defer b.mu.Unlock()
		answer(committed, err)
	}
	b.Store.Update(u)
}

func (b *broken) Load(ctx context.Context, id session.ID) (*session.Record, error) {
	r, err := b.Store.Load(ctx, id)
	b.mu.Lock()
	defer b.mu.Unlock()
	switch old := b.first[id]; {
	case !b.stale || b.happened || err != nil || r == nil:
	case old == nil:
		b.first[id] = r
	case r.State.Version > old.State.Version+10: // some of them were answered before this read began
		b.happened = true
		return old, nil
	}
	return r, err
}

func loses(b *broken, _ change, current, _ *session.Record) *session.Record {
	b.happened = true
	return current
}

func appliesTwice(b *broken, asked change, current, next *session.Record) *session.Record {
	twice, err := asked(next)
	_, _ = asked(current) // so that the answer is that of once
	b.happened = err == nil && twice.State != next.State
	if !b.happened {
		return next
	}
	return twice
}

// reorders answers a write and the next one of the same session in the order that they came, and stores them the other way round.
func reorders(b *broken, asked change, current, next *session.Record) *session.Record {
	if b.held == nil {
		b.held = asked
		return current
	}
	held := b.held
	b.held = nil
	first, err := held(current)
	if err != nil {
		return next
	}
	second, err := asked(current)
	if err != nil {
		return first
	}
	swapped, err := held(second)
	right, bad := asked(first) // the last, so that this is the answer
	if err != nil || bad != nil {
		return first
	}
	b.happened = swapped.State.Version == right.State.Version && !reflect.DeepEqual(content(swapped.State), content(right.State))
	if !b.happened {
		return right
	}
	return swapped
}

// A store that breaks its promise once, among hundreds of writes and reads, is found out; one that keeps it is not.
func TestABrokenStoreIsFoundOut(t *testing.T) {
	for name, b := range map[string]*broken{
		"none":                       {happened: true},
		"loses a write":              {write: loses},
		"applies a write twice":      {write: appliesTwice},
		"reorders two writes":        {write: reorders},
		"shows what was, to readers": {stale: true},
	} {
		t.Run(name, func(t *testing.T) {
			store, err := pebblestore.Open(t.TempDir(), pebblestore.Options{})
			if err != nil {
				t.Fatal(err)
			}
			b.Store, b.first = store, make(map[session.ID]*session.Record)
			h, failed := record(Nodes{Stores: []session.Store{b}}, 1)
			err = errors.Join(failed, h.Check(linearCheck))
			if b.happened != true || (err == nil) != (name == "none") {
				t.Errorf("it happened: %v, and was found: %v", b.happened, err)
			}
			if found := h.Writes().Check(linearCheck) != nil; found != (b.write != nil) && name != "reorders two writes" { // which were perhaps under way at once
				t.Errorf("in the writes alone it was found: %v", found)
			}
			if err == nil {
				return
			}
			page := regexp.MustCompile(`/\S+\.html`).FindString(err.Error())
			if info, bad := os.Stat(page); bad != nil || info.Size() == 0 {
				t.Errorf("%v names no page: %v", err, bad)
			}
			os.Remove(page)
		})
	}
}
