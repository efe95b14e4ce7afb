package redisstore

import (
	"context"
	"errors"
	"strconv"
	"time"

	"github.com/redis/rueidis"

	"github.com/seshd/seshd/session"
)

// attempt is one compare-and-set of one session, tried until it is done, or refused when time is up.
type attempt struct {
	store *Store
	id    session.ID
	lane  *lane
	ops   []*op
	base  *envelope // what is there; nil: not known
	until time.Time
	sent  []*cell // commits whose answer was lost: each may still be carried out

	moving bool // these ops are steps of a login
}

var (
	errLate   = session.Refuse(session.Unavailable, "the session store was too slow: ask again")
	errBusy   = session.Refuse(session.Unavailable, "too many servers write to this session at once: ask again")
	errMoving = session.Refuse(session.Unavailable, "a login takes this session to another, and is not done: ask again")
)

// commit returns what is there then, as far as it is known.
func (a *attempt) commit() *envelope {
	ctx, cancel := context.WithDeadline(context.Background(), a.until.Add(commandTimeout))
	defer cancel()
	began := time.Now()
	err := error(errBusy)
	for n, failures := 0, 0; n == 0 || time.Now().Before(a.until); n++ {
		last, done, failed := a.try(ctx)
		if done {
			a.store.metrics.committed(began)
			return last
		}
		if failed != nil {
			a.base, err = nil, failed
			time.Sleep(pause(failures))
			failures++
		} // else another server was faster, and whoever waits now is late again: what it left is known, for a moment
	}
	a.giveUp(err)
	return nil
}

// try is done where the ops are answered.
func (a *attempt) try(ctx context.Context) (last *envelope, done bool, err error) {
	lineage, err := a.store.lineage.of(ctx, a.store)
	if err != nil {
		return nil, false, err
	}
	if a.base != nil && a.base.before(lineage) {
		a.base = nil
	}
	read := a.base == nil
	if read {
		if a.base, err = a.store.read(ctx, a.id); err != nil {
			return nil, false, err
		}
	}
	if mine := a.found(); mine != nil {
		return a.done(ctx, mine)
	}
	if a.base.move != nil && !a.moving {
		stays := a.moveOn()
		switch {
		case len(a.ops) == 0: // all belonged to moves, and are answered
			return a.base, true, nil
		case !stays:
			return nil, false, errMoving
		}
	}
	c := a.store.newCell(ctx, a.id, a.base, lineage)
	if err := c.run(a.ops); err != nil {
		return nil, false, err
	}
	switch {
	case !c.changed && read:
		return a.same(ctx)
	case !c.changed: // on what may be old, and nothing is compared
		a.base = nil
		return a.try(ctx)
	}
	conflict, err := a.write(ctx, c)
	switch {
	case err == nil && conflict == nil:
		return a.done(ctx, c)
	case errors.Is(err, errLate):
		a.refuse(errLate)
		return nil, true, nil
	case err != nil && c.sent:
		a.sent = append(a.sent, c)
	case err == nil:
		a.store.metrics.conflicts.Inc()
	}
	a.base = conflict
	return nil, false, err
}

// found returns the commit of this attempt that turns out to have been carried out.
func (a *attempt) found() *cell {
	last := a.base.lastOf(a.store.node)
	for _, c := range a.sent {
		if c.env.tag == last {
			return c
		}
	}
	return nil
}

// write sends a commit. conflict is what was there instead; an error leaves it open whether it is carried out.
func (a *attempt) write(ctx context.Context, c *cell) (conflict *envelope, err error) {
	s := a.store
	if !c.base.exists() && s.lineage.later.Load() {
		a.raise(c)
	}
	c.env.succeed(makeTag(s.node, s.number.Add(1)))
	c.env.outbox = c.outbox
	if err := s.announce(ctx, c); err != nil {
		return nil, err
	}
	c.sent = true
	there, err := s.put(ctx, a.id, c.base.fence(), &c.env, putting{c.expires(), c.notAfter, s.node, c.events})
	if err != nil || there == nil {
		return nil, err
	}
	return s.found(ctx, a.id, *there)
}

// putting is what a value is stored with.
type putting struct {
	expires  time.Time
	notAfter int64 // as that of a cell
	by       nodeID
	events   []session.Event
}

