package storetest

import (
	"context"
	"sync"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/seshd/seshd/session"
)

func (s *suite) lives(after uint64, limit int) (lives []session.Life, newest uint64, gap bool) {
	s.Helper()
	lives, newest, gap, err := s.store.Lives(context.Background(), after, limit)
	if err != nil {
		s.Fatalf("Lives: %v", err)
	}
	for i, life := range lives {
		if !gap && life.Seq != after+uint64(i)+1 {
			s.Fatalf("line %d after %d has the number %d", i, after, life.Seq)
		}
	}
	return lives, newest, gap
}

func (s *suite) newest() uint64 {
	s.Helper()
	_, newest, _ := s.lives(0, 0)
	return newest
}

// wantStory compares the lines after the one numbered, but for their numbers and times.
func (s *suite) wantStory(after uint64, want ...session.Life) {
	s.Helper()
	got, newest, gap := s.lives(after, 1000)
	if gap || newest != after+uint64(len(got)) {
		s.Errorf("gap %v, the newest is %d", gap, newest)
	}
	if diff := cmp.Diff(want, got, cmpopts.IgnoreFields(session.Life{}, "Seq", "At")); diff != "" {
		s.Errorf("the story after %d (-want +got): %s", after, diff)
	}
	for _, life := range got {
		if since := time.Since(life.At); since < 0 || since > time.Minute {
			s.Errorf("line %d is of %v", life.Seq, life.At)
		}
	}
}

func storyTellsLives(s *suite) {
	s.wantStory(0)
	a, b := handle(1), handle(2)
	s.mustIncr(a, time.Hour)
	s.mustIncr(a, time.Hour) // a write is no line
	s.mustIncr(b, time.Minute)
	if err := s.end(a); err != nil {
		s.Fatal(err)
	}
	s.sweep(time.Now().Add(10 * time.Minute))
	want := []session.Life{
		{Cause: session.Created, ID: a.ID, Device: a.Device},
		{Cause: session.Created, ID: b.ID, Device: b.Device},
		{Cause: session.Destroyed, ID: a.ID},
		{Cause: session.Expired, ID: b.ID},
	}
	s.wantStory(0, want...)
	s.wantStory(2, want[2:]...)
	if lives, newest, gap := s.lives(1, 2); len(lives) != 2 || newest != 4 || gap {
		s.Errorf("%d lines of a page of two, the newest %d, gap %v", len(lives), newest, gap)
	}
	s.wantStory(4)
	s.store = s.reopen()
	s.wantStory(0, want...)
	s.mustIncr(handle(3), time.Hour)
	s.wantStory(4, session.Life{Cause: session.Created, ID: session.ID{3}, Device: session.DeviceID{3}})
}

// storyOfAnotherStore: whoever has heard of more lines than there are has heard them from somebody else.
func storyOfAnotherStore(s *suite) {
	s.mustIncr(handle(1), time.Hour)
	for _, after := range []uint64{2, 1 << 40, 1<<64 - 1} {
		if _, newest, gap := s.lives(after, 10); !gap || newest != 1 {
			s.Errorf("after %d: gap %v, the newest is %d", after, gap, newest)
		}
	}
}

// storyHasNoHoles: read while it is written, it comes in order, without a hole, and never before what it tells of.
func storyHasNoHoles(s *suite) {
	const sessions = 200
	var writers sync.WaitGroup
	for n := range byte(sessions) {
		writers.Go(func() {
			h := handle(n + 1)
			if _, err := s.update(session.Update{Handle: h, Change: incr(h, time.Hour)}); err != nil {
				s.Error(err)
			}
		})
	}
	seen, after := map[session.ID]bool{}, uint64(0)
	for deadline := time.Now().Add(30 * time.Second); after < sessions && time.Now().Before(deadline); {
		lives, _, gap := s.lives(after, 7)
		if gap {
			s.Fatalf("a gap after %d", after)
		}
		for _, life := range lives {
			if s.load(life.ID) == nil || seen[life.ID] {
				s.Fatalf("line %d tells of %s before it is there, or twice", life.Seq, life.ID)
			}
			seen[life.ID], after = true, life.Seq
		}
	}
	writers.Wait()
	if len(seen) != sessions || s.newest() != sessions {
		s.Errorf("%d lines, the newest is %d", len(seen), s.newest())
	}
}
