package redisstore

import (
	"context"
	"sync"

	"github.com/redis/rueidis"
)

// manyEars subscribe in a cluster: each channel to the server that has its slot. The client finds that, and follows where it goes.
type manyEars struct {
	store *Store
	ctx   context.Context
	stop  context.CancelFunc
	ended chan error
	all   sync.WaitGroup

	mu       sync.Mutex
	channels map[string]*oneChannel
}

type oneChannel struct {
	stop  context.CancelFunc
	ready chan struct{} // closed when it is subscribed
}

func newManyEars(s *Store) *manyEars {
	ctx, stop := context.WithCancel(context.Background())
	return &manyEars{store: s, ctx: ctx, stop: stop, ended: make(chan error, 1), channels: make(map[string]*oneChannel)}
}

func (e *manyEars) subscribe(ctx context.Context, channels ...string) error {
	for _, channel := range channels {
		select {
		case <-e.channel(channel).ready:
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
	if have := e.channels[name]; have != nil || e.ctx.Err() != nil {
		if have == nil {
			have = &oneChannel{} // never ready: all has ended
		}
		return have
	}
	ctx, stop := context.WithCancel(e.ctx)
	c := &oneChannel{stop: stop, ready: make(chan struct{})}
	e.channels[name] = c
	once := sync.OnceFunc(func() { close(c.ready) })
	e.all.Go(func() {
		hooked := rueidis.WithOnSubscriptionHook(ctx, func(rueidis.PubSubSubscription) { once() })
		client := e.store.client
		err := client.Receive(hooked, client.B().Ssubscribe().Channel(name).Build(), func(m rueidis.PubSubMessage) {
			e.store.hearMessage(m.Channel, m.Message)
		})
		if ctx.Err() == nil { // any channel that is lost may have been silent for a while: begin anew
			select {
			case e.ended <- err:
			default:
			}
		}
	})
	return c
}

func (e *manyEars) unsubscribe(channel string) {
	e.mu.Lock()
	defer e.mu.Unlock()
	if c := e.channels[channel]; c != nil {
		c.stop()
		delete(e.channels, channel)
	}
}

func (e *manyEars) lost() <-chan error { return e.ended }

func (e *manyEars) close() {
	e.stop()
	e.all.Wait()
}
