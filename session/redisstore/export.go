package redisstore

import (
	"context"
	"encoding/hex"
	"slices"
	"strings"
	"time"

	"github.com/redis/rueidis"

	"github.com/seshd/seshd/session"
)

// scanCount is about how many keys Redis looks at in one go: a millisecond's work, for which everybody waits.
const scanCount = 1000

// Export gives fn what there is. Redis shows no one moment: each session is as it is when its turn comes.
func (s *Store) Export(ctx context.Context, fn func(session.Saved) error) error {
	if !s.entered() {
		return errClosed
	}
	defer s.work.Done()
	tokenPrefix := tokenKey(session.TokenKey{})[:len(prefix+"token:")]
	err := s.scan(ctx, tokenPrefix+"*", func(key string) error {
		var token session.TokenKey
		if n, err := hex.Decode(token[:], []byte(strings.TrimPrefix(key, tokenPrefix))); err != nil || n != len(token) {
			return nil
		}
		return s.exportToken(ctx, token, fn)
	})
	if err != nil {
		return err
	}
	return s.scan(ctx, prefix+"{*}", func(key string) error {
		id, ok := sessionOf(key)
		if !ok {
			return nil
		}
		r, err := s.Load(ctx, id)
		if err != nil || r == nil || !r.Alive(time.Now()) {
			return err
		}
		return fn(session.Saved{Record: r})
	})
}

// exportToken gives a token to fn that no session lists: a session brings its own along.
func (s *Store) exportToken(ctx context.Context, key session.TokenKey, fn func(session.Saved) error) error {
	token, err := s.Token(ctx, key)
	if err != nil || token == nil || !time.Now().Before(token.Ends) {
		return err
	}
	r, err := s.Load(ctx, token.ID)
	if err != nil {
		return err
	}
	if r != nil && r.Alive(time.Now()) && slices.ContainsFunc(r.Devices, func(d session.Device) bool { return d.Key == key }) {
		return nil
	}
	return fn(session.Saved{Key: key, Token: *token})
}

// scan gives fn each key that is there all the time, once.
func (s *Store) scan(ctx context.Context, pattern string, fn func(key string) error) error {
	seen := make(map[string]bool) // Redis may show one twice, and a replica shows its primary's
	for _, node := range s.client.Nodes() {
		for cursor := uint64(0); ; {
			page, err := s.page(ctx, node, cursor, pattern)
			if err != nil {
				return s.fault("export", err)
			}
			for _, key := range page.Elements {
				if seen[key] {
					continue
				}
				seen[key] = true
				if err := fn(key); err != nil {
					return err
				}
				if err := ctx.Err(); err != nil {
					return err
				}
			}
			if cursor = page.Cursor; cursor == 0 {
				break
			}
		}
	}
	return nil
}

func (s *Store) page(ctx context.Context, node rueidis.Client, cursor uint64, pattern string) (rueidis.ScanEntry, error) {
	ctx, cancel := context.WithTimeout(ctx, commandTimeout)
	defer cancel()
	return node.Do(ctx, node.B().Scan().Cursor(cursor).Match(pattern).Count(scanCount).Build()).AsScanEntry()
}

// Import puts in what another store had.
func (s *Store) Import(ctx context.Context, saved session.Saved) (fate session.Fate, err error) {
	if !s.entered() {
		return 0, errClosed
	}
	defer s.work.Done()
	var alone map[session.TokenKey]session.TokenRecord
	err = s.await(saved.ID(), &op{run: func(c *cell) error {
		known := make(map[session.TokenKey]*session.TokenRecord)
		for _, key := range saved.Keys() {
			if known[key], c.fault = s.token(c.ctx, key); c.fault != nil {
				return c.fault
			}
		}
		var step *session.Step
		var tokens map[session.TokenKey]session.TokenRecord
		fate, step, tokens = saved.Enter(c.env.record, known, c.now)
		if alone = tokens; step == nil {
			return nil
		}
		alone = nil
		c.take(*step)
		for key, token := range tokens {
			c.outbox, c.tokens[key] = c.outbox.token(key, token), token
		}
		return nil
	}})
	if err != nil || len(alone) == 0 {
		return fate, err
	}
	var writes outbox // of a token whose session is not here
	for key, token := range alone {
		writes = writes.token(key, token)
	}
	asked, err := writes.errands()
	if err != nil {
		return 0, s.fault("import", err)
	}
	for _, answer := range s.client.DoMulti(ctx, s.commands(saved.ID(), asked)...) {
		if err := answer.Error(); err != nil && !rueidis.IsRedisNil(err) {
			return 0, s.fault("import", err)
		}
	}
	return fate, nil
}
