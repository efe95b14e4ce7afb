package redisstore

import (
	"strconv"
	"strings"
	"sync"
	"testing"

	"github.com/seshd/seshd/session"
	"github.com/seshd/seshd/session/redisstore/redistest"
)

// asked is how often a Redis was asked who it is.
func asked(redis *redistest.Server) int {
	_, rest, _ := strings.Cut(redis.Info("commandstats"), "cmdstat_info:calls=")
	calls, _, _ := strings.Cut(rest, ",")
	n, _ := strconv.Atoi(calls)
	return n
}

// TestOneAsksForAllWhichRedisItIs after their connections were lost: who waits for that is not asked to ask once more.
func TestOneAsksForAllWhichRedisItIs(t *testing.T) {
	redis := redistest.Start(t)
	s := serverOn(t, redis)
	const visitors, few = 200, 20
	for n := range byte(visitors) {
		s.mustAdd(visitor(n + 1))
	}
	before := asked(redis)
	redis.Do("CLIENT", "KILL", "TYPE", "normal")
	var all sync.WaitGroup
	for n := range byte(visitors) {
		all.Go(func() {
			if _, err := s.add(visitor(n + 1)); err != nil {
				t.Error(err)
			}
		})
	}
	all.Wait()
	if times := asked(redis) - before; times == 0 || times > few {
		t.Errorf("%d writes asked %d times", visitors, times)
	}
}

// TestTheStoryGoesOnAfterAFailover: the primary that has the story knows how far it was told, and the one that has the session has lost some
// of that, or the whole session. What comes then is told.
func TestTheStoryGoesOnAfterAFailover(t *testing.T) {
	redis := redistest.StartDurable(t)
	s := serverOn(t, redis)
	kept, lost := visitor(1), visitor(2)
	s.mustWatch(kept.ID)
	s.mustAdd(kept)
	s.mustAdd(lost)
	for _, h := range []session.Handle{kept, lost} {
		redis.Do("SET", toldKey(h.ID), "1000")
	}
	redis.Do("DEL", sessionKey(lost.ID), tokenKey(lost.Key))
	redis.Restart()
	until(t, s.missed, func(anew bool) bool { return anew })
	_, before, _, err := s.Lives(t.Context(), 0, 0)
	if err != nil {
		t.Fatal(err)
	}
	s.mustAdd(lost)
	s.end(kept)
	_, newest, _, err := s.Lives(t.Context(), 0, 0)
	if err != nil {
		t.Fatal(err)
	}
	lives, _, _, err := s.Lives(t.Context(), newest-2, 2)
	if err != nil {
		t.Fatal(err)
	}
	told := map[session.ID]bool{}
	for _, life := range lives {
		if life.Seq > before {
			told[life.ID] = true
		}
	}
	if !told[kept.ID] || !told[lost.ID] {
		t.Errorf("of lines %d to %d it has %+v", before+1, newest, lives)
	}
}
