package pebblestore

import (
	"context"
	"encoding/json"
	"errors"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/cockroachdb/pebble/v2"
	"go.uber.org/goleak"

	"github.com/seshd/seshd/session"
	"github.com/seshd/seshd/session/storetest"
)

// TestMain looks for what is left running. Where Pebble cannot open a database it leaves the watch over its disk behind.
func TestMain(m *testing.M) {
	goleak.VerifyTestMain(m, goleak.IgnoreAnyFunction("github.com/cockroachdb/pebble/v2/vfs.(*diskHealthCheckingFS).startTickerLocked.func1"))
}

func openStore(t *testing.T, dir string) *Store {
	t.Helper()
	s, err := Open(dir, Options{Logger: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Close() })
	return s
}

func TestStore(t *testing.T) {
	storetest.Run(t, func(t *testing.T) (session.Store, func() session.Store) {
		dir := filepath.Join(t.TempDir(), "data")
		s := openStore(t, dir)
		return s, func() session.Store {
			s.Close()
			s = openStore(t, dir)
			return s
		}
	})
}

func TestLocked(t *testing.T) {
	dir := t.TempDir()
	openStore(t, dir)
	if _, err := Open(dir, Options{}); !errors.Is(err, ErrLocked) || !strings.Contains(err.Error(), dir) {
		t.Errorf("a second server on the directory: %v", err)
	}
}

func TestFormatOfAnotherVersion(t *testing.T) {
	dir := t.TempDir()
	s := openStore(t, dir)
	if err := s.db.Set([]byte(prefixFormat), []byte{format + 1}, pebble.Sync); err != nil {
		t.Fatal(err)
	}
	s.Close()
	if _, err := Open(dir, Options{}); err == nil || !strings.Contains(err.Error(), "newer seshd") {
		t.Errorf("a store of a newer format: %v", err)
	}
}

func TestModes(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "data")
	s := openStore(t, dir)
	first, err := s.Secret("secret-key")
	if err != nil {
		t.Fatal(err)
	}
	for path, want := range map[string]os.FileMode{dir: 0o700, filepath.Join(dir, "secret-key"): 0o600} {
		info, err := os.Stat(path)
		if err != nil || info.Mode().Perm() != want {
			t.Errorf("%s: %v, %v, want %v", path, info.Mode(), err, want)
		}
	}
	s.Close()
	again, err := openStore(t, dir).Secret("secret-key")
	if err != nil || again != first || len(first) < 32 {
		t.Errorf("the secret did not stay: %v", err)
	}
}

// TestUnsyncedIsInvisible holds a commit between Pebble's making it readable and its being answered.
func TestUnsyncedIsInvisible(t *testing.T) {
	s := openStore(t, t.TempDir())
	h := session.Handle{ID: session.ID{1}, Device: session.DeviceID{1}, Key: session.TokenKey{1}, Ends: time.Now().Add(time.Hour)}
	tx := newTx(s)
	_, _, changed, err := tx.update(session.Update{Handle: h, Change: func(r *session.Record) (*session.Record, error) {
		m := session.Mutation{Set: map[string]json.RawMessage{"a": json.RawMessage("1")}}
		next, _, err := r.Mutate(session.Write{Handle: h, Mutation: &m, Timing: session.Timing{Idle: time.Hour}, Now: time.Now()})
		return next, err
	}})
	if err != nil || !changed {
		t.Fatal(changed, err)
	}
	batch := s.db.NewBatch()
	if err := tx.encode(batch); err != nil {
		t.Fatal(err)
	}
	s.hide(tx)
	if err := batch.Commit(pebble.NoSync); err != nil {
		t.Fatal(err)
	}
	if r, err := s.Load(context.Background(), h.ID); r != nil || err != nil {
		t.Errorf("Load shows what is not on disk: %v, %v", r, err)
	}
	if token, err := s.Token(context.Background(), h.Key); token != nil || err != nil {
		t.Errorf("Token shows what is not on disk: %v, %v", token, err)
	}
	s.show(tx)
	if r, err := s.Load(context.Background(), h.ID); r == nil || err != nil {
		t.Errorf("Load does not show what is on disk: %v, %v", r, err)
	}
}

