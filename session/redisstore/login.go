package redisstore

import (
	"context"
	"errors"
	"time"

	"github.com/seshd/seshd/session"
)

const (
	// A user's logins into the shared session take turns: two that begin it at once would else make two. Who takes longer than
	// lockedFor has lost its turn, and by then Redis refuses its commits: they are good for commitWithin only.
	lockedFor    = 10 * time.Second
	commitWithin = retryFor
)

// errAgain says that what a login found is no longer so.
var errAgain = errors.New("again")

// Login queues a read-modify-write of two sessions.
func (s *Store) Login(a session.Admission) {
	if !s.entered() {
		a.Done(errClosed)
		return
	}
	go func() {
		defer s.work.Done()
		a.Done(s.login(a))
	}()
}

func (s *Store) login(a session.Admission) error {
	until := time.Now().Add(retryFor)
	ctx, cancel := context.WithDeadline(context.Background(), until.Add(commandTimeout))
	defer cancel()
	for try := 0; ; try++ {
		err := s.loginOnce(ctx, a)
		if !errors.Is(err, errAgain) {
			return err
		}
		if !time.Now().Before(until) {
			return errBusy
		}
		time.Sleep(pause(try))
	}
}

// loginOnce logs in with what there is now.
func (s *Store) loginOnce(ctx context.Context, a session.Admission) error {
	notAfter := int64(0)
	var theirs *session.Record
	if a.Shared {
		taken, free, err := s.takeTurn(ctx, a.User)
		if err != nil {
			return err
		}
		defer free()
		notAfter = taken + commitWithin.Milliseconds()
		if theirs, err = s.shared(ctx, a); err != nil {
			return err
		}
	}
	l := &login{Admission: a, store: s, theirs: theirs, notAfter: notAfter, tag: makeTag(s.node, s.number.Add(1))}
	if err := l.leave(); err != nil || l.move == nil {
		return err
	}
	return l.settle(ctx, l.enter())
}

// settle finishes a login of whose second step err is known. That may be wrong, where answers were lost: what the session says holds.
func (l *login) settle(ctx context.Context, err error) error {
	in, failed := l.store.finish(ctx, l.Handle.ID, l.move)
	switch {
	case failed != nil:
		return failed // whoever meets the session finishes it
	case in:
		return nil
	}
	return err
}

// takeTurn takes the lock of a user, and says when that was by Redis' clock.
func (s *Store) takeTurn(ctx context.Context, user string) (at int64, free func(), err error) {
	mine := makeTag(s.node, s.number.Add(1))
	at, err = s.run(ctx, s.scripts.lock, []string{userLockKey(user)}, string(mine[:]), millis(lockedFor)).AsInt64()
	switch {
	case err != nil:
		return 0, nil, s.fault("login", err)
	case at == 0:
		return 0, nil, errAgain
	}
	return at, func() {
		// Where this fails, the lock ends by itself.
		_ = s.run(ctx, s.scripts.unlock, []string{userLockKey(user)}, string(mine[:])).Error()
	}, nil
}

// shared finds the session that the user shares, if it is another than the visitor's.
func (s *Store) shared(ctx context.Context, a session.Admission) (*session.Record, error) {
	ids, err := s.userSessions(ctx, a.User)
	if err != nil {
		return nil, s.fault("login", err)
	}
	for _, id := range ids {
		if id == a.Handle.ID {
			continue
		}
		e, err := s.read(ctx, id)
		if err != nil {
			return nil, s.fault("login", err)
		}
		if e.move != nil {
			s.behind(func(ctx context.Context) { s.finishLate(ctx, id, e) })
			return nil, errAgain
		}
		if sharedBy(e.record, a.User) {
			return e.record, nil
		}
	}
	return nil, nil
}

func sharedBy(r *session.Record, user string) bool {
	return r != nil && r.Shared && r.User == user && r.Alive(time.Now())
}

// login is one on its way. Where it concerns two sessions, which may be in two slots, it is three commits: the visitor's is
// marked as moving, and stands still from then on; the user's takes in what is brought, and remembers the login; then
// the visitor's becomes what is left of it. The second commit decides: whoever meets a session that is moving reads there how it ends.
type login struct {
	session.Admission
	store    *Store
	theirs   *session.Record
	notAfter int64
	tag      tag

	mine *session.Record // as the mark found it
	move *move           // nil: there is one session only, and all is done
}

// leave runs the login on the visitor's session: all of it, or the mark.
func (l *login) leave() error {
	return l.store.await(l.Handle.ID, &op{run: func(c *cell) error {
		l.move = nil
		if err := c.admit(l.Handle); err != nil {
			return err
		}
		mine := c.env.record
		steps, err := l.Change(mine, l.theirs)
		if err != nil || len(steps) == 0 {
			return err
		}
		c.notAfter = l.notAfter
		if len(steps) == 1 {
			c.take(steps[0])
			return nil
		}
		l.mine = mine
		l.move = &move{
			login: l.tag, into: steps[1].Handle.ID, at: c.now, after: steps[0].After,
			outbox: outbox{}.add(steps[0], c.now), event: steps[0].Event(), until: c.env.until,
		}
		for _, token := range steps[0].Tokens(c.now) {
			if token.Ends.After(l.move.until) {
				l.move.until = token.Ends
			}
		}
		c.env.move, c.changed = l.move, true
		return nil
	}})
}

// enter runs the login on the session that it leads to.
func (l *login) enter() error {
	return l.store.await(l.move.into, &op{run: func(c *cell) error {
		if _, judged := c.env.verdict(l.tag); judged {
			return errAgain // somebody thought this server dead
		}
		if there := c.env.record; l.theirs != nil && !sharedBy(there, l.User) || l.theirs == nil && c.env.exists() {
			return errAgain
		}
		steps, err := l.Change(l.mine, c.env.record)
		if err != nil {
			return err
		}
		if len(steps) != 2 || steps[1].Handle.ID != l.move.into {
			return errAgain
		}
		c.notAfter = l.notAfter
		c.take(steps[1])
		c.env.judge(l.tag, true)
		return nil
	}})
}

// await runs an op and waits for its answer. It is for those that Close waits for.
func (s *Store) await(id session.ID, o *op) error {
	done := make(chan error, 1)
	o.inside = true
	o.answer = func(_ *session.Record, err error) { done <- err }
	s.submit(id, o)
	return <-done
}
