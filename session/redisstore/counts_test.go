package redisstore

import (
	"fmt"
	"maps"
	"slices"
	"strconv"
	"sync"
	"testing"

	"github.com/seshd/seshd/session"
	"github.com/seshd/seshd/session/redisstore/redistest"
)

// counted is what Redis has for the servers that have tabs of a session.
func (s *server) counted(id session.ID) []string {
	s.t.Helper()
	fields, err := s.do(s.t.Context(), s.client.B().Hgetall().Key(tabsKey(id)).Build()).AsStrMap()
	if err != nil {
		s.t.Fatal(err)
	}
	delete(fields, "n")
	return slices.Collect(maps.Values(fields))
}

func (s *server) mustEnter(id session.ID) {
	s.t.Helper()
	if in, err := s.Enter(s.t.Context(), id, 0); !in || err != nil {
		s.t.Error(in, err)
	}
}

// TestATabThatLeftUnheardCountsNoMore: it left while Redis was out of reach, for less long than a lease.
func TestATabThatLeftUnheardCountsNoMore(t *testing.T) {
	redis := redistest.Start(t)
	g := newGate(t, redis)
	a, b := serverAt(t, "redis://"+g.addr), serverOn(t, redis)
	stays, goes := session.ID{1}, session.ID{2}
	for _, id := range []session.ID{stays, stays, goes} {
		a.mustEnter(id)
	}
	g.mute.Store(true)
	a.Leave(stays)
	a.Leave(goes)
	eventually(t, "nobody knows whether it was counted out", func() bool { return len(a.unsureIDs()) == 2 })
	if in, err := a.Enter(t.Context(), goes, 0); in || session.CodeOf(err) != session.Unavailable {
		t.Errorf("a tab gets in: %v, %v", in, err)
	}
	g.mute.Store(false)
	eventually(t, "those that stay are counted", func() bool {
		return slices.Equal(b.counted(stays), []string{"1"}) && len(b.counted(goes)) == 0
	})
}

// TestCountsAreSetWhileTabsComeAndGo, as after a connection was lost.
func TestCountsAreSetWhileTabsComeAndGo(t *testing.T) {
	s := serverOn(t, redistest.Start(t))
	id := session.ID{1}
	s.mustWatch(id)
	const rounds, at, each = 30, 4, 10 // half of each leave again
	for round := 1; round <= rounds; round++ {
		var all sync.WaitGroup
		for range at {
			all.Go(func() {
				for i := range each {
					s.mustEnter(id)
					if i%2 == 0 {
						s.Leave(id)
					}
				}
			})
		}
		all.Go(func() { s.recount(t.Context(), []session.ID{id}) })
		all.Wait()
		want := []string{strconv.Itoa(round * at * each / 2)}
		eventually(t, "all that stay are counted, and no others", func() bool { return slices.Equal(s.counted(id), want) })
	}
}

// TestCountsCross on the way here: what is older than what is known changes nothing, whichever way it comes.
func TestCountsCross(t *testing.T) {
	redis := redistest.Start(t)
	a, b := serverOn(t, redis), serverOn(t, redis)
	id := session.ID{1}
	a.mustWatch(id)
	elsewhere := func() int {
		shard := a.shard(id)
		shard.mu.Lock()
		defer shard.mu.Unlock()
		return shard.watched[id].reported
	}
	answer, err := a.Store.add(t.Context(), id, 1, 0)
	if err != nil {
		t.Fatal(err)
	}
	b.mustEnter(id)
	b.mustEnter(id)
	until(t, a.tabs, func(n int) bool { return n == 2 })
	a.learn(id, answer)
	if n := elsewhere(); n != 2 {
		t.Errorf("after an older answer %d tabs are elsewhere", n)
	}
	a.hearTabs(id, fmt.Sprintf("%d %s1 %s1 ", answer.number+1, a.node[:], b.node[:]))
	if n := elsewhere(); n != 2 {
		t.Errorf("after an older message %d tabs are elsewhere", n)
	}

	// Numbers rise also over a time without a tab, after which Redis knows nothing any more.
	for _, s := range []*server{a, b, b} {
		s.Leave(id)
	}
	until(t, a.tabs, func(n int) bool { return n == 0 })
	eventually(t, "Redis has no count", func() bool { return len(b.counted(id)) == 0 })
	b.mustEnter(id)
	until(t, a.tabs, func(n int) bool { return n == 1 })
}

