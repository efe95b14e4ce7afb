package storetest

import (
	"context"
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/seshd/seshd/session"
)

// Twins are two stores to which the same happens, and which must answer, keep and tell the same, byte for byte.
type Twins struct {
	stores [2]session.Store
	round  uint32 // so that each has sessions and users of its own

	mu   sync.Mutex // guards told
	told [2][]session.Event
}

// NewTwins takes two fresh stores.
func NewTwins(a, b session.Store) *Twins {
	w := &Twins{stores: [2]session.Store{a, b}}
	for i, store := range w.stores {
		store.Feed(func(e session.Event) {
			w.mu.Lock()
			defer w.mu.Unlock()
			w.told[i] = append(w.told[i], e)
		})
	}
	return w
}

// Live is a property for rapid: it draws what happens to a few visitors.
func (w *Twins) Live(t *rapid.T) {
	w.round++
	l := &lives{T: t, Twins: w, now: time.Now().Truncate(time.Millisecond), user: fmt.Sprint("u", w.round)}
	for i, store := range w.stores {
		_, newest, _, err := store.Lives(context.Background(), 0, 0)
		l.mustNot(err)
		l.story[i] = newest
		l.heard(i)
	}
	for n := range byte(visitors) {
		l.fresh(session.ID{4: n + 1})
	}
	for range rapid.IntRange(1, 25).Draw(t, "steps") {
		l.step()
	}
}

// SameExports checks that the stores export the same.
func (w *Twins) SameExports(t *testing.T) {
	t.Helper()
	var all [2]map[string]string
	for i, store := range w.stores {
		all[i] = map[string]string{}
		err := store.Export(context.Background(), func(s session.Saved) error {
			name, text := fmt.Sprintf("token %x", s.Key[:5]), tokenText(&s.Token)
			if s.Record != nil {
				name, text = fmt.Sprintf("session %s", s.ID()), recordText(s.Record)
			}
			if all[i][name] != "" {
				t.Errorf("store %d exports %s twice", i, name)
			}
			all[i][name] = text
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	if diff := cmp.Diff(all[0], all[1]); diff != "" || len(all[0]) == 0 {
		t.Errorf("of %d the one exports and the other does not: %s", len(all[0]), diff)
	}
}

// recordText and tokenText are what is stored; a replaced token's moment is the store's own.
func recordText(r *session.Record) string {
	if r == nil {
		return ""
	}
	return fmt.Sprintf("%q", session.AppendRecord(nil, r))
}

func tokenText(t *session.TokenRecord) string {
	if t == nil {
		return ""
	}
	return fmt.Sprintf("%s %d %v", t.ID, t.Ends.UnixMilli(), !t.Replaced.IsZero())
}