// put stores and publishes a value, if what is there begins with fence; else it returns that.
func (s *Store) put(ctx context.Context, id session.ID, fence string, e *envelope, p putting) (there *[]byte, err error) {
	value := e.encode()
	message, whole := "1", len(value) <= maxTold
	if !whole {
		message = "0"
	}
	answer, err := s.run(ctx, s.scripts.commit, []string{sessionKey(id)}, fence, rueidis.BinaryString(value),
		strconv.FormatInt(p.expires.UnixMilli(), 10), strconv.FormatInt(p.notAfter, 10),
		s.publish, channelOf(id), string(encodeNews(p.by, *e, p.events)), message).ToMessage()
	if err != nil {
		return nil, err
	}
	if answer.IsString() {
		text, err := answer.AsBytes()
		return &text, err
	}
	if done, err := answer.AsInt64(); err != nil || done == 0 {
		return nil, errors.Join(errLate, err)
	}
	return nil, nil
}

// raise has a session begin above all versions and revisions of earlier lineages: Redis may have lost one of this id, and there are tabs
// that saw it. Each of the ops that were folded into this commit is told and answered with what the last of them left, and is meant to be:
// what was between has no version that is above, and nobody ever saw it.
func (a *attempt) raise(c *cell) {
	c.env.lift()
	c.env.record = session.Lineage(c.env.lineage).Renew(c.env.record)
	for i := range c.events {
		c.events[i].Record = c.env.record
	}
	for _, o := range a.ops {
		o.current = c.env.record
	}
}

// announce leaves word of a commit, before it, for whoever would have to finish it, and on lists that only point.
func (s *Store) announce(ctx context.Context, c *cell) error {
	if c.listed != "" {
		err := s.run(ctx, s.scripts.list, []string{userKey(c.listed)},
			strconv.FormatInt(c.now.UnixMicro(), 10), string(c.id[:]), strconv.FormatInt(c.env.until.UnixMilli(), 10)).Error()
		if err != nil {
			return err
		}
	}
	if !c.arms() {
		return nil
	}
	due := s.client.B().Zadd().Key(dueKey(c.id)).Lt().ScoreMember()
	soon := due.ScoreMember(dueScore(c.now.Add(finishAfter)), intent(c.id, c.env.tag))
	if r := c.env.record; r != nil {
		soon = soon.ScoreMember(dueScore(r.Deadline), string(c.id[:]))
	}
	return s.do(ctx, soon.Build()).Error()
}

// done carries out what the commit asks for elsewhere, tells the feed, and answers. It is done where those are answered, and not where
// a failover has lost the commit meanwhile.
func (a *attempt) done(ctx context.Context, c *cell) (last *envelope, done bool, err error) {
	s := a.store
	current := c.env
	for try := 0; ; try++ {
		err := s.carry(ctx, a.id, &current)
		if err == nil {
			break
		}
		if !time.Now().Before(a.until) {
			s.tellOwn(a.id, &c.env, c.events)
			a.refuse(s.fault("commit", err))
			return nil, true, nil
		}
		time.Sleep(pause(try))
	}
	left, err := a.replicated(ctx, &current)
	if left != nil {
		a.base = left
		return nil, false, nil
	}
	s.tellOwn(a.id, &current, c.events)
	if err != nil {
		a.refuse(s.fault("commit", err))
		return &current, true, nil
	}
	a.answer()
	return &current, true, nil
}

// same answers where nothing was to be committed. What that was found out on is as safe as a commit before anybody hears of it.
func (a *attempt) same(ctx context.Context) (last *envelope, done bool, err error) {
	left, err := a.replicated(ctx, a.base)
	switch {
	case left != nil:
		a.base = left
		return nil, false, nil
	case err != nil:
		a.refuse(a.store.fault("commit", err))
	default:
		a.store.tellRead(a.id, a.base)
		a.answer()
	}
	return a.base, true, nil
}

func (a *attempt) answer() {
	for _, o := range a.ops {
		o.answer(o.current, o.err)
	}
}

func (a *attempt) refuse(err error) {
	for _, o := range a.ops {
		o.answer(nil, err)
	}
}

// giveUp refuses when time is up. Whether what was sent is carried out after all nobody knows: who watches must look.
func (a *attempt) giveUp(err error) {
	for _, c := range a.sent {
		a.store.lose(a.id, c.env.tag)
	}
	a.refuse(a.store.fault("commit", err))
}
