package storetest

import (
	"context"
	"encoding/json"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/seshd/seshd/session"
)

// sampleBegan and sampleEnds are so far apart that nothing in a sample ever times out.
var (
	sampleBegan = time.Date(2026, 1, 2, 3, 4, 5, 6e6, time.UTC)
	sampleEnds  = time.Date(2126, 1, 2, 3, 4, 5, 6e6, time.UTC)
)

const sampleUser = "u42"

var (
	sampleTicketKey = session.TicketKey{1, 2, 3}
	sampleTicket    = session.Ticket{Handle: session.Handle{
		ID: session.ID{1}, Device: session.DeviceID{1}, Key: session.TokenKey{1}, Issued: sampleBegan, Ends: sampleEnds,
	}, Expires: sampleEnds}
)

// Sample is what is in the stored sample of every format: something in each member of a record, and a token that leads to no session. It
// never changes, since what older seshds wrote is held against it.
func Sample() (tokens, sessions []session.Saved) {
	state := sampleState(9, 2, []session.Entry{
		{Key: "_private", Value: []byte("null"), Version: 1},
		{Key: "exact", Value: []byte("123456789012345678901234567890.10e400"), Version: 3},
		{Key: "fruit", Value: []byte(`"cherries & <plums>"`), Version: 9},
		{Key: "long", Value: []byte(`"` + strings.Repeat("blueberries ", 200) + `"`), Version: 4},
		{Key: "nested", Value: []byte(`{"a":[{"b":[]},null,true]}`), Version: 5},
		{Key: "é\u2028", Value: []byte(`"\u2028é"`), Version: 6},
	}, session.Deletion{Key: "gone", Version: 7}, session.Deletion{Key: "went", Version: 8})
	guest := session.Record{
		ID: session.ID{1}, Epoch: 1, State: state, By: session.ByTab, Created: sampleBegan, Touched: sampleBegan, Deadline: sampleEnds,
		Devices: []session.Device{sampleDevice(1, "")},
	}
	user := session.Record{
		ID: session.ID{2, 15: 0xff}, Epoch: 1 << 40, State: sampleState(1, 0, []session.Entry{{Key: "cart", Value: []byte(`{"sku1":2}`), Version: 1}}),
		By: session.ByAPI, User: sampleUser, Shared: true, Created: sampleBegan, Touched: sampleBegan.Add(time.Hour), Deadline: sampleEnds,
		Devices:  []session.Device{sampleDevice(2, `a "browser"`), sampleDevice(3, "")},
		Senders:  []session.Sender{{ID: session.SenderID{7}, Highest: session.MaxMutationID, Mask: 1<<63 | 1}},
		Absorbed: []session.ID{{8}, {9}},
	}
	tokens = []session.Saved{{Key: session.TokenKey{5}, Token: session.TokenRecord{ID: session.ID{4}, Ends: sampleEnds}}}
	return tokens, []session.Saved{{Record: &guest}, {Record: &user}}
}

func sampleState(version, floor uint64, entries []session.Entry, deletions ...session.Deletion) *session.State {
	state, err := session.NewState(version, floor, entries, deletions)
	if err != nil {
		panic(err)
	}
	return state
}

func sampleDevice(n byte, agent string) session.Device {
	return session.Device{
		ID: session.DeviceID{n}, Key: session.TokenKey{n}, Issued: sampleBegan, Ends: sampleEnds, Seen: sampleBegan.Add(time.Minute), Agent: agent,
	}
}

// FillWithSample puts the sample into a store that has nothing yet.
func FillWithSample(t testing.TB, s session.Store) {
	t.Helper()
	tokens, sessions := Sample()
	for _, saved := range append(tokens, sessions...) {
		if fate, err := s.Import(context.Background(), saved); err != nil || fate != session.Taken {
			t.Fatal(fate, err)
		}
	}
	if err := s.PutTicket(context.Background(), sampleTicketKey, sampleTicket); err != nil {
		t.Fatal(err)
	}
}

// HoldsSample sees that all of the sample is in a store, to the byte, and nothing else; then that the store takes writes.
func HoldsSample(t testing.TB, s session.Store) {
	t.Helper()
	ctx := context.Background()
	tokens, sessions := Sample()
	missing := make(map[session.ID]session.Saved)
	for _, saved := range append(tokens, sessions...) {
		missing[saved.ID()] = saved
	}
	err := s.Export(ctx, func(saved session.Saved) error {
		if diff := cmp.Diff(missing[saved.ID()], saved, sameRecord); diff != "" {
			t.Errorf("of session %s (-want +got): %s", saved.ID(), diff)
		}
		delete(missing, saved.ID())
		return nil
	})
	if err != nil || len(missing) > 0 {
		t.Fatalf("%v, missing: %v", err, missing)
	}
	if ids, err := s.UserSessions(ctx, sampleUser); err != nil || !cmp.Equal(ids, []session.ID{sessions[1].ID()}) {
		t.Errorf("the user's sessions: %v, %v", ids, err)
	}
	if ticket, found, err := s.TakeTicket(ctx, sampleTicketKey); err != nil || !found || !cmp.Equal(ticket, sampleTicket, sameRecord) {
		t.Errorf("the ticket: %v, %v, %v", ticket, found, err)
	}
	holdsStory(t, s, sessions)
	takesWrites(t, s, sessions)
}

// holdsStory looks for the line that each session began with.
func holdsStory(t testing.TB, s session.Store, sessions []session.Saved) {
	t.Helper()
	lives, newest, gap, err := s.Lives(context.Background(), 0, 100)
	if err != nil || gap || newest != uint64(len(lives)) {
		t.Errorf("%d lines of the story, the newest is %d, gap: %v, %v", len(lives), newest, gap, err)
	}
	begun := make(map[session.ID]bool)
	for _, life := range lives {
		begun[life.ID] = begun[life.ID] || life.Cause == session.Created
	}
	for _, saved := range sessions {
		if !begun[saved.ID()] {
			t.Errorf("the story does not tell that session %s began", saved.ID())
		}
	}
}

func takesWrites(t testing.TB, s session.Store, sessions []session.Saved) {
	t.Helper()
	for _, saved := range sessions {
		done := make(chan error, 1)
		var after *session.Record
		s.Update(session.Update{
			Handle: session.Handle{ID: saved.ID()},
			Change: func(r *session.Record) (*session.Record, error) {
				m := session.Mutation{Set: map[string]json.RawMessage{"since": json.RawMessage("true")}}
				next, _, err := r.Mutate(session.Write{Mutation: &m, Timing: session.Timing{Idle: time.Hour}, Now: time.Now()})
				return next, err
			},
			Done: func(r *session.Record, err error) { after = r; done <- err },
		})
		if err := <-done; err != nil {
			t.Fatal(err)
		}
		loaded, err := s.Load(context.Background(), saved.ID())
		if err != nil || loaded.State.Version != saved.Record.State.Version+1 || !cmp.Equal(loaded, after, sameRecord) {
			t.Errorf("after a write: %v, %v", loaded, err)
		}
	}
}
