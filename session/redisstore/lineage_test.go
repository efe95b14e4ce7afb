package redisstore

import (
	"strconv"
	"strings"
	"sync"
	"testing"

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
