package redisstore

import (
	"context"
	"maps"
	"slices"
	"strconv"
	"sync"
	"time"

	"github.com/seshd/seshd/session"
)

const (
	beatEvery = 3 * time.Second
	// deadAfter is how long a server may be silent before its tabs stop counting.
	deadAfter = 10 * time.Second
	// countsFor is how long counts stay that nobody changes. Those whose tabs stay open are written again in time.
	countsFor    = 7 * 24 * time.Hour
	recountEvery = 24 * time.Hour
	// answerWithin is how long other servers have to describe their tabs.
	answerWithin = 500 * time.Millisecond
	// maxLooks is how often in a row a server that is not known may turn up: each time one has to begin just then.
	maxLooks = 10
)

// nodes are the servers that live, and what they are asked.
type nodes struct {
	mu        sync.Mutex
	living    []nodeID
	questions map[uint64]chan answer
	asked     uint64
}

type answer struct {
	from nodeID
	text []byte
}

func (n *nodes) list() []nodeID {
	n.mu.Lock()
	defer n.mu.Unlock()
	return n.living
}

// beat says that this server lives, and finds out who else does.
func (s *Store) beat(ctx context.Context) error {
	answer, err := s.run(ctx, s.scripts.beat, []string{nodesKey}, string(s.node[:]), millis(deadAfter)).ToArray()
	if err != nil {
		return err
	}
	if len(answer) != 2 {
		return errDamaged
	}
	unknown, err := answer[0].AsInt64()
	if err != nil {
		return err
	}
	members, err := answer[1].AsStrSlice()
	if err != nil {
		return err
	}
	living := []nodeID{}
	for _, m := range members {
		if len(m) == len(nodeID{}) {
			living = append(living, nodeID([]byte(m)))
		}
	}
	s.nodes.mu.Lock()
	changed := !slices.Equal(s.nodes.living, living)
	s.nodes.living = living
	s.nodes.mu.Unlock()
	if changed {
		s.reportAll()
	}
	if unknown == 1 { // others may have thought this server dead, and its tabs gone
		s.behind(s.recount)
	}
	return nil
}

func (s *Store) beatOn(ctx context.Context) {
	tick, recount := time.NewTicker(beatEvery), time.NewTicker(recountEvery)
	defer tick.Stop()
	defer recount.Stop()
	for {
		select {
		case <-ctx.Done():
			_ = s.do(context.WithoutCancel(ctx), s.client.B().Zrem().Key(nodesKey).Member(string(s.node[:])).Build()).Error()
			return
		case <-recount.C:
			s.recount(ctx)
		case <-tick.C:
			if err := s.beat(ctx); err != nil {
				s.log.Warn("the store was not told that this server lives", "store", s.where, "error", err)
			}
			if _, err := s.lineage.refresh(ctx, s); err != nil {
				s.log.Warn("the store was not asked which it is", "store", s.where, "error", err)
			}
		}
	}
}

// Enter counts one more tab.
func (s *Store) Enter(ctx context.Context, id session.ID, limit int) (bool, error) {
	if s.isClosed() {
		return false, errClosed
	}
	counts, err := s.count(ctx, id, "1", "", limit)
	if err != nil {
		return false, s.fault("enter", err)
	}
	if counts == nil {
		return false, nil
	}
	s.own(id, 1)
	s.learn(id, counts)
	return true, nil
}

// Leave counts a tab out.
func (s *Store) Leave(id session.ID) {
	s.own(id, -1)
	s.behind(func(ctx context.Context) {
		_, _ = s.count(ctx, id, "-1", "", 0) // what is not taken back ends with this server
	})
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

// own notes that this server has a tab more, or less.
func (s *Store) own(id session.ID, more int) {
	shard := s.shard(id)
	shard.mu.Lock()
	defer shard.mu.Unlock()
	if w := shard.watched[id]; w != nil {
		w.mine = max(0, w.mine+more)
	}
}

func (s *Store) hearTabs(id session.ID, from nodeID, count string) {
	n, err := strconv.Atoi(count)
	if err != nil || from == s.node {
		return
	}
	s.change(id, func(w *watched) { w.elsewhere[from] = n })
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

// recount writes this server's counts as they are, and learns the others'.
func (s *Store) recount(ctx context.Context) {
	for _, id := range s.watchedIDs() {
		s.recountOne(ctx, id)
	}
}

func (s *Store) recountOne(ctx context.Context, id session.ID) {
	shard := s.shard(id)
	shard.mu.Lock()
	w := shard.watched[id]
	mine := 0
	if w != nil {
		mine = w.mine
	}
	shard.mu.Unlock()
	if w == nil {
		return
	}
	if counts, err := s.count(ctx, id, "0", strconv.Itoa(mine), 0); err == nil {
		s.learn(id, counts)
	}
}
