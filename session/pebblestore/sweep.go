package pebblestore

import (
	"context"
	"encoding/binary"
	"strings"
	"time"

	"github.com/cockroachdb/pebble/v2"

	"github.com/seshd/seshd/session"
)

// sweepChunk is how many due entries one op of the sweep handles, so that writers never wait long behind it.
const sweepChunk = 256

// Sweep removes what is due. A session that turns out to be alive gets a new entry in the index, at its present
// deadline: so a mutation costs no index write, and a session one sweep a time-out.
func (s *Store) Sweep(ctx context.Context, now time.Time) (expired int, err error) {
	for after := prefixIndex; ctx.Err() == nil; {
		due, err := s.due(after, now)
		if err != nil || len(due) == 0 {
			return expired, err
		}
		after = due[len(due)-1] + "\x00"
		var ended []session.Event
		done := make(chan error, 1)
		s.submit(opFuncs{
			func(t *tx) { ended = t.sweep(due, now); t.forgetStory() },
			func(failed error) {
				if failed != nil {
					done <- failed
					return
				}
				for _, event := range ended {
					s.feed(event)
				}
				done <- nil
			},
		})
		if err := <-done; err != nil {
			return expired, err
		}
		expired += len(ended)
		for _, event := range ended {
			s.log.Info("session expired", "session", event.ID.String())
		}
	}
	return expired, ctx.Err()
}

// due lists the next index entries whose time has come, from a place in the index on.
func (s *Store) due(from string, now time.Time) ([]string, error) {
	s.visible.RLock()
	defer s.visible.RUnlock()
	if s.shut {
		return nil, errClosed
	}
	iter, err := s.db.NewIter(&pebble.IterOptions{LowerBound: []byte(from), UpperBound: []byte(indexKey(now, ""))})
	if err != nil {
		return nil, s.fault(err)
	}
	defer iter.Close()
	var entries []string
	for iter.First(); iter.Valid() && len(entries) < sweepChunk; iter.Next() {
		entries = append(entries, string(iter.Key()))
	}
	if err := iter.Error(); err != nil {
		return nil, s.fault(err)
	}
	return entries, nil
}

// sweep stages what the entries ask for. One that meets a fault stays, with the entry that will find it again.
func (t *tx) sweep(entries []string, now time.Time) (ended []session.Event) {
	for _, entry := range entries {
		key := entry[len(prefixIndex)+binary.Size(uint64(0)):]
		if id, isSession := strings.CutPrefix(key, prefixSession); isSession {
			event, expired, err := t.expire(session.ID([]byte(id)), now)
			if err != nil {
				continue
			}
			if expired {
				ended = append(ended, event)
			}
		} else if staged, err := t.value(key); err != nil {
			continue
		} else {
			staged.next = nil // tokens and tickets are never prolonged
		}
		// The entry is on disk though this group may not have read it.
		t.values[entry] = &stagedValue{committed: []byte(entry)}
	}
	return ended
}

func (t *tx) expire(id session.ID, now time.Time) (session.Event, bool, error) {
	staged, err := t.record(id)
	if err != nil || staged.next == nil {
		return session.Event{}, false, err
	}
	if staged.next.Alive(now) {
		t.arm(sessionKey(id), staged.next.Deadline)
		return session.Event{}, false, nil
	}
	steps := []session.Step{{Handle: session.Handle{ID: id}, Before: staged.next, Cause: session.Expired}}
	return steps[0].Event(), true, t.take(steps)
}
