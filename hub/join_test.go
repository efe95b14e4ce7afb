package hub

import (
	"context"
	"encoding/json"
	"log/slog"
	"testing"
	"time"

	"github.com/seshd/seshd/session"
	"github.com/seshd/seshd/session/pebblestore"
)

// lateStore lets something happen between a load and its answer.
type lateStore struct {
	session.Store
	afterLoad func()
}

func (s *lateStore) Load(ctx context.Context, id session.ID) (*session.Record, error) {
	r, err := s.Store.Load(ctx, id)
	if hook := s.afterLoad; hook != nil {
		s.afterLoad = nil
		hook()
	}
	return r, err
}

// TestWhatIsCommittedDuringAJoinIsNotMissed: the record that a join loads is old by the time it has it, and nothing comes after.
func TestWhatIsCommittedDuringAJoinIsNotMissed(t *testing.T) {
	quiet := slog.New(slog.DiscardHandler)
	inner, err := pebblestore.Open(t.TempDir(), pebblestore.Options{Logger: quiet})
	if err != nil {
		t.Fatal(err)
	}
	store := &lateStore{Store: inner}
	m := session.NewManager(store, session.Options{Logger: quiet})
	h := New(m, Options{})
	t.Cleanup(func() {
		h.Close()
		if err := m.Close(); err != nil {
			t.Error(err)
		}
	})
	_, handle := m.Begin()
	set(t, m, handle, "n", "1")
	store.afterLoad = func() { set(t, m, handle, "n", "2") }
	r := join(t, h, handle, nil)
	r.read()
	if r.version != 2 || string(r.data["n"]) != "2" {
		t.Errorf("the tab is at version %d with %s", r.version, r.data)
	}
}

// TestRoomDoesNotGoBack: a commit that the feed tells after a load has brought a newer one is no news.
func TestRoomDoesNotGoBack(t *testing.T) {
	m, h := start(t, session.Options{}, Options{})
	_, handle := m.Begin()
	set(t, m, handle, "n", "1")
	old, err := m.Load(context.Background(), handle)
	if err != nil {
		t.Fatal(err)
	}
	set(t, m, handle, "n", "2")
	r := join(t, h, handle, nil)
	r.read()
	h.commit(session.Event{ID: handle.ID, Record: old})
	if frame, _ := r.tab.Session(); frame.Version != 2 {
		t.Errorf("the room went back to version %d: %s", frame.Version, frame.JSON)
	}
	mutate(t, m, handle, session.Mutation{Incr: map[string]json.RawMessage{"n": json.RawMessage("1")}})
	r.untilVersion(3)
}

// TestLeavingIsActivity: an open tab was active until it left, whenever the hub last went round.
func TestLeavingIsActivity(t *testing.T) {
	m, h := start(t, session.Options{IdleTimeout: 2 * time.Second}, Options{})
	h.Close() // it goes round no more
	_, handle := m.Begin()
	set(t, m, handle, "n", "1")
	r := join(t, h, handle, nil)
	before, err := m.Load(context.Background(), handle)
	if err != nil {
		t.Fatal(err)
	}
	<-time.After(m.Grain() + 20*time.Millisecond) // less is not worth a commit
	r.tab.Leave()
	if err := m.Ready(context.Background()); err != nil { // answered after the touch, as updates are in order
		t.Fatal(err)
	}
	after, err := m.Load(context.Background(), handle)
	if err != nil || !after.Touched.After(before.Touched) {
		t.Errorf("touched %v, then %v, %v", before.Touched, after.Touched, err)
	}
}
