package redisstore

import (
	"context"
	"time"

	"github.com/seshd/seshd/session"
)

// cell is one session as the ops of one commit leave it.
type cell struct {
	store *Store
	ctx   context.Context
	id    session.ID
	now   time.Time
	env   envelope // staged; its State and lists are replaced, never changed
	base  *envelope

	changed  bool
	outbox   outbox
	tokens   map[session.TokenKey]session.TokenRecord // that the outbox will write
	listed   string                                   // the user whose list the session comes onto
	events   []session.Event
	notAfter int64 // milliseconds of Redis' clock; 0: any time
	fault    error // it could not be found out what to do
	sent     bool  // Redis may have it
}

// newCell begins with what is there, which is not of a lineage before the one that is known.
func (s *Store) newCell(ctx context.Context, id session.ID, base *envelope, lineage uint64) *cell {
	c := &cell{
		store: s, ctx: ctx, id: id, now: time.Now(), env: *base, base: base,
		tokens: make(map[session.TokenKey]session.TokenRecord),
	}
	c.env.lineage = max(lineage, base.lineage)
	return c
}

// run runs the ops, each on what those before it left.
func (c *cell) run(ops []*op) error {
	for _, o := range ops {
		before := *c
		o.err = o.run(c)
		if c.fault != nil {
			return c.fault
		}
		if o.err != nil {
			*c = before
		}
		o.current = c.env.record
	}
	return nil
}

// admit is the fence before an op of a handle.
func (c *cell) admit(h session.Handle) error {
	if h.Listed(c.env.record, c.now) {
		return nil
	}
	token, err := c.token(h)
	if err != nil {
		c.fault = err
		return err
	}
	err = h.Admit(c.env.record, token, c.now)
	if err != nil && c.fault == nil {
		c.fault = c.outdated()
	}
	return err
}

// outdated is an error where there is something else by now than the cell began with. A refusal is not compared with that, as a
// commit is, and what is known of a token may be of another server's commit since.
func (c *cell) outdated() error {
	there, err := c.store.read(c.ctx, c.id)
	if err == nil && there.tag != c.base.tag {
		err = errBusy
	}
	return err
}

// token returns what is known of a handle's token. A session that was ended says so itself.
func (c *cell) token(h session.Handle) (*session.TokenRecord, error) {
	if staged, ok := c.tokens[h.Key]; ok {
		return &staged, nil
	}
	var token *session.TokenRecord
	if h.Key != (session.TokenKey{}) {
		var err error
		if token, err = c.store.token(c.ctx, h.Key); err != nil {
			return nil, err
		}
	}
	if token == nil && c.env.ended() {
		token = &session.TokenRecord{ID: h.ID, Ends: h.Ends}
	}
	return token, nil
}

// take stages a step.
func (c *cell) take(step session.Step) {
	for key, token := range step.Tokens(c.now) {
		c.tokens[key] = token
		if token.Ends.After(c.env.until) {
			c.env.until = token.Ends
		}
	}
	c.env.record = step.After
	c.outbox = c.outbox.add(step, c.now)
	if user, listed, _ := step.User(); listed {
		c.listed = user
	}
	c.events = append(c.events, step.Event())
	c.changed = true
}

// arms says whether the due index must know of the commit: the session began, or will be over earlier than was known, or
// there is an outbox that somebody must find if this server ends now.
func (c *cell) arms() bool {
	before, after := c.base.record, c.env.record
	return len(c.outbox) > 0 || c.env.move != nil || after != nil && (before == nil || after.Deadline.Before(before.Deadline))
}

// expires is when the value goes by itself, whatever the sweep does.
func (c *cell) expires() time.Time {
	if r := c.env.record; r != nil {
		return r.Deadline.Add(unsweptFor)
	}
	return c.now.Add(unsweptFor)
}

// Update queues a read-modify-write of a session.
func (s *Store) Update(u session.Update) {
	s.submit(u.Handle.ID, &op{
		run: func(c *cell) error {
			if err := c.admit(u.Handle); err != nil {
				return err
			}
			current := c.env.record
			next, err := u.Change(current)
			if err != nil || next == current && next != nil {
				return err
			}
			if next == nil && u.Cause == "" { // an unwritten session that stays unwritten
				return nil
			}
			c.take(session.Step{Handle: u.Handle, Before: current, After: next, Cause: u.Cause, Span: u.Span})
			return nil
		},
		answer: u.Done,
	})
}
