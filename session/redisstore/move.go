package redisstore

import (
	"context"
	"encoding/binary"
	"time"

	"github.com/seshd/seshd/session"
)

// finishAfter is when a login, or an outbox, that was not finished by the server that began it is finished by another. It is less than
// retryFor, so that whoever waits for that is answered.
const finishAfter = 2 * time.Second

// move marks a session that a login takes to another: what becomes of it if the login came in there.
type move struct {
	login  tag
	into   session.ID
	at     time.Time
	until  time.Time
	after  *session.Record // what stays; nil: nothing
	outbox outbox
	event  session.Event
}

func (m *move) encode() []byte {
	if m == nil {
		return nil
	}
	b := append(append([]byte{}, m.login[:]...), m.into[:]...)
	b = binary.AppendVarint(b, m.at.UnixMilli())
	b = binary.AppendVarint(b, m.until.UnixMilli())
	b = appendBytes(b, encodeRecord(m.after))
	b = appendBytes(b, m.outbox)
	return appendEvent(b, m.event)
}

func decodeMove(b []byte) (*move, error) {
	if len(b) == 0 {
		return nil, nil
	}
	d := decoder{rest: b}
	m := &move{}
	copy(m.login[:], d.bytes(len(m.login)))
	copy(m.into[:], d.bytes(len(m.into)))
	m.at, m.until = d.time(), d.time()
	after := d.text()
	m.outbox = d.text()
	m.event = d.event()
	if d.failed {
		return nil, errDamaged
	}
	var err error
	m.after, err = decodeRecord(after)
	return m, err
}

// finish ends a move the way the session that it leads to has it, and says whether the login came in. Where that knows nothing of it, it
// never will.
func (s *Store) finish(ctx context.Context, id session.ID, m *move) (in bool, err error) {
	err = s.await(m.into, &op{moves: true, run: func(c *cell) error { // that may be moving itself, even to here
		var judged bool
		if in, judged = c.env.verdict(m.login); !judged {
			c.env.judge(m.login, false)
			c.changed = true
		}
		return nil
	}})
	if err != nil {
		return false, err
	}
	return in, s.await(id, &op{moves: true, run: func(c *cell) error {
		if c.env.move == nil || c.env.move.login != m.login { // somebody else was faster
			return nil
		}
		c.env.move, c.changed = nil, true
		if in {
			c.env.record, c.env.until = m.after, m.until
			c.outbox = append(c.outbox, m.outbox...)
			event := m.event
			event.ID, event.Record = id, m.after
			c.events = append(c.events, event)
		}
		return nil
	}})
}

// finishLate finishes a move whose server has had its time, or which is decided.
func (s *Store) finishLate(ctx context.Context, id session.ID, e *envelope) bool {
	there, err := s.read(ctx, e.move.into)
	if err != nil {
		return false
	}
	if _, judged := there.verdict(e.move.login); !judged && time.Since(e.move.at) < finishAfter {
		return false
	}
	if _, err := s.finish(ctx, id, e.move); err != nil {
		return false
	}
	s.log.Info("login finished for another server", "session", id.String())
	return true
}

// readMoving reads a session that is moving: until that is decided it is as it was.
func (s *Store) readMoving(ctx context.Context, id session.ID, e *envelope) (*envelope, error) {
	if s.entered() {
		defer s.work.Done()
		if s.finishLate(ctx, id, e) {
			return s.read(ctx, id)
		}
	}
	return e, nil
}

// moveOn runs the ops that belong to a move, of this batch and of those that wait. It is false where the session still moves.
func (a *attempt) moveOn() bool {
	moving, rest := []*op{}, []*op{}
	for _, o := range a.ops {
		if o.moves {
			moving = append(moving, o)
		} else {
			rest = append(rest, o)
		}
	}
	a.ops = rest
	moving = append(moving, a.store.takeMoving(a.lane)...)
	if len(moving) == 0 {
		base := a.base
		a.store.behind(func(ctx context.Context) { a.store.finishLate(ctx, a.id, base) })
		return false
	}
	own := attempt{store: a.store, id: a.id, lane: a.lane, ops: moving, base: a.base, until: time.Now().Add(retryFor), moving: true}
	a.base = own.commit()
	return a.base != nil && a.base.move == nil
}
