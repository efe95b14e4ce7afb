package pebblestore

import (
	"context"

	"github.com/seshd/seshd/session"
)

// op is one piece of work for the committer: run on the transaction that it shares with its group, then answered.
type op interface {
	run(*tx)
	answer(failed error) // failed: the group was not committed
}

var (
	errClosed = session.Refuse(session.Unavailable, "the session store is closed")
	errFull   = session.Refuse(session.Unavailable, "the session store has no room to write")
)

// opFuncs is an op made of two functions.
type opFuncs struct {
	runs    func(*tx)
	answers func(failed error)
}

func (o opFuncs) run(t *tx)           { o.runs(t) }
func (o opFuncs) answer(failed error) { o.answers(failed) }

// do runs fn on a transaction and waits until it is durable. When ctx ends nobody waits any more, but fn may still run.
func (s *Store) do(ctx context.Context, fn func(*tx) error) error {
	var err error
	done := make(chan error, 1)
	s.submit(opFuncs{
		func(t *tx) { err = fn(t) },
		func(failed error) {
			if failed != nil {
				err = failed
			}
			done <- err
		},
	})
	select {
	case err := <-done:
		return err
	case <-ctx.Done():
		return session.Refuse(session.Unavailable, "the session store does not answer in time")
	}
}

// Update queues a read-modify-write of a session.
func (s *Store) Update(u session.Update) {
	s.warm(u.Handle.ID)
	s.submit(&updateOp{store: s, asked: u})
}

type updateOp struct {
	store   *Store
	asked   session.Update
	current *session.Record
	event   session.Event
	changed bool
	err     error
}

func (o *updateOp) run(t *tx) { o.current, o.event, o.changed, o.err = t.update(o.asked) }

func (o *updateOp) answer(failed error) {
	if failed != nil {
		o.asked.Done(nil, failed)
		return
	}
	if o.changed {
		o.store.feed(o.event)
	}
	o.asked.Done(o.current, o.err)
}

// Login queues a read-modify-write of two sessions.
func (s *Store) Login(a session.Admission) {
	var (
		events []session.Event
		err    error
	)
	s.submit(opFuncs{
		func(t *tx) { events, err = t.login(a) },
		func(failed error) {
			if failed != nil {
				a.Done(failed)
				return
			}
			for _, event := range events {
				s.feed(event)
			}
			a.Done(err)
		},
	})
}
