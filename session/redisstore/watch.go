package redisstore

import (
	"context"
	"time"

	"github.com/seshd/seshd/session"
)

// Watch has the feed told of what other servers commit to a session.
func (s *Store) Watch(ctx context.Context, id session.ID) error {
	if s.isClosed() {
		return errClosed
	}
	shard := s.shard(id)
	shard.mu.Lock()
	w := shard.watched[id]
	if w == nil {
		w = &watched{}
		shard.watched[id] = w
	} else {
		w.reported = unreported // to whoever watched before: this one knows of none yet
	}
	w.watchers++
	shard.mu.Unlock()
	err := s.subscribe(ctx, id)
	if err != nil {
		s.Unwatch(id)
	}
	return err
}

// subscribe returns when a session's news arrive.
func (s *Store) subscribe(ctx context.Context, id session.ID) error {
	ctx, cancel := context.WithTimeout(ctx, retryFor)
	defer cancel()
	for try := 0; ctx.Err() == nil; try++ {
		ears, next := s.hears.get()
		var again <-chan time.Time
		if ears != nil {
			if ears.subscribe(ctx, channelOf(id)) == nil {
				return nil
			}
			again = time.After(pause(try))
		}
		select { // the next subscription begins with all that is watched, or else this loop subscribes again
		case <-next:
		case <-again:
		case <-ctx.Done():
		}
	}
	return errDeaf
}

// Unwatch takes back one Watch.
func (s *Store) Unwatch(id session.ID) {
	shard := s.shard(id)
	shard.mu.Lock()
	defer shard.mu.Unlock()
	w := shard.watched[id]
	if w == nil {
		return
	}
	if w.watchers--; w.watchers == 0 {
		delete(shard.watched, id)
		s.behind(func(ctx context.Context) { s.forget(ctx, id) })
	}
}

// forget unsubscribes from what nobody watches any more. It must not hold mu while it waits for the answer, behind which come the news
// that wait for mu. So a Watch that began meanwhile may have subscribed in vain.
func (s *Store) forget(ctx context.Context, id session.ID) {
	ears, _ := s.hears.get()
	if ears == nil || s.watches(id) {
		return
	}
	ears.unsubscribe(channelOf(id))
	if s.watches(id) && s.subscribe(ctx, id) == nil {
		s.missed([]session.ID{id}, false)
	}
}

func (s *Store) watches(id session.ID) bool {
	shard := s.shard(id)
	shard.mu.Lock()
	defer shard.mu.Unlock()
	return shard.watched[id] != nil
}
