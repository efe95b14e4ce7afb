package redisstore

import (
	"context"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/seshd/seshd/session"
)

const (
	// countsFor is how long counts stay that nobody changes. Those whose tabs stay open are written again in time.
	countsFor    = 7 * 24 * time.Hour
	recountEvery = 24 * time.Hour
	// maxLooks is how often in a row a server that is not known may turn up: each time one has to begin just then.
	maxLooks = 10
)

// tabCounts is how many tabs of a session each server had after a change, which Redis numbers. Answers and messages cross on the way here:
// of two, the one with the higher number holds.
type tabCounts struct {
	number uint64
	by     map[nodeID]int
}

// Enter counts one more tab.
func (s *Store) Enter(ctx context.Context, id session.ID, limit int) (bool, error) {
	if s.isClosed() {
		return false, errClosed
	}
	counts, err := s.add(ctx, id, 1, limit)
	if err != nil {
		return false, s.fault("enter", err)
	}
	return counts != nil, nil
}

// Leave counts a tab out.
func (s *Store) Leave(id session.ID) {
	s.behind(func(ctx context.Context) {
		_, _ = s.add(ctx, id, -1, 0) // what fails is made up for
	})
}

// add counts tabs of this server in or out; nil: it is refused. Where the answer is lost nobody knows whether they were counted: the
// next beat that arrives sets the count.
func (s *Store) add(ctx context.Context, id session.ID, more, limit int) (*tabCounts, error) {
	shard := s.shard(id)
	shard.counting.RLock()
	defer shard.counting.RUnlock()
	counts, err := s.count(ctx, id, strconv.Itoa(more), "", limit)
	shard.mu.Lock()
	if err != nil {
		shard.unsure[id] = true
	}
	if more < 0 || counts != nil {
		shard.owns(id, more)
	}
	shard.mu.Unlock()
	if counts != nil {
		s.learn(id, counts)
	}
	return counts, err
}

// owns notes that this server has tabs more, or less; the caller holds mu.
func (shard *feedShard) owns(id session.ID, more int) {
	if shard.mine[id] += more; shard.mine[id] <= 0 {
		delete(shard.mine, id)
	}
}

// recountAll has this server's counts of what is watched written as they are.
func (s *Store) recountAll() {
	for i := range s.shards {
		shard := &s.shards[i]
		shard.mu.Lock()
		for id := range shard.watched {
			shard.unsure[id] = true
		}
		shard.mu.Unlock()
	}
	s.recountUnsure()
}

// recountUnsure sets the counts that may be wrong: behind, since each is one question to Redis, and in one pass at a time. What a pass fails
// at, or what comes too late for it, is for that of the next beat.
func (s *Store) recountUnsure() {
	s.behind(func(ctx context.Context) {
		if s.recounting.CompareAndSwap(false, true) {
			defer s.recounting.Store(false)
			s.recount(ctx, s.unsureIDs())
		}
	})
}

// recount writes this server's counts as they are, and learns the others'. Close waits for it: what is left then others find.
func (s *Store) recount(ctx context.Context, ids []session.ID) {
	for _, id := range ids {
		if s.isClosed() {
			return
		}
		s.setCount(ctx, id)
	}
}

func (s *Store) setCount(ctx context.Context, id session.ID) {
	shard := s.shard(id)
	shard.counting.Lock()
	defer shard.counting.Unlock()
	shard.mu.Lock()
	mine := shard.mine[id]
	delete(shard.unsure, id)
	shard.mu.Unlock()
	counts, err := s.count(ctx, id, "0", strconv.Itoa(mine), 0)
	if err != nil {
		shard.mu.Lock()
		defer shard.mu.Unlock()
		shard.unsure[id] = true
		return
	}
	s.learn(id, counts)
}

// unsureIDs lists the sessions of which Redis may have a wrong count for this server.
func (s *Store) unsureIDs() (ids []session.ID) {
	for i := range s.shards {
		shard := &s.shards[i]
		shard.mu.Lock()
		ids = slices.AppendSeq(ids, maps.Keys(shard.unsure))
		shard.mu.Unlock()
	}
	return ids
}

// What the script says that was done.
const (
	countedIn   = 1
	countUnsure = -1
)

