package redisstore

import (
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
	counts, err := s.do(s.t.Context(), s.client.B().Hvals().Key(tabsKey(id)).Build()).AsStrSlice()
	if err != nil {
		s.t.Fatal(err)
	}
	return counts
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
