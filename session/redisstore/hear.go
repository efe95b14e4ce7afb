package redisstore

import (
	"context"
	"encoding/hex"
	"errors"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/redis/rueidis"

	"github.com/seshd/seshd/session"
)

const (
	pingEvery = 2 * time.Second
	// deafAfter is how long no own ping may come back before the subscription counts as dead.
	deafAfter = 3 * pingEvery
	// subscribeChunk is how many channels one command subscribes to.
	subscribeChunk = 512
)

var (
	errDeaf    = session.Refuse(session.Unavailable, "what other servers write does not arrive: the subscription to the store is dead")
	errRenewed = errors.New("another Redis took the place of the one that is listened to")
)

// hearing is the subscription to what other servers tell.
type hearing struct {
	mu    sync.Mutex
	ears  ears          // nil: there is none now
	next  chan struct{} // closed when that changes
	heard time.Time     // the last own ping; zero: none
	stale chan struct{} // holds one token where the subscription may be to a Redis whose place another took
}

// ears are one subscription, as good as its connections.
type ears interface {
	subscribe(ctx context.Context, channels ...string) error
	unsubscribe(channel string)
	lost() <-chan error // closed, with an error at most, when nothing comes any more; nil: it mends itself
	close()
}

func (h *hearing) begin() { h.next, h.stale = make(chan struct{}), make(chan struct{}, 1) }

// renew has a subscription begin anew.
func (h *hearing) renew() {
	select {
	case h.stale <- struct{}{}:
	default:
	}
}

// healthy says whether news arrive.
func (h *hearing) healthy() error {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.ears == nil || time.Since(h.heard) > deafAfter {
		return errDeaf
	}
	return nil
}

func (h *hearing) set(e ears) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.ears, h.heard = e, time.Now()
	close(h.next)
	h.next = make(chan struct{})
}

func (h *hearing) get() (ears, <-chan struct{}) {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.ears, h.next
}

// hear keeps a subscription until ctx ends.
func (s *Store) hear(ctx context.Context) {
	for first, warned := true, false; ctx.Err() == nil; {
		ears := s.newEars()
		err := s.subscribeAll(ctx, ears)
		if err == nil {
			s.hears.set(ears)
			if !first {
				s.log.Info("what other servers write arrives again", "store", s.where)
				s.resume(ctx)
			}
			first, warned = false, false
			err = s.listenOn(ctx, ears)
			s.hears.set(nil)
		}
		ears.close()
		if ctx.Err() != nil {
			return
		}
		if !warned { // and not again before it has arrived
			s.log.Warn("what other servers write does not arrive", "store", s.where, "error", err)
			warned = true
		}
		select {
		case <-ctx.Done():
		case <-time.After(pause(10)):
		}
	}
}

// subscribeAll subscribes to all that is wanted. Whoever watches from now on does so itself.
func (s *Store) subscribeAll(ctx context.Context, e ears) error {
	channels := []string{nodeChannel(s.node), storyKey}
	for _, id := range s.watchedIDs() {
		channels = append(channels, channelOf(id))
	}
	for chunk := range slices.Chunk(channels, subscribeChunk) {
		if err := e.subscribe(ctx, chunk...); err != nil {
			return err
		}
	}
	return nil
}

// listenOn returns when the subscription is dead: its connection says so, or pings do not come back.
func (s *Store) listenOn(ctx context.Context, e ears) error {
	tick := time.NewTicker(pingEvery)
	defer tick.Stop()
	for {
		s.send(ctx, nodeChannel(s.node), string(appendNews(newsPing, s.node)))
		if err := s.hears.healthy(); err != nil {
			return err
		}
		select {
		case <-ctx.Done():
			return nil
		case err := <-e.lost():
			return err
		case <-s.hears.stale:
			return errRenewed
		case <-tick.C:
		}
	}
}

// resume makes up for the time without a subscription. What takes long goes on behind: no ping is sent before it returns.
func (s *Store) resume(ctx context.Context) {
	if _, err := s.lineage.refresh(ctx, s); err != nil {
		s.log.Error("store fault", "store", s.where, "doing", "resume", "error", err)
	}
	s.missedAll(false)
	s.recountAll()
	s.hearStory()
}

