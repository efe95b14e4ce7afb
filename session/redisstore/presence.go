package redisstore

import (
	"context"
	"encoding/binary"
	"slices"
	"sync"
	"time"

	"github.com/seshd/seshd/session"
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
		s.behind(func(ctx context.Context) { s.recount(ctx, s.watchedIDs()) })
	}
	if unsure := s.unsureIDs(); len(unsure) > 0 {
		s.behind(func(ctx context.Context) { s.recount(ctx, unsure) })
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
			s.recount(ctx, s.watchedIDs())
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

// TabsElsewhere asks the other servers that have tabs of a session to describe them.
func (s *Store) TabsElsewhere(ctx context.Context, id session.ID) ([][]byte, error) {
	if s.isClosed() {
		return nil, errClosed
	}
	fields, err := s.do(ctx, s.client.B().Hgetall().Key(tabsKey(id)).Build()).AsStrMap()
	if err != nil {
		return nil, s.fault("tabs", err)
	}
	living, wanted := s.nodes.list(), map[nodeID]bool{}
	for n := range fields {
		if len(n) == len(nodeID{}) && nodeID([]byte(n)) != s.node && slices.Contains(living, nodeID([]byte(n))) {
			wanted[nodeID([]byte(n))] = true
		}
	}
	if len(wanted) == 0 {
		return nil, nil
	}
	number, answers := s.nodes.ask(len(wanted))
	defer s.nodes.forget(number)
	s.send(ctx, channelOf(id), string(binary.BigEndian.AppendUint64(appendNews(newsAsk, s.node), number)))
	timeout := time.NewTimer(answerWithin)
	defer timeout.Stop()
	var all [][]byte
	for len(wanted) > 0 {
		select {
		case a := <-answers:
			if wanted[a.from] {
				delete(wanted, a.from)
				all = append(all, a.text)
			}
		case <-timeout.C:
			return all, nil
		case <-ctx.Done():
			return nil, ctx.Err()
		}
	}
	return all, nil
}

func (n *nodes) ask(expected int) (number uint64, answers chan answer) {
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.questions == nil {
		n.questions = make(map[uint64]chan answer)
	}
	n.asked++
	n.questions[n.asked] = make(chan answer, 2*expected)
	return n.asked, n.questions[n.asked]
}

func (n *nodes) forget(number uint64) {
	n.mu.Lock()
	defer n.mu.Unlock()
	delete(n.questions, number)
}

func (n *nodes) answer(from nodeID, d *decoder) {
	number := d.bytes(8)
	if number == nil {
		return
	}
	n.mu.Lock()
	defer n.mu.Unlock()
	select {
	case n.questions[binary.BigEndian.Uint64(number)] <- answer{from, d.rest}:
	default: // nobody waits for it, or it is there already
	}
}

// describe answers another server's question.
func (s *Store) describe(id session.ID, from nodeID, question []byte) {
	if from == s.node || s.listen().Describe == nil {
		return
	}
	s.behind(func(ctx context.Context) {
		message := append(appendNews(newsAnswer, s.node), question...)
		s.send(ctx, nodeChannel(from), string(append(message, s.listen().Describe(id)...)))
	})
}
