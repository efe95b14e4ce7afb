package pebblestore

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/cockroachdb/pebble/v2"
	"github.com/cockroachdb/pebble/v2/vfs"
	"github.com/cockroachdb/pebble/v2/vfs/errorfs"

	"github.com/seshd/seshd/session"
)

func incremented(h session.Handle) session.Update {
	m := session.Mutation{Incr: map[string]json.RawMessage{"n": json.RawMessage("1")}}
	return session.Update{Handle: h, Change: func(r *session.Record) (*session.Record, error) {
		next, _, err := r.Mutate(session.Write{Handle: h, Mutation: &m, Timing: session.Timing{Idle: time.Hour}, Now: time.Now()})
		return next, err
	}}
}

// value is what readers see, empty where there is no session.
func value(t *testing.T, s *Store, h session.Handle) string {
	t.Helper()
	r, err := s.Load(context.Background(), h.ID)
	if err != nil {
		t.Fatal(err)
	}
	if r == nil {
		return ""
	}
	n, _ := r.State.Get("n")
	return string(n)
}

// TestGroupsBuildOnWhatIsNotSynced: of three groups that wait for the disk together each goes on from the one before, and readers see
// none before it is synced. The token, too, is not asked for on disk, where it is not shown yet.
func TestGroupsBuildOnWhatIsNotSynced(t *testing.T) {
	s := openStore(t, t.TempDir())
	h := visitor(1, 1)
	group := newTx(s)
	var unsynced []*tx
	for range 3 {
		if _, _, changed, err := group.update(incremented(h)); err != nil || !changed {
			t.Fatal(changed, err)
		}
		group.batch = s.db.NewBatch()
		if err := group.encode(group.batch); err != nil {
			t.Fatal(err)
		}
		s.hide(group)
		if err := group.batch.Commit(pebble.NoSync); err != nil {
			t.Fatal(err)
		}
		unsynced = append(unsynced, group)
		group = group.next()
		s.warm(h.ID)
		if s.cache.has(h.ID) && len(unsynced) == 1 {
			t.Error("the cache knows what is not synced")
		}
	}
	for n, want := range []string{"", "1", "2", "3"} {
		if n > 0 {
			s.show(unsynced[n-1])
		}
		if got := value(t, s, h); got != want {
			t.Errorf("with %d of 3 groups synced readers see %q, want %q", n, got, want)
		}
	}
	if lives, newest, _, err := s.Lives(context.Background(), 0, 10); err != nil || newest != 1 || len(lives) != 1 {
		t.Errorf("the story has %v up to %d, %v: want that it began, once", lives, newest, err)
	}
}

// TestNothingSucceedsAfterAFault: what was not applied is the ground of all that follows.
func TestNothingSucceedsAfterAFault(t *testing.T) {
	s := openStore(t, t.TempDir())
	h := visitor(1, 1)
	if err := updateNow(s, incremented(h)); err != nil {
		t.Fatal(err)
	}
	s.submit(opFuncs{func(group *tx) { group.failed = errors.New("as if the disk had failed") }, func(error) {}})
	for range 3 {
		if err := updateNow(s, incremented(h)); err == nil || session.CodeOf(err) != session.Unavailable {
			t.Errorf("a write after a fault: %v", err)
		}
	}
	if got := value(t, s, h); got != "1" {
		t.Errorf("readers see %q, want what was committed before", got)
	}
	s.failed = nil // Close would report it
}

// failingDirectory names, to a process of its own, where a store is to fail.
const failingDirectory = "SESHD_TEST_FAILING_DIRECTORY"

