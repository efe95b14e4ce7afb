package redisstore

import (
	"context"
	"fmt"
	"time"

	"github.com/redis/rueidis"

	"github.com/seshd/seshd/session"
)

// format is the version of everything this package keeps in Redis, and of what its servers tell each other. Whoever raises it has the mark
// rewritten, once no older server is left.
const (
	format    = 1
	kindStore = "Redis"
)

// checkFormat refuses a Redis whose format is a newer seshd's, before anything is written there, and marks one that has no mark.
func (s *Store) checkFormat(ctx context.Context) error {
	mark := s.client.B().Set().Key(formatKey).Value(session.NewMark(kindStore, format, time.Now())).Nx().Build()
	if err := s.do(ctx, mark).Error(); err != nil && !rueidis.IsRedisNil(err) { // nil: there is one
		return err
	}
	text, err := s.get(ctx, formatKey)
	if err != nil {
		return err
	}
	if _, err := session.ReadMark(text, kindStore, format); err != nil {
		return fmt.Errorf("key %s: %w", formatKey, err)
	}
	return nil
}
