package redisstore

import (
	"context"
	"encoding/hex"
	"errors"
	"strconv"
	"time"

	"github.com/redis/rueidis"

	"github.com/seshd/seshd/session"
)

// sweepChunk is how many due entries are looked at before the next are asked for.
const sweepChunk = 256

// damagedFor is how long the sweep leaves alone what it cannot read: as long as a server of the version that wrote it may take to come
// back, without a line in the log for each look. An entry that stayed due would be in the way of the others.
const damagedFor = time.Hour

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
			expired, err := s.sweepEntry(ctx, index, entry, now)
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

// sweepEntry looks at what an entry is of, and moves it to when it will be due. All servers do.
func (s *Store) sweepEntry(ctx context.Context, index string, entry rueidis.ZScore, now time.Time) (expired bool, err error) {
	next, expired, err := s.sweepSession(ctx, entry.Member, now)
	if errors.Is(err, errDamaged) { // the others are not to wait for it
		_ = s.fault("sweep "+hex.EncodeToString([]byte(entry.Member)), err)
		next, err = now.Add(damagedFor), nil
	}
	if err != nil {
		return false, s.fault("sweep", err)
	}
	due := ""
	if !next.IsZero() {
		due = formatScore(dueScore(next))
	}
	if err := s.run(ctx, s.scripts.rearm, []string{index}, entry.Member, formatScore(entry.Score), due).Error(); err != nil {
		return expired, s.fault("sweep", err)
	}
	return expired, nil
}

func formatScore(score float64) string { return strconv.FormatFloat(score, 'f', -1, 64) }

// sweepSession ends a session that has timed out, which one of the servers does, and says when its entry is due next; zero: no more.
func (s *Store) sweepSession(ctx context.Context, member string, now time.Time) (next time.Time, expired bool, err error) {
	if len(member) < len(session.ID{}) {
		return next, false, errDamaged
	}
	id := session.ID([]byte(member[:len(session.ID{})]))
	e, err := s.read(ctx, id) // which carries out an outbox
	if err != nil {
		return next, false, err
	}
	switch r := e.record; {
	case e.move != nil && !s.finishLate(ctx, id, e):
		return now.Add(finishAfter), false, nil
	case r == nil || member != string(id[:]):
		return next, false, nil
	case r.Alive(now):
		return r.Deadline, false, nil
	}
	if expired, err = s.expire(id, now); !expired {
		next = now // if it lives after all, the next look finds that
	}
	return next, expired, err
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
