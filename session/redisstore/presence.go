package redisstore

import (
	"context"
	"slices"
	"sync"
	"time"
)

const (
	beatEvery = 3 * time.Second
	// deadAfter is how long a server may be silent before its tabs stop counting.
	deadAfter = 10 * time.Second
	// answerWithin is how long other servers have to describe their tabs.
	answerWithin = 500 * time.Millisecond
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

// beat says that this server lives, and finds out who else does. What it returns is what Redis said then: an older beat, whose answer comes
// later, may be what the list has.
func (s *Store) beat(ctx context.Context) (living []nodeID, err error) {
	answer, err := s.run(ctx, s.scripts.beat, []string{nodesKey}, string(s.node[:]), millis(deadAfter)).ToArray()
	s.metrics.beating.Store(err == nil)
	if err != nil {
		return nil, err
	}
	if len(answer) != 2 {
		return nil, errDamaged
	}
	unknown, err := answer[0].AsInt64()
	if err != nil {
		return nil, err
	}
	members, err := answer[1].AsStrSlice()
	if err != nil {
		return nil, err
	}
	living = []nodeID{}
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
		s.recountAll()
	} else {
		s.recountUnsure()
	}
	return living, nil
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
			s.recountAll()
		case <-tick.C:
			if _, err := s.beat(ctx); err != nil {
				s.log.Warn("the store was not told that this server lives", "store", s.where, "error", err)
			}
			if _, err := s.lineage.refresh(ctx, s); err != nil {
				s.log.Warn("the store was not asked which it is", "store", s.where, "error", err)
			}
		}
	}
}
