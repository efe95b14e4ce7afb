package redisstore

import (
	"context"
	"errors"
	"strconv"
	"time"

	"github.com/seshd/seshd/session"
)

// sweepChunk is how many due entries are looked at before the next are asked for.
const sweepChunk = 256

// intent is the entry of the due index for a commit that may have to be finished; a session's own is just its id.
func intent(id session.ID, commit tag) string { return string(id[:]) + string(commit[:]) }

// dueScore is rounded up, so that nothing is due early.
func dueScore(at time.Time) float64 { return float64(at.UnixMilli() + 1) }

// Sweep ends the sessions that have timed out, and finishes what another server left. Tokens and tickets Redis forgets itself.
func (s *Store) Sweep(ctx context.Context, now time.Time) (ended int, err error) {
	if !s.entered() {
		return 0, errClosed
	}
	defer s.work.Done()
	for shard := range dueShards {
		n, err := s.sweepShard(ctx, dueShard(shard), now)
		ended += n
		if err != nil {
			return ended, err
		}
	}
	return ended, ctx.Err()
}

func (s *Store) sweepShard(ctx context.Context, index string, now time.Time) (ended int, err error) {
	for ctx.Err() == nil {
		entries, err := s.do(ctx, s.client.B().Zrange().Key(index).Min("-inf").Max(strconv.FormatInt(now.UnixMilli(), 10)).
			Byscore().Limit(0, sweepChunk).Withscores().Build()).AsZScores()
		if err != nil {
			return ended, s.fault("sweep", err)
		}
		for _, entry := range entries {
			expired, err := s.sweepEntry(ctx, index, entry.Member, entry.Score, now)
			if expired {
				ended++
			}
			if err != nil {
				return ended, err
			}
		}
		if len(entries) < sweepChunk {
			break
		}
	}
	return ended, ctx.Err()
}

// sweepEntry looks at one session, and moves its entry to when it will be due. All servers do; one of them ends the session.
func (s *Store) sweepEntry(ctx context.Context, index, member string, score float64, now time.Time) (expired bool, err error) {
	if len(member) < len(session.ID{}) {
		return false, s.fault("sweep", errDamaged)
	}
	id := session.ID([]byte(member[:len(session.ID{})]))
	e, err := s.read(ctx, id) // which carries out an outbox
	switch {
	case errors.Is(err, errDamaged): // the others are not to wait for it
		_ = s.fault("sweep "+id.String(), err)
		return false, nil
	case err != nil:
		return false, s.fault("sweep", err)
	}
	next := ""
	if e.move != nil && !s.finishLate(ctx, id, e) {
		next = strconv.FormatFloat(dueScore(now.Add(finishAfter)), 'f', -1, 64)
	} else if r := e.record; r != nil && member == string(id[:]) {
		if r.Alive(now) {
			next = strconv.FormatFloat(dueScore(r.Deadline), 'f', -1, 64)
		} else if expired, err = s.expire(id, now); err != nil || !expired {
			return false, err // if it lives after all, the next look finds that
		}
	}
	if err := s.run(ctx, s.scripts.rearm, []string{index}, member, strconv.FormatFloat(score, 'f', -1, 64), next).Error(); err != nil {
		return expired, s.fault("sweep", err)
	}
	return expired, nil
}

// expire ends a session that has timed out, unless it turns out to live.
func (s *Store) expire(id session.ID, now time.Time) (expired bool, err error) {
	err = s.await(id, &op{run: func(c *cell) error {
		r := c.env.record
		if expired = r != nil && !r.Alive(now); expired {
			c.take(session.Step{Handle: session.Handle{ID: id}, Before: r, Cause: session.Expired})
		}
		return nil
	}})
	if err == nil && expired {
		s.log.Info("session expired", "session", id.String())
	}
	return expired, err
}
