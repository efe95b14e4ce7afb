package redisstore

import (
	"context"
	"encoding/binary"
	"maps"
	"slices"
	"time"

	"github.com/seshd/seshd/session"
)

// TabsElsewhere asks the other servers that have tabs of a session to describe them.
func (s *Store) TabsElsewhere(ctx context.Context, id session.ID) ([][]byte, error) {
	if s.isClosed() {
		return nil, errClosed
	}
	fields, err := s.do(ctx, s.client.B().Hgetall().Key(tabsKey(id)).Build()).AsStrMap()
	if err != nil {
		return nil, s.fault("tabs", err)
	}
	wanted, living := map[nodeID]bool{}, s.nodes.list()
	for n := range fields {
		if len(n) == len(nodeID{}) && nodeID([]byte(n)) != s.node {
			wanted[nodeID([]byte(n))] = true
		}
	}
	dead := func(n nodeID, _ bool) bool { return !slices.Contains(living, n) }
	for n := range wanted {
		if dead(n, true) { // or it has begun since the last beat
			if living, err = s.beat(ctx); err != nil {
				return nil, s.fault("tabs", err)
			}
			break
		}
	}
	maps.DeleteFunc(wanted, dead)
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
