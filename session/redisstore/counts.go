package redisstore

import (
	"context"
	"maps"
	"slices"
	"strconv"
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

// Enter counts one more tab.
func (s *Store) Enter(ctx context.Context, id session.ID, limit int) (bool, error) {
	if s.isClosed() {
		return false, errClosed
	}
	before := s.tidings(id)
	counts, err := s.add(ctx, id, 1, limit)
	if err != nil {
		return false, s.fault("enter", err)
	}
	if counts == nil {
		return false, nil
	}
	s.learn(id, counts)
	if s.tidings(id) != before { // what came meanwhile may be newer than the answer, or older
		s.behind(func(ctx context.Context) { s.recount(ctx, []session.ID{id}) })
	}
	return true, nil
}

// Leave counts a tab out.
func (s *Store) Leave(id session.ID) {
	s.behind(func(ctx context.Context) {
		_, _ = s.add(ctx, id, -1, 0) // what fails is made up for
	})
}

// add counts tabs of this server in or out; nil: it is refused. Where the answer is lost nobody knows whether they were counted: the
// next beat that arrives sets the count.
func (s *Store) add(ctx context.Context, id session.ID, more, limit int) (map[nodeID]int, error) {
	shard := s.shard(id)
	shard.counting.RLock()
	defer shard.counting.RUnlock()
	counts, err := s.count(ctx, id, strconv.Itoa(more), "", limit)
	shard.mu.Lock()
	defer shard.mu.Unlock()
	if err != nil {
		shard.unsure[id] = true
	}
	if more < 0 || counts != nil {
		shard.owns(id, more)
	}
	return counts, err
}

// owns notes that this server has tabs more, or less; the caller holds mu.
func (shard *feedShard) owns(id session.ID, more int) {
	if shard.mine[id] += more; shard.mine[id] <= 0 {
		delete(shard.mine, id)
	}
}

// recount writes this server's counts as they are, and learns the others'.
func (s *Store) recount(ctx context.Context, ids []session.ID) {
	for _, id := range ids {
		if counts, err := s.setCount(ctx, id); err == nil {
			s.learn(id, counts)
		}
	}
}

func (s *Store) setCount(ctx context.Context, id session.ID) (map[nodeID]int, error) {
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
	}
	return counts, err
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
func (s *Store) count(ctx context.Context, id session.ID, add, set string, limit int) (map[nodeID]int, error) {
	dead := []nodeID{}
	for range maxLooks {
		args := []string{
			string(s.node[:]), add, set, strconv.Itoa(limit), millis(countsFor),
			s.publish, channelOf(id), string(appendNews(newsTabs, s.node)),
		}
		living := s.nodes.list()
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
		fields, err := answer[1].AsStrSlice()
		if err != nil {
			return nil, err
		}
		counts, err := decodeCounts(fields)
		switch {
		case err != nil:
			return nil, err
		case done == countedIn:
			return counts, nil
		case done != countUnsure:
			return nil, nil
		}
		if err := s.beat(ctx); err != nil {
			return nil, err
		}
		living = s.nodes.list() // whoever counted tabs before this was on the list, or is off it for good
		for n := range counts {
			if !slices.Contains(living, n) {
				dead = append(dead, n)
			}
		}
	}
	return nil, errBusy
}

func decodeCounts(fields []string) (map[nodeID]int, error) {
	counts := make(map[nodeID]int, len(fields)/2)
	for pair := range slices.Chunk(fields, 2) {
		n, err := strconv.Atoi(pair[len(pair)-1])
		if err != nil || len(pair[0]) != len(nodeID{}) {
			return nil, errDamaged
		}
		counts[nodeID([]byte(pair[0]))] = n
	}
	return counts, nil
}

// learn notes what all counts are.
func (s *Store) learn(id session.ID, counts map[nodeID]int) {
	s.change(id, func(w *watched) { w.elsewhere = maps.Clone(counts) })
}

// tidings is how often others have told of their tabs.
func (s *Store) tidings(id session.ID) uint64 {
	shard := s.shard(id)
	shard.mu.Lock()
	defer shard.mu.Unlock()
	if w := shard.watched[id]; w != nil {
		return w.tidings
	}
	return 0
}

func (s *Store) hearTabs(id session.ID, from nodeID, count string) {
	n, err := strconv.Atoi(count)
	if err != nil || from == s.node {
		return
	}
	s.change(id, func(w *watched) {
		w.elsewhere[from] = n
		w.tidings++
	})
	if !slices.Contains(s.nodes.list(), from) { // it has begun since the last beat: this one finds it, and counts
		s.behind(func(ctx context.Context) { _ = s.beat(ctx) })
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
	for n, count := range w.elsewhere {
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
