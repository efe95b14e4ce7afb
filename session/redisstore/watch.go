package redisstore

import (
	"context"

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
		w = &watched{elsewhere: make(map[nodeID]int)}
		shard.watched[id] = w
	}
	w.watchers++
	shard.mu.Unlock()
	ctx, cancel := context.WithTimeout(ctx, retryFor)
	defer cancel()
	for ctx.Err() == nil {
		ears, next := s.hears.get()
		if ears != nil && ears.subscribe(ctx, channelOf(id)) == nil {
			return nil
		}
		select { // the next subscription begins with all that is watched, or else this loop subscribes again
		case <-next:
		case <-ctx.Done():
		}
	}
	s.Unwatch(id)
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
		s.behind(func(context.Context) { s.forget(id) })
	}
}

// forget unsubscribes from what nobody watches any more.
func (s *Store) forget(id session.ID) {
	shard := s.shard(id)
	shard.mu.Lock()
	defer shard.mu.Unlock() // a Watch that begins now subscribes after this
	if ears, _ := s.hears.get(); ears != nil && shard.watched[id] == nil {
		ears.unsubscribe(channelOf(id))
	}
}
