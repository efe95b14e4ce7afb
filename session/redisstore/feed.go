package redisstore

import (
	"context"
	"maps"
	"slices"
	"sync"

	"github.com/seshd/seshd/session"
)

// feedShards keeps the feeds of sessions from waiting for each other much.
const feedShards = 64

// feedShard has the sessions of a part of the ids. Whoever tells the feed, or the Listener, of a session holds telling. Whoever sets
// a count of tabs in Redis holds counting, and whoever adds to one holds it to read, until what Redis says to that is known. mu is never held
// to call out, nor to wait for Redis: what comes from there waits for it.
type feedShard struct {
	telling  sync.Mutex
	counting sync.RWMutex
	mu       sync.Mutex // guards the rest
	watched  map[session.ID]*watched
	mine     map[session.ID]int  // tabs here
	unsure   map[session.ID]bool // mine may not be what Redis has
}

// watched is a session that this server wants to hear of.
type watched struct {
	watchers int
	heard    uint64          // the newest revision that came by subscription; 0: none yet
	told     point           // the newest that the feed was told of
	latest   *session.Record // of that
	lost     []tag           // own commits whose answers were lost: these are heard as if they were another server's

	counts   tabCounts // the newest
	reported int       // the tabs elsewhere that the Listener was told of, or unreported
}

// maxLost is how many commits whose answers were lost a watched session remembers: Redis carries them out within seconds or never, and in
// that time few are given up, each after retryFor.
const maxLost = 64

// unreported is a number of tabs that none equals.
const unreported = -1

// point is where a value is in the course of its session. Where Redis goes back in time, so do revisions, in another lineage.
type point struct{ lineage, rev uint64 }

func (p point) before(other point) bool {
	return p.lineage < other.lineage || p.lineage == other.lineage && p.rev < other.rev
}

func (s *Store) shard(id session.ID) *feedShard { return &s.shards[int(id[0])%feedShards] }

// tellOwn tells the feed of a commit that was made here.
func (s *Store) tellOwn(id session.ID, e *envelope, events []session.Event) {
	shard := s.shard(id)
	shard.telling.Lock()
	defer shard.telling.Unlock()
	s.tellFeed(shard, id, e, events)
}

// tellFeed tells of the events that led to a value. One that comes late, behind another server's commit on top of it, is told with the
// newer record: versions never go back.
func (s *Store) tellFeed(shard *feedShard, id session.ID, e *envelope, events []session.Event) {
	at := point{e.lineage, e.rev}
	var newer *session.Record
	late := false
	shard.mu.Lock()
	if w := shard.watched[id]; w != nil {
		if late, newer = at.before(w.told), w.latest; !late {
			w.told, w.latest = at, e.record
		}
	}
	shard.mu.Unlock()
	for _, event := range events {
		if late {
			event.Record = newer
		}
		s.feed(event)
	}
}

// tellRead tells the feed of what was read where an answer is about it, and another server's commit was not heard of yet: what tabs
// are told comes before. That commit is told all the same once it is heard of, since it says who went and why.
func (s *Store) tellRead(id session.ID, e *envelope) {
	shard := s.shard(id)
	shard.telling.Lock()
	defer shard.telling.Unlock()
	at := point{e.lineage, e.rev}
	shard.mu.Lock()
	w := shard.watched[id]
	news := w != nil && e.record != nil && w.told.before(at)
	if news {
		w.told, w.latest = at, e.record
	}
	shard.mu.Unlock()
	if news {
		s.feed(session.Event{ID: id, Record: e.record})
	}
}

// lose notes that nobody knows whether a commit was made.
func (s *Store) lose(id session.ID, commit tag) {
	shard := s.shard(id)
	shard.mu.Lock()
	w := shard.watched[id]
	if w != nil {
		w.lost = append(w.lost, commit)
		w.lost = w.lost[max(0, len(w.lost)-maxLost):]
	}
	shard.mu.Unlock()
	if w != nil {
		s.missed([]session.ID{id}, false)
	}
}

// hearCommit takes in the news of a commit. The own ones are known already.
func (s *Store) hearCommit(id session.ID, from nodeID, c commitNews) {
	shard := s.shard(id)
	if !shard.hear(id, from == s.node, c, func() { s.missed([]session.ID{id}, false) }) {
		return
	}
	if len(c.value) == 0 {
		s.behind(func(ctx context.Context) { s.hearLong(ctx, id, c) })
		return
	}
	e, err := decodeEnvelope(c.value)
	if err != nil {
		s.log.Error("a message that cannot be read", "session", id.String(), "error", err)
		return
	}
	if e.before(s.lineage.current.Load()) {
		s.behind(func(ctx context.Context) { s.hearLong(ctx, id, c) })
		return
	}
	s.tellOthers(id, c, e)
}

// hear says whether the news of a commit is to be told. Whoever finds that some did not come calls missed.
func (shard *feedShard) hear(id session.ID, own bool, c commitNews, missed func()) bool {
	shard.mu.Lock()
	w := shard.watched[id]
	if w == nil || c.rev <= w.heard {
		shard.mu.Unlock()
		return false
	}
	gap := w.heard != 0 && c.rev > w.heard+1
	w.heard = c.rev
	lost := slices.Contains(w.lost, c.tag)
	shard.mu.Unlock()
	if gap {
		missed()
	}
	return !own || lost
}

// hearLong reads what was too long to come with the news of it, or is to be renewed.
func (s *Store) hearLong(ctx context.Context, id session.ID, c commitNews) {
	e, err := s.read(ctx, id)
	if err != nil {
		s.missed([]session.ID{id}, false)
		return
	}
	s.tellOthers(id, c, e)
}

// tellOthers tells the feed of another server's commit.
func (s *Store) tellOthers(id session.ID, c commitNews, e *envelope) {
	for i := range c.events {
		c.events[i].ID, c.events[i].Record = id, e.record
	}
	if len(c.events) == 0 && e.record != nil {
		c.events = []session.Event{{ID: id, Record: e.record}}
	}
	shard := s.shard(id)
	shard.telling.Lock()
	defer shard.telling.Unlock()
	s.tellFeed(shard, id, e, c.events)
}

// watchedIDs lists what is watched.
func (s *Store) watchedIDs() (ids []session.ID) {
	for i := range s.shards {
		shard := &s.shards[i]
		shard.mu.Lock()
		ids = slices.AppendSeq(ids, maps.Keys(shard.watched))
		shard.mu.Unlock()
	}
	return ids
}

// missed has the hub load sessions again.
func (s *Store) missed(ids []session.ID, anew bool) {
	if s.listen().Missed != nil && len(ids) > 0 {
		s.listen().Missed(ids, anew)
	}
}

func (s *Store) missedAll(anew bool) {
	for i := range s.shards { // what comes from now on may be numbered anew
		shard := &s.shards[i]
		shard.mu.Lock()
		for _, w := range shard.watched {
			w.heard, w.counts.number = 0, 0
		}
		shard.mu.Unlock()
	}
	s.missed(s.watchedIDs(), anew)
}
