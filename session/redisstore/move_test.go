package redisstore

import (
	"fmt"
	"slices"
	"sync"
	"testing"

	"github.com/seshd/seshd/session"
	"github.com/seshd/seshd/session/redisstore/redistest"
)

// ring marks n sessions as moving, each into the next and the last into the first, as logins do that begin at once: each found the
// session that it leads to before that was marked.
func (s *server) ring(n int) (logins []*login) {
	s.t.Helper()
	handles := make([]session.Handle, n)
	for i := range handles {
		handles[i] = visitor(byte(i + 1))
		s.mustAdd(handles[i])
	}
	for i, h := range handles {
		into := s.mustLoad(handles[(i+1)%n].ID)
		logins = append(logins, &login{
			Admission: combine(h, visitor(byte(i+11))), store: s.Store, theirs: into, tag: makeTag(s.node, s.number.Add(1)),
		})
	}
	for _, l := range logins {
		if err := l.leave(); err != nil || l.move == nil {
			s.t.Fatal(l.move, err)
		}
	}
	return logins
}

// TestLoginsIntoEachOther: whether the one comes in is for the other's session to say, and the other way round. None waits for ever.
func TestLoginsIntoEachOther(t *testing.T) {
	for _, n := range []int{2, 3} {
		t.Run(fmt.Sprint(n, " sessions"), func(t *testing.T) {
			t.Parallel() // it waits for a login to have had its time
			redis := redistest.Start(t)
			a, b := serverOn(t, redis), serverOn(t, redis)
			logins := a.ring(n)
			var all sync.WaitGroup
			for _, l := range logins {
				all.Go(func() {
					if r, err := b.add(l.Handle); err != nil || r.State.Version != 2 {
						t.Errorf("a write while logins wait for each other: %+v, %v", r, err)
					}
				})
			}
			all.Wait()
			for _, l := range logins {
				if err := l.enter(); err != errAgain {
					t.Errorf("a login that was given up goes on: %v", err)
				}
			}
		})
	}
}

// TestAVerdictDoesNotWaitForAMove: it is written to a session that goes on moving, and then there is nothing left to do.
func TestAVerdictDoesNotWaitForAMove(t *testing.T) {
	s := serverOn(t, redistest.Start(t))
	l := s.ring(2)[0]
	answered := make(chan error, 1)
	judge := &op{
		moves:  true,
		run:    func(c *cell) error { c.env.judge(l.tag, false); c.changed = true; return nil },
		answer: func(_ *session.Record, err error) { answered <- err },
	}
	a := attempt{store: s.Store, id: l.move.into, lane: &lane{}, ops: []*op{judge}}
	last, done, err := a.try(t.Context())
	if !done || err != nil || last == nil || last.move == nil || !slices.Contains(last.logins, verdict{login: l.tag}) {
		t.Errorf("%+v, done: %v, %v", last, done, err)
	}
	if err := next(t, answered); err != nil {
		t.Error(err)
	}
}

// TestALoginWhoseAnswerIsLost: it came in, so that is the answer. Where it did not, the error stays.
func TestALoginWhoseAnswerIsLost(t *testing.T) {
	for entered, want := range map[bool]error{true: nil, false: errUnreachable} {
		s := serverOn(t, redistest.Start(t))
		home, away := visitor(1), visitor(2)
		s.mustAdd(home)
		if err := s.login(combine(home, visitor(11))); err != nil {
			t.Fatal(err)
		}
		s.mustAdd(away)
		l := &login{Admission: combine(away, visitor(12)), store: s.Store, theirs: s.mustLoad(home.ID), tag: makeTag(s.node, s.number.Add(1))}
		if err := l.leave(); err != nil || l.move == nil {
			t.Fatal(l.move, err)
		}
		if entered {
			if err := l.enter(); err != nil {
				t.Fatal(err)
			}
		}
		if err := l.settle(t.Context(), errUnreachable); err != want {
			t.Errorf("entered: %v, and answered %v", entered, err)
		}
		if gone := s.mustLoad(away.ID) == nil; gone != entered {
			t.Errorf("entered: %v, and the visitor's session is gone: %v", entered, gone)
		}
	}
}