// count changes this server's count, and returns all; nil: it is refused. Servers that this one does not know have begun since its last
// beat, or are dead: it looks.
func (s *Store) count(ctx context.Context, id session.ID, add, set string, limit int) (*tabCounts, error) {
	living, dead := s.nodes.list(), []nodeID{}
	for range maxLooks {
		args := []string{
			string(s.node[:]), add, set, strconv.Itoa(limit), millis(countsFor),
			s.publish, channelOf(id), string(appendNews(newsTabs, s.node)),
		}
		args = append(args, strconv.Itoa(len(living)))
		for _, n := range append(slices.Clip(living), dead...) {
			args = append(args, string(n[:]))
		}
		answer, err := s.run(ctx, s.scripts.tabs, []string{tabsKey(id)}, args...).ToArray()
		if err != nil {
			return nil, err
		}
		if len(answer) != 2 {
			return nil, errDamaged
		}
		done, err := answer[0].AsInt64()
		if err != nil {
			return nil, err
		}
		text, err := answer[1].ToString()
		if err != nil {
			return nil, err
		}
		counts, err := decodeCounts(text)
		switch {
		case err != nil:
			return nil, err
		case done == countedIn:
			return counts, nil
		case done != countUnsure:
			return nil, nil
		}
		if living, err = s.beat(ctx); err != nil { // whoever counted tabs before this is on the list, or dead
			return nil, err
		}
		for n := range counts.by {
			if !slices.Contains(living, n) {
				dead = append(dead, n)
			}
		}
	}
	return nil, errBusy
}

// decodeCounts reads what the script says: a number, then each server and its tabs, each behind by a space.
func decodeCounts(text string) (*tabCounts, error) {
	number, rest, _ := strings.Cut(text, " ")
	counts := &tabCounts{by: map[nodeID]int{}}
	var err error
	if counts.number, err = strconv.ParseUint(number, 10, 64); err != nil {
		return nil, errDamaged
	}
	for rest != "" {
		var n nodeID
		if len(rest) < len(n) {
			return nil, errDamaged
		}
		copy(n[:], rest)
		number, rest, _ = strings.Cut(rest[len(n):], " ")
		if counts.by[n], err = strconv.Atoi(number); err != nil {
			return nil, errDamaged
		}
	}
	return counts, nil
}

// learn notes what all counts are, unless it is older than what is known.
func (s *Store) learn(id session.ID, counts *tabCounts) {
	s.change(id, func(w *watched) {
		if counts.number > w.counts.number {
			w.counts = *counts
		}
	})
}

func (s *Store) hearTabs(id session.ID, text string) {
	counts, err := decodeCounts(text)
	if err != nil {
		s.log.Error("a message that cannot be read", "session", id.String(), "error", err)
		return
	}
	s.learn(id, counts)
	s.doubt(id)
	living := s.nodes.list()
	for n := range counts.by {
		if !slices.Contains(living, n) { // it has begun since the last beat: this one finds it, and counts
			s.behind(func(ctx context.Context) { _, _ = s.beat(ctx) })
			return
		}
	}
}

// doubt has the next beat set a count that another server has deleted, since it thought this one dead. While own changes are under way
// nothing can be said: their news may come before their answers.
func (s *Store) doubt(id session.ID) {
	shard := s.shard(id)
	if !shard.counting.TryLock() {
		return
	}
	defer shard.counting.Unlock()
	shard.mu.Lock()
	defer shard.mu.Unlock()
	if w := shard.watched[id]; w != nil && w.counts.by[s.node] != shard.mine[id] {
		shard.unsure[id] = true
	}
}

// change changes what is known of the tabs elsewhere, and tells how many they are if that is news.
func (s *Store) change(id session.ID, change func(*watched)) {
	living := s.nodes.list()
	shard := s.shard(id)
	shard.telling.Lock()
	defer shard.telling.Unlock()
	shard.mu.Lock()
	w := shard.watched[id]
	if w == nil {
		shard.mu.Unlock()
		return
	}
	change(w)
	sum := 0
	for n, count := range w.counts.by {
		if n != s.node && slices.Contains(living, n) {
			sum += count
		}
	}
	news := sum != w.reported
	w.reported = sum
	shard.mu.Unlock()
	if news && s.listen().Tabs != nil {
		s.listen().Tabs(id, sum)
	}
}

// reportAll counts anew, since a server began or ended.
func (s *Store) reportAll() {
	for _, id := range s.watchedIDs() {
		s.change(id, func(*watched) {})
	}
}
