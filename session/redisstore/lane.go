package redisstore

import (
	"math/rand/v2"
	"time"

	"github.com/seshd/seshd/session"
)

// op is one piece of work on one session: run on what those before it leave, then told and answered.
type op struct {
	// run is called again where another server was faster. What it wants to be committed it takes to the cell.
	run    func(*cell) error
	answer func(current *session.Record, err error)
	moves  bool // it is a part of a login's way, and so runs while the session is on its way
	inside bool // it belongs to something that Close waits for

	// Set by the run that counts.
	current *session.Record
	err     error
}

// maxBatch is how many ops one compare-and-set takes: more would only keep the first of them waiting.
const maxBatch = 64

// lane is the queue of a session on this server. One compare-and-set is under way at a time: what comes meanwhile is folded
// into the next. There is a lane only while there is something to do.
type lane struct {
	waiting []*op // guarded by Store.mu
}

// submit gives an op to its session's lane.
func (s *Store) submit(id session.ID, o *op) {
	s.mu.Lock()
	if s.closed && !o.inside {
		s.mu.Unlock()
		o.answer(nil, errClosed)
		return
	}
	defer s.mu.Unlock()
	l := s.lanes[id]
	if l == nil {
		l = &lane{}
		s.lanes[id] = l
		s.work.Go(func() { s.drive(id, l) })
	}
	l.waiting = append(l.waiting, o)
}

// take returns the ops for the next commit. Where there are none the lane ends.
func (s *Store) take(id session.ID, l *lane) []*op {
	s.mu.Lock()
	defer s.mu.Unlock()
	n := min(len(l.waiting), maxBatch)
	if n == 0 {
		delete(s.lanes, id)
		return nil
	}
	ops := l.waiting[:n:n]
	l.waiting = l.waiting[n:]
	return ops
}

// takeMoving returns the waiting ops that run while the session is on its way to another.
func (s *Store) takeMoving(l *lane) (moving []*op) {
	s.mu.Lock()
	defer s.mu.Unlock()
	rest := []*op{}
	for _, o := range l.waiting {
		if o.moves {
			moving = append(moving, o)
		} else {
			rest = append(rest, o)
		}
	}
	l.waiting = rest
	return moving
}

// drive runs a lane until it is empty. What this lane has committed last it need not read again.
func (s *Store) drive(id session.ID, l *lane) {
	var last *envelope
	for ops := s.take(id, l); len(ops) > 0; ops = s.take(id, l) {
		a := attempt{store: s, id: id, lane: l, ops: ops, base: last, until: time.Now().Add(retryFor)}
		last = a.commit()
	}
}

// pause is how long to wait before another try: more after each, and at random, so that servers do not meet again.
func pause(try int) time.Duration {
	const first, most = 2 * time.Millisecond, 100 * time.Millisecond
	return rand.N(min(first<<min(try, 10), most)) + time.Millisecond
}