// TestAFailedSyncEndsTheProcess: Pebble itself would end it only for those who wait in its Commit.
func TestAFailedSyncEndsTheProcess(t *testing.T) {
	if dir := os.Getenv(failingDirectory); dir != "" {
		writeUntilTheDiskFails(dir)
		return
	}
	dir := filepath.Join(t.TempDir(), "data")
	child := exec.CommandContext(t.Context(), os.Args[0], "-test.run", "^"+t.Name()+"$")
	child.Env = append(os.Environ(), failingDirectory+"="+dir)
	said, err := child.CombinedOutput()
	var exit *exec.ExitError
	if !errors.As(err, &exit) || exit.ExitCode() != 1 || !strings.Contains(string(said), "the database cannot be written") ||
		!strings.Contains(string(said), dir) || strings.Contains(string(said), "panic:") {
		t.Fatalf("%v:\n%s", err, said)
	}
	if strings.Contains(string(said), "acknowledged after the fault") {
		t.Errorf("%s", said)
	}
	if got := value(t, openStore(t, dir), visitor(1, 1)); got != "1" && got != "2" { // nobody was told of the second
		t.Errorf("it holds %q after one acknowledged increment", got)
	}
}

func writeUntilTheDiskFails(dir string) {
	var broken atomic.Bool
	inject := errorfs.InjectorFunc(func(op errorfs.Op) error {
		if broken.Load() && strings.HasSuffix(op.Path, ".log") && (op.Kind == errorfs.OpFileSync || op.Kind == errorfs.OpFileSyncData) {
			return errors.New("as if the disk had failed")
		}
		return nil
	})
	s, err := Open(dir, Options{Logger: slog.New(slog.NewTextHandler(os.Stderr, nil)), fs: errorfs.Wrap(vfs.Default, inject)})
	if err == nil {
		err = updateNow(s, incremented(visitor(1, 1)))
	}
	if err != nil {
		fmt.Println(err)
		os.Exit(2)
	}
	broken.Store(true)
	if err := updateNow(s, incremented(visitor(1, 1))); err == nil {
		fmt.Println("acknowledged after the fault")
	}
	os.Exit(3) // it should have ended
}

// TestNoCache: a store without one reads what it needs.
func TestNoCache(t *testing.T) {
	s, err := Open(t.TempDir(), Options{CacheBytes: -1})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	for range 2 {
		if err := updateNow(s, incremented(visitor(1, 1))); err != nil {
			t.Fatal(err)
		}
	}
	if got := value(t, s, visitor(1, 1)); got != "2" || len(s.cache.records) > 0 || s.cache.size != 0 {
		t.Errorf("readers see %q; %d sessions are kept", got, len(s.cache.records))
	}
}

func updateNow(s *Store, u session.Update) error {
	done := make(chan error, 1)
	u.Done = func(_ *session.Record, err error) { done <- err }
	s.Update(u)
	return <-done
}

// TestCacheKeepsWhatIsWritten: it keeps what is written to, whatever else is written or read.
func TestCacheKeepsWhatIsWritten(t *testing.T) {
	s, err := Open(t.TempDir(), Options{CacheBytes: 10 * recordOverhead})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	hot := visitor(1, 1)
	for n := range byte(50) {
		for _, h := range []session.Handle{hot, visitor(100+n, 100+n)} {
			if err := updateNow(s, incremented(h)); err != nil {
				t.Fatal(err)
			}
		}
		if !s.cache.has(hot.ID) {
			t.Fatalf("the session that is written to most is gone after %d others", n+1)
		}
	}
	if kept := len(s.cache.records); kept < 2 || kept > 10 || s.cache.size > s.cache.max || s.cache.order.Len() != kept {
		t.Errorf("%d sessions and %d bytes are kept, of %d", kept, s.cache.size, s.cache.max)
	}
	cold := visitor(100, 100)
	if s.cache.has(cold.ID) {
		t.Error("the first of the others is kept")
	}
	if value(t, s, cold) != "1" || s.cache.has(cold.ID) {
		t.Error("reading put it into the cache")
	}
	if err := updateNow(s, incremented(cold)); err != nil || value(t, s, cold) != "2" {
		t.Errorf("a write to what was not kept: %v", err)
	}
}
