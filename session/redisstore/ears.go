package redisstore

import (
	"context"
	"sync"
	"time"

	"github.com/redis/rueidis"
)

// manyEars subscribe in a cluster: each channel to the server that has its slot. Where a slot goes to another server, or a
// connection breaks, its channels are subscribed to again, and only of these something was missed.
type manyEars struct {
	store *Store
	ctx   context.Context
	stop  context.CancelFunc
	all   sync.WaitGroup

	mu       sync.Mutex
	channels map[string]*oneChannel
}

type oneChannel struct {
	stop  context.CancelFunc
	ready chan struct{} // closed when it is subscribed to
}

func newManyEars(s *Store) *manyEars {
	ctx, stop := context.WithCancel(context.Background())
	return &manyEars{store: s, ctx: ctx, stop: stop, channels: make(map[string]*oneChannel)}
}

func (e *manyEars) subscribe(ctx context.Context, channels ...string) error {
	all := make([]*oneChannel, len(channels))
	for i, channel := range channels {
		all[i] = e.channel(channel)
	}
	for _, c := range all {
		select {
		case <-c.ready:
		case <-ctx.Done():
			return ctx.Err()
		case <-e.ctx.Done():
			return e.ctx.Err()
		}
	}
	return nil
}

func (e *manyEars) channel(name string) *oneChannel {
	e.mu.Lock()
	defer e.mu.Unlock()
	if have := e.channels[name]; have != nil {
		return have
	}
	ctx, stop := context.WithCancel(e.ctx)
	c := &oneChannel{stop: stop, ready: make(chan struct{})}
	if e.ctx.Err() == nil {
		e.channels[name] = c
		e.all.Go(func() { e.keep(ctx, name, c) })
	}
	return c
}

// keep subscribes to a channel, again and again. The client does so by itself too, so whoever confirms a subscription says
// that it is a new one.
func (e *manyEars) keep(ctx context.Context, name string, c *oneChannel) {
	s, first := e.store, sync.OnceFunc(func() { close(c.ready) })
	hooked := rueidis.WithOnSubscriptionHook(ctx, func(news rueidis.PubSubSubscription) {
		if news.Kind != "ssubscribe" {
			return
		}
		select {
		case <-c.ready:
			s.behind(func(ctx context.Context) { s.resumeChannel(ctx, name) })
		default:
			first()
		}
	})
	for try := 0; ctx.Err() == nil; try++ {
		_ = s.client.Receive(hooked, s.client.B().Ssubscribe().Channel(name).Build(), func(m rueidis.PubSubMessage) {
			s.hearMessage(m.Channel, m.Message)
		})
		select {
		case <-ctx.Done():
		case <-time.After(pause(try)):
		}
	}
}

// unsubscribe tells the server too: Receive only stops to look.
func (e *manyEars) unsubscribe(channel string) {
	e.mu.Lock()
	c := e.channels[channel]
	delete(e.channels, channel)
	e.mu.Unlock()
	if c != nil {
		c.stop()
		_ = e.store.do(context.Background(), e.store.client.B().Sunsubscribe().Channel(channel).Build()).Error()
	}
}

func (e *manyEars) lost() <-chan error { return nil }

func (e *manyEars) close() {
	e.stop()
	e.all.Wait()
}