// TestALongRecountHoldsUpNothing: neither the subscription that began again, nor the next recount, nor Close.
func TestALongRecountHoldsUpNothing(t *testing.T) {
	redis := redistest.Start(t)
	s := serverOn(t, redis)
	resumed := make(chan bool, 100)
	s.FeedStory(func() { resumed <- true })
	const sessions = 20
	shard := s.shard(session.ID{1})
	for i := range byte(sessions) {
		s.mustWatch(session.ID{1, i}) // of one shard
	}
	shard.counting.Lock()
	release := sync.OnceFunc(shard.counting.Unlock)
	t.Cleanup(release)
	redis.Do("CLIENT", "KILL", "TYPE", "pubsub")
	next(t, resumed) // is last
	eventually(t, "counts are set", s.recounting.Load)
	for range sessions {
		s.recountAll()
	}
	closed := make(chan error, 1)
	go func() { closed <- s.Close() }()
	eventually(t, "it is to close", s.isClosed)
	release()
	if err := next(t, closed); err != nil {
		t.Error(err)
	}
	if left := len(s.unsureIDs()); left != sessions-1 {
		t.Errorf("%d of %d counts are left, and one was under way", left, sessions)
	}
}

// forgets has a server know of itself only, as one does whose list an older beat has overwritten, or which beat before the others began.
func (s *server) forgets() {
	s.nodes.mu.Lock()
	defer s.nodes.mu.Unlock()
	s.nodes.living = []nodeID{s.node}
}

// TestAServerThatIsNotKnownYet has begun since the last beat, and is asked for its tabs all the same.
func TestAServerThatIsNotKnownYet(t *testing.T) {
	redis := redistest.Start(t)
	a, b := serverOn(t, redis), serverOn(t, redis)
	id := session.ID{1}
	b.mustWatch(id)
	b.mustEnter(id)
	a.forgets()
	if texts, err := a.TabsElsewhere(t.Context(), id); err != nil || len(texts) != 1 {
		t.Errorf("elsewhere: %s, %v", texts, err)
	}
}

// TestALivingServersCountStays, whatever older beats do to the list meanwhile.
func TestALivingServersCountStays(t *testing.T) {
	redis := redistest.Start(t)
	a, b := serverOn(t, redis), serverOn(t, redis)
	id := session.ID{1}
	b.mustEnter(id)
	done := make(chan struct{})
	var older sync.WaitGroup
	older.Go(func() {
		for {
			select {
			case <-done:
				return
			default:
				a.forgets()
			}
		}
	})
	const tabs = 100
	for range tabs {
		a.mustEnter(id)
	}
	close(done)
	older.Wait()
	if counts := b.counted(id); !slices.Contains(counts, "1") || !slices.Contains(counts, strconv.Itoa(tabs)) {
		t.Errorf("the counts are %s", counts)
	}
}

// TestADeletedCountIsSetAgain: another server thought this one dead.
func TestADeletedCountIsSetAgain(t *testing.T) {
	redis := redistest.Start(t)
	a, b := serverOn(t, redis), serverOn(t, redis)
	id := session.ID{1}
	b.mustWatch(id)
	b.mustEnter(id)
	b.mustEnter(id)
	redis.Do("HDEL", tabsKey(id), string(b.node[:]))
	a.mustEnter(id)
	eventually(t, "all are counted", func() bool { return slices.Contains(b.counted(id), "2") })
}

// TestOwnChangesRaiseNoDoubt, though the news of them come before their answers.
func TestOwnChangesRaiseNoDoubt(t *testing.T) {
	s := serverOn(t, redistest.Start(t))
	id := session.ID{1}
	shard := s.shard(id)
	s.mustWatch(id)
	shard.counting.RLock() // as of a change that is under way
	if _, err := s.count(t.Context(), id, "1", "", 0); err != nil {
		t.Fatal(err)
	}
	eventually(t, "the news are here", func() bool {
		shard.mu.Lock()
		defer shard.mu.Unlock()
		return shard.watched[id].counts.by[s.node] == 1
	})
	s.doubt(id)
	shard.mu.Lock()
	shard.owns(id, 1)
	shard.mu.Unlock()
	shard.counting.RUnlock()
	for range 20 { // and what comes last says so
		s.mustEnter(id)
		s.Leave(id)
	}
	eventually(t, "all have left but one", func() bool { return slices.Equal(s.counted(id), []string{"1"}) })
	if unsure := s.unsureIDs(); len(unsure) > 0 {
		t.Errorf("the counts of %s are set once more", unsure)
	}
}