func TestNothingIsTakenWhenTheDiskIsFull(t *testing.T) {
	s := openStore(t, t.TempDir())
	s.space.mu.Lock()
	s.space.at, s.space.err = time.Now().Add(time.Hour), errors.New("full")
	s.space.mu.Unlock()
	err := s.PutTicket(context.Background(), session.TicketKey{1}, session.Ticket{})
	if session.CodeOf(err) != session.Unavailable || err == nil {
		t.Errorf("a write on a full disk: %v", err)
	}
	s.space.mu.Lock()
	s.space.at, s.space.err = time.Now().Add(time.Hour), nil
	s.space.mu.Unlock()
	if err := s.PutTicket(context.Background(), session.TicketKey{1}, session.Ticket{}); err != nil {
		t.Errorf("a write after space was made: %v", err)
	}
}

// TestSweepPassesByWhatIsDamaged: a record that cannot be read stays, is found again, and keeps nobody else from ending.
func TestSweepPassesByWhatIsDamaged(t *testing.T) {
	s := openStore(t, t.TempDir())
	ended := map[session.ID]int{}
	s.Feed(func(e session.Event) {
		if e.Cause == session.Expired {
			ended[e.ID]++
		}
	})
	for _, n := range []byte{1, 2, 3} {
		h := session.Handle{ID: session.ID{n}, Device: session.DeviceID{n}, Key: session.TokenKey{n}, Ends: time.Now().Add(time.Hour)}
		done := make(chan error, 1)
		s.Update(session.Update{Handle: h, Done: func(_ *session.Record, err error) { done <- err },
			Change: func(*session.Record) (*session.Record, error) {
				return &session.Record{ID: h.ID, State: &session.State{}, Deadline: time.Now().Add(time.Minute), Devices: []session.Device{{ID: h.Device, Ends: h.Ends}}}, nil
			}})
		if err := <-done; err != nil {
			t.Fatal(err)
		}
	}
	damaged := session.ID{2}
	s.cache.put(damaged, nil)
	if err := s.db.Set([]byte(sessionKey(damaged)), []byte("garbage"), pebble.Sync); err != nil {
		t.Fatal(err)
	}
	for range 2 {
		if _, err := s.Sweep(context.Background(), time.Now().Add(10*time.Minute)); err != nil {
			t.Fatal(err)
		}
	}
	if ended[session.ID{1}] != 1 || ended[session.ID{3}] != 1 || ended[damaged] != 0 {
		t.Errorf("ended: %v", ended)
	}
	if due, err := s.due(prefixIndex, time.Now().Add(10*time.Minute)); len(due) != 1 || err != nil {
		t.Errorf("%d entries left, want the damaged one's: %v", len(due), err)
	}
}

// TestReadyDoesNotWaitForever: a store that hangs is not ready, and says so in time.
func TestReadyDoesNotWaitForever(t *testing.T) {
	s := openStore(t, t.TempDir())
	hang := make(chan struct{})
	defer close(hang)
	s.submit(opFuncs{func(*tx) { <-hang }, func(error) {}})
	ctx, cancel := context.WithTimeout(context.Background(), 50*time.Millisecond)
	defer cancel()
	if err := s.Ready(ctx); session.CodeOf(err) != session.Unavailable || err == nil {
		t.Errorf("a store that hangs: %v", err)
	}
}

// TestCacheIsBounded: the least recently used records go first.
func TestCacheIsBounded(t *testing.T) {
	c := newCache(3 * recordOverhead)
	for n := range byte(4) {
		c.put(session.ID{n}, &session.Record{ID: session.ID{n}, State: &session.State{}})
		c.get(session.ID{0})
	}
	for n, want := range []bool{true, false, true, true} {
		if got := c.get(session.ID{byte(n)}) != nil; got != want {
			t.Errorf("record %d is cached: %v, want %v", n, got, want)
		}
	}
	c.put(session.ID{0}, nil)
	if c.get(session.ID{0}) != nil || c.size != 2*recordOverhead {
		t.Errorf("after forgetting: size %d", c.size)
	}
}