// resumeChannel makes up for the time without one channel.
func (s *Store) resumeChannel(ctx context.Context, channel string) {
	if id, ok := sessionOf(channel); ok {
		s.missed([]session.ID{id}, false)
		s.change(id, func(w *watched) { w.counts.number = 0 }) // another Redis may number them anew
		s.recount(ctx, []session.ID{id})
	}
	if channel == storyKey {
		s.hearStory()
	}
}

// send publishes a message. Where it is lost its reader finds out by other ways.
func (s *Store) send(ctx context.Context, channel, message string) {
	if !s.clustered() {
		_ = s.do(ctx, s.client.B().Publish().Channel(channel).Message(message).Build()).Error()
	} else {
		_ = s.do(ctx, s.client.B().Spublish().Channel(channel).Message(message).Build()).Error()
	}
}

// hearMessage takes in a message. Those of one channel come one after the other.
func (s *Store) hearMessage(channel, message string) {
	d := decoder{rest: []byte(message)}
	kind := d.byte()
	if kind == newsStory {
		s.hearStory()
		return
	}
	from := nodeID{}
	copy(from[:], d.bytes(len(from)))
	switch kind {
	case newsPing:
		s.hears.mu.Lock()
		s.hears.heard = time.Now()
		s.hears.mu.Unlock()
		return
	case newsAnswer:
		s.nodes.answer(from, &d)
		return
	}
	id, ok := sessionOf(channel)
	if !ok {
		return
	}
	switch kind {
	case newsCommit:
		if c := decodeCommit(&d); !d.failed {
			s.hearCommit(id, from, c)
		}
	case newsTabs:
		s.hearTabs(id, string(d.rest))
	case newsAsk:
		s.describe(id, from, d.rest)
	}
}

// FeedStory sets who hears that the story may go on.
func (s *Store) FeedStory(feed func()) { s.feedStory.Store(&feed) }

func (s *Store) hearStory() {
	if feed := s.feedStory.Load(); feed != nil {
		(*feed)()
	}
}

// sessionOf reads the id out of a session's channel.
func sessionOf(channel string) (id session.ID, ok bool) {
	text, found := strings.CutPrefix(channel, prefix+"{")
	if !found || len(text) != hex.EncodedLen(len(id))+1 {
		return id, false
	}
	return session.ParseID(text[:len(text)-1])
}

// Listen sets who hears of other servers.
func (s *Store) Listen(l session.Listener) { s.listener.Store(&l) }

// listen is who hears of other servers; before Listen nobody.
func (s *Store) listen() session.Listener {
	if l := s.listener.Load(); l != nil {
		return *l
	}
	return session.Listener{}
}

// oneEar is a connection of its own: any number of channels, and no goroutine for each. A cluster's sessions are
// on many connections: see manyEars.
type oneEar struct {
	conn  rueidis.DedicatedClient
	free  func()
	ended <-chan error
}

func (s *Store) newEars() ears {
	if s.clustered() {
		return newManyEars(s)
	}
	conn, free := s.client.Dedicate()
	return &oneEar{conn, free, conn.SetPubSubHooks(rueidis.PubSubHooks{
		OnMessage: func(m rueidis.PubSubMessage) { s.hearMessage(m.Channel, m.Message) },
	})}
}

func (e *oneEar) subscribe(ctx context.Context, channels ...string) error {
	ctx, cancel := context.WithTimeout(ctx, commandTimeout)
	defer cancel()
	return e.conn.Do(ctx, e.conn.B().Subscribe().Channel(channels...).Build()).Error()
}

func (e *oneEar) unsubscribe(channel string) {
	ctx, cancel := context.WithTimeout(context.Background(), commandTimeout)
	defer cancel()
	_ = e.conn.Do(ctx, e.conn.B().Unsubscribe().Channel(channel).Build()).Error()
}

func (e *oneEar) lost() <-chan error { return e.ended }

func (e *oneEar) close() {
	e.conn.Close()
	e.free()
}
