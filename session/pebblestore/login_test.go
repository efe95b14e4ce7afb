package pebblestore

import (
	"context"
	"testing"
	"time"

	"github.com/cockroachdb/pebble/v2"

	"github.com/seshd/seshd/session"
)

func visitor(id, device byte) session.Handle {
	return session.Handle{
		ID: session.ID{id}, Device: session.DeviceID{device}, Key: session.TokenKey{device}, Ends: time.Now().Add(time.Hour),
	}
}

// recordOf makes a record with one device.
func recordOf(h session.Handle, user string) *session.Record {
	return &session.Record{
		ID: h.ID, User: user, Shared: user != "", State: &session.State{}, Deadline: time.Now().Add(time.Hour),
		Devices: []session.Device{{ID: h.Device, Key: h.Key, Ends: h.Ends}},
	}
}

// begin commits the first record of a session.
func begin(t *testing.T, s *Store, h session.Handle, user string) {
	t.Helper()
	done := make(chan error, 1)
	s.Login(session.Admission{
		Handle: h, Done: func(err error) { done <- err },
		Change: func(_, _ *session.Record) ([]session.Step, error) {
			return []session.Step{{Handle: h, After: recordOf(h, user)}}, nil
		},
	})
	if err := <-done; err != nil {
		t.Fatal(err)
	}
}

// move takes a device out of one session and into another, of another user.
func move(h, fresh session.Handle, user string) func(mine, theirs *session.Record) ([]session.Step, error) {
	return func(mine, _ *session.Record) ([]session.Step, error) {
		return []session.Step{
			{Handle: h, Before: mine, Cause: session.LoggedIn, Into: fresh.ID},
			{Handle: fresh, After: recordOf(fresh, user), Cause: session.LoggedIn},
		}, nil
	}
}

// TestUnsyncedLoginIsInvisible holds a login between Pebble's making it readable and its being answered: nobody sees any
// of it, neither the records, nor the tokens, nor the lists, nor the story.
func TestUnsyncedLoginIsInvisible(t *testing.T) {
	ctx := context.Background()
	s := openStore(t, t.TempDir())
	h, fresh := visitor(1, 1), visitor(2, 2)
	begin(t, s, h, "ann")
	tx := newTx(s)
	if _, err := tx.login(session.Admission{Handle: h, User: "bob", Change: move(h, fresh, "bob")}); err != nil {
		t.Fatal(err)
	}
	batch := s.db.NewBatch()
	defer batch.Close()
	if err := tx.encode(batch); err != nil {
		t.Fatal(err)
	}
	s.hide(tx)
	if err := batch.Commit(pebble.NoSync); err != nil {
		t.Fatal(err)
	}
	check := func(when string, moved bool) {
		t.Helper()
		old, _ := s.Load(ctx, h.ID)
		now, _ := s.Load(ctx, fresh.ID)
		oldToken, _ := s.Token(ctx, h.Key)
		newToken, _ := s.Token(ctx, fresh.Key)
		ann, _ := s.UserSessions(ctx, "ann")
		bob, _ := s.UserSessions(ctx, "bob")
		lives, newest, gap, err := s.Lives(ctx, 1, 10)
		for name, seen := range map[string]bool{
			"the old session's end": old == nil, "the new session": now != nil,
			"the old token's end": oldToken != nil && !oldToken.Replaced.IsZero(), "the new token": newToken != nil,
			"one list": len(ann) == 0, "the other list": len(bob) == 1, "the story": len(lives) > 0, "its number": newest > 1,
		} {
			if seen != moved || gap || err != nil {
				t.Errorf("%s: %s is seen: %v; %v, %v", when, name, seen, gap, err)
			}
		}
	}
	check("before the sync", false)
	s.show(tx)
	check("after it", true)
}

