package pebblestore

import (
	"context"
	"errors"
	"slices"
	"time"

	"github.com/cockroachdb/pebble/v2"

	"github.com/seshd/seshd/session"
)

// Export gives fn all there is as of one moment.
func (s *Store) Export(ctx context.Context, fn func(session.Saved) error) error {
	e, err := s.newExport(ctx, fn)
	if err != nil {
		return err
	}
	defer e.close()
	if err := e.each(prefixToken, e.token); err != nil {
		return err
	}
	return e.each(prefixSession, e.session)
}

// export is one on its way. The database is closed after the last of them.
type export struct {
	store    *Store
	ctx      context.Context
	snapshot *pebble.Snapshot
	now      time.Time
	fn       func(session.Saved) error
}

func (s *Store) newExport(ctx context.Context, fn func(session.Saved) error) (*export, error) {
	if err := s.keepOpen(); err != nil {
		return nil, err
	}
	e := &export{store: s, ctx: ctx, snapshot: s.db.NewSnapshot(), now: time.Now(), fn: fn}
	// The snapshot has groups that are not durable yet. They are once a group is that comes after them.
	if err := s.do(ctx, func(*tx) error { return nil }); err != nil {
		e.close()
		return nil, err
	}
	return e, nil
}

// keepOpen has the database stay open until exports is told that it may go.
func (s *Store) keepOpen() error {
	s.visible.RLock()
	defer s.visible.RUnlock()
	if s.shut {
		return errClosed
	}
	s.exports.Add(1)
	return nil
}

func (e *export) close() {
	if err := e.snapshot.Close(); err != nil {
		e.store.log.Error("an export's snapshot stays open", "error", err)
	}
	e.store.exports.Done()
}

// each goes through the keys of a prefix, until the store is closed.
func (e *export) each(prefix string, fn func(key, value []byte) error) error {
	iter, err := e.snapshot.NewIter(&pebble.IterOptions{LowerBound: []byte(prefix), UpperBound: []byte{prefix[0] + 1}})
	if err != nil {
		return e.store.fault(err)
	}
	defer iter.Close()
	for iter.First(); iter.Valid(); iter.Next() {
		value, err := iter.ValueAndErr()
		if err != nil {
			return e.store.fault(err)
		}
		if err := fn(iter.Key()[len(prefix):], value); err != nil {
			return err
		}
		if err := e.goesOn(); err != nil {
			return err
		}
	}
	if err := iter.Error(); err != nil {
		return e.store.fault(err)
	}
	return nil
}

func (e *export) goesOn() error {
	e.store.visible.RLock()
	defer e.store.visible.RUnlock()
	if e.store.shut {
		return errClosed
	}
	return e.ctx.Err()
}

func (e *export) session(_, value []byte) error {
	r, err := e.store.decodeRecord(value)
	if err != nil {
		return e.store.fault(err)
	}
	if !r.Alive(e.now) {
		return nil
	}
	return e.fn(session.Saved{Record: r})
}

// token gives one to fn that no session lists: a session brings its own along.
func (e *export) token(key, value []byte) error {
	token, err := session.DecodeToken(value)
	if err != nil || !e.now.Before(token.Ends) {
		return err
	}
	saved := session.Saved{Key: session.TokenKey(key), Token: *token}
	record, closer, err := e.snapshot.Get([]byte(sessionKey(token.ID)))
	if errors.Is(err, pebble.ErrNotFound) {
		return e.fn(saved)
	}
	if err != nil {
		return e.store.fault(err)
	}
	defer closer.Close()
	r, err := e.store.decodeRecord(record)
	if err != nil {
		return e.store.fault(err)
	}
	if r.Alive(e.now) && slices.ContainsFunc(r.Devices, func(d session.Device) bool { return d.Key == saved.Key }) {
		return nil
	}
	return e.fn(saved)
}

// Import puts in what another store had.
func (s *Store) Import(_ context.Context, saved session.Saved) (fate session.Fate, err error) {
	var event *session.Event
	done := make(chan struct{})
	s.warm(saved.ID())
	s.submit(opFuncs{
		func(t *tx) { fate, event, err = t.enter(saved) },
		func(failed error) {
			if failed != nil {
				err, event = failed, nil
			}
			if event != nil {
				s.feed(*event)
			}
			close(done)
		},
	})
	<-done
	return fate, err
}

// enter stages what is taken of a Saved.
func (t *tx) enter(saved session.Saved) (session.Fate, *session.Event, error) {
	now := time.Now()
	current, err := t.record(saved.ID())
	if err != nil {
		return 0, nil, err
	}
	known := make(map[session.TokenKey]*session.TokenRecord)
	for _, key := range saved.Keys() {
		value, err := t.value(tokenKey(key))
		if err != nil {
			return 0, nil, err
		}
		if known[key], err = session.DecodeToken(value.next); err != nil {
			return 0, nil, err
		}
	}
	fate, step, tokens := saved.Enter(current.next, known, now)
	var event *session.Event
	if step != nil {
		steps := []session.Step{*step}
		if err := t.take(steps); err != nil {
			return 0, nil, err
		}
		told := steps[0].Event()
		event = &told
	}
	t.putTokens(tokens)
	return fate, event, nil
}