// TestFaultLeavesNothingStaged: where the last thing that a login reads is damaged nothing of it is taken, while the
// others of its group are committed.
func TestFaultLeavesNothingStaged(t *testing.T) {
	ctx := context.Background()
	s := openStore(t, t.TempDir())
	h, other := visitor(1, 1), visitor(3, 3)
	begin(t, s, h, "ann")
	if err := s.db.Set([]byte(userKey("bob")), []byte("no list"), pebble.Sync); err != nil {
		t.Fatal(err)
	}
	hold := make(chan struct{})
	s.submit(opFuncs{func(*tx) { <-hold }, func(error) {}}) // so that what follows is one group
	failed, taken := make(chan error, 1), make(chan error, 1)
	s.Login(session.Admission{Handle: h, User: "bob", Change: move(h, visitor(2, 2), "bob"), Done: func(err error) { failed <- err }})
	s.Login(session.Admission{Handle: other, User: "cid", Change: func(_, _ *session.Record) ([]session.Step, error) {
		return []session.Step{{Handle: other, After: recordOf(other, "cid")}}, nil
	}, Done: func(err error) { taken <- err }})
	close(hold)
	if err := <-failed; session.CodeOf(err) != session.Unavailable || err == nil {
		t.Errorf("a login that meets a damaged list: %v", err)
	}
	if err := <-taken; err != nil {
		t.Errorf("another of its group: %v", err)
	}
	old, _ := s.Load(ctx, h.ID)
	now, _ := s.Load(ctx, session.ID{2})
	oldToken, _ := s.Token(ctx, h.Key)
	newToken, _ := s.Token(ctx, session.TokenKey{2})
	ann, _ := s.UserSessions(ctx, "ann")
	lives, _, _, err := s.Lives(ctx, 0, 10)
	if old == nil || now != nil || !oldToken.Replaced.IsZero() || newToken != nil || len(ann) != 1 || len(lives) != 2 || err != nil {
		t.Errorf("half of it is there: %v, %v, %v, %v, %v, %v, %v", old, now, oldToken, newToken, ann, lives, err)
	}
}

// TestStoryIsForgotten: the oldest lines go, some at a time; who asks from before them is told so, also after reopening,
// and while they go.
func TestStoryIsForgotten(t *testing.T) {
	ctx := context.Background()
	dir := t.TempDir()
	s := openStore(t, dir)
	s.keptLives, s.forgetLives = 10, 5
	live := func(n byte) {
		h := visitor(n, n)
		h.Ends = time.Now().Add(time.Minute) // so that each sweep has something to do
		begin(t, s, h, "")
	}
	for n := range byte(16) {
		live(n + 1)
	}
	sweep := func() {
		t.Helper()
		if _, err := s.Sweep(ctx, time.Now()); err != nil {
			t.Fatal(err)
		}
	}
	if err := s.PutTicket(ctx, session.TicketKey{1}, session.Ticket{Expires: time.Now().Add(-time.Minute)}); err != nil {
		t.Fatal(err)
	}
	sweep()
	if _, _, gap, err := s.Lives(ctx, 0, 1); gap || err != nil {
		t.Errorf("lines are forgotten before there are enough: %v, %v", gap, err)
	}
	live(17)
	if err := s.PutTicket(ctx, session.TicketKey{1}, session.Ticket{Expires: time.Now().Add(-time.Minute)}); err != nil {
		t.Fatal(err)
	}
	sweep()
	check := func() {
		t.Helper()
		lives, newest, gap, err := s.Lives(ctx, 5, 100)
		if !gap || newest != 17 || err != nil || len(lives) != 11 || lives[0].Seq != 7 {
			t.Errorf("from before: %d lines from %v, the newest is %d, gap %v, %v", len(lives), lives, newest, gap, err)
		}
		lives, _, gap, err = s.Lives(ctx, 6, 100)
		if gap || err != nil || len(lives) != 11 || lives[0].Seq != 7 {
			t.Errorf("from the first that is kept: %v, gap %v, %v", lives, gap, err)
		}
	}
	check()
	s.Close()
	s = openStore(t, dir)
	check()
	s.hide(&tx{store: s, forget: 9}) // on disk they may be gone already
	if lives, _, gap, err := s.Lives(ctx, 6, 100); !gap || err != nil || lives[0].Seq != 9 {
		t.Errorf("while lines are being forgotten: %v, gap %v, %v", lives, gap, err)
	}
	s.hidden = nil
}

// TestDamagedLine: what cannot be read is a fault, not an end of the story.
func TestDamagedLine(t *testing.T) {
	s := openStore(t, t.TempDir())
	begin(t, s, visitor(1, 1), "ann")
	for _, line := range []string{"", "short", string(make([]byte, 48)) + "\xff"} {
		if err := s.db.Set(lifeKey(1), []byte(line), pebble.Sync); err != nil {
			t.Fatal(err)
		}
		if _, _, _, err := s.Lives(context.Background(), 0, 10); session.CodeOf(err) != session.Unavailable || err == nil {
			t.Errorf("line %q: %v", line, err)
		}
	}
}
