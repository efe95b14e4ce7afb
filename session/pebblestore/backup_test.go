package pebblestore

import (
	"archive/tar"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/seshd/seshd/session"
)

var quiet = Options{Logger: slog.New(slog.DiscardHandler)}

func backupOf(t *testing.T, s *Store) []byte {
	t.Helper()
	var out bytes.Buffer
	if err := s.Backup(t.Context(), &out); err != nil {
		t.Fatal(err)
	}
	return out.Bytes()
}

// restored opens what a backup makes.
func restored(t *testing.T, backup []byte) *Store {
	t.Helper()
	dir := filepath.Join(t.TempDir(), "data")
	if f, err := Restore(t.Context(), bytes.NewReader(backup), dir, quiet); err != nil || len(f.Damage) > 0 {
		t.Fatalf("%v: %q", err, f.Damage)
	}
	return openStore(t, dir)
}

func sound(t *testing.T, dir string) Findings {
	t.Helper()
	f, err := Check(t.Context(), dir, quiet)
	if err != nil || len(f.Damage) > 0 {
		t.Fatalf("%v: %q", err, f.Damage)
	}
	return f
}

// Whatever was acknowledged before a backup was asked for is in it, while everybody writes on.
func TestABackupHasAllThatWasAcknowledged(t *testing.T) {
	s := openStore(t, t.TempDir())
	if _, err := s.Secret("secret-key"); err != nil {
		t.Fatal(err)
	}
	const writers = 8
	var (
		writing      sync.WaitGroup
		mu           sync.Mutex
		acknowledged [writers]int
		stop         = make(chan struct{})
		enough       = make(chan struct{})
	)
	for n := range writers {
		h := visitor(byte(n+1), byte(n+1))
		writing.Go(func() {
			for {
				select {
				case <-stop:
					return
				default:
				}
				if err := updateNow(s, incremented(h)); err != nil {
					t.Error(err)
					return
				}
				mu.Lock()
				acknowledged[n]++
				if n == 0 && acknowledged[n] == 100 {
					close(enough)
				}
				mu.Unlock()
			}
		})
	}
	<-enough
	for range 3 {
		mu.Lock()
		before := acknowledged
		mu.Unlock()
		copied := restored(t, backupOf(t, s))
		for n, want := range before {
			if got := number(t, copied, visitor(byte(n+1), byte(n+1))); got < want {
				t.Errorf("writer %d: %d of %d acknowledged increments are in the backup", n, got, want)
			}
		}
		if key, err := copied.Secret("secret-key"); err != nil || key != must(s.Secret("secret-key")) {
			t.Errorf("the secret is another one: %v", err)
		}
	}
	close(stop)
	writing.Wait()
	if left, _ := filepath.Glob(filepath.Join(s.dir, ".*")); len(left) > 0 {
		t.Errorf("left behind: %q", left)
	}
}

func must(text string, err error) string {
	if err != nil {
		panic(err)
	}
	return text
}

func number(t *testing.T, s *Store, h session.Handle) (n int) {
	t.Helper()
	if text := value(t, s, h); text != "" {
		if err := json.Unmarshal([]byte(text), &n); err != nil {
			t.Fatal(err)
		}
	}
	return n
}

// What was written after the backup, and what is written after it was restored, have no version in common.
func TestARestoredStoreBeginsALineage(t *testing.T) {
	s := openStore(t, t.TempDir())
	kept, begun := visitor(1, 1), visitor(2, 2)
	for range 3 {
		if err := updateNow(s, incremented(kept)); err != nil {
			t.Fatal(err)
		}
	}
	backup := backupOf(t, s)
	for range 3 {
		for _, h := range []session.Handle{kept, begun} {
			if err := updateNow(s, incremented(h)); err != nil {
				t.Fatal(err)
			}
		}
	}
	_, told, _, err := s.Lives(t.Context(), 0, 10)
	if err != nil {
		t.Fatal(err)
	}

	once := restored(t, backup)
	first := once.lineage.First()
	if first == 0 {
		t.Fatal("it has no lineage")
	}
	if r, err := once.Load(t.Context(), kept.ID); err != nil || r.State.Version != first || number(t, once, kept) != 3 {
		t.Errorf("%+v, %v", r, err)
	}
	if r, err := once.Load(t.Context(), begun.ID); err != nil || r != nil {
		t.Errorf("what began after the backup: %+v, %v", r, err)
	}
	for _, h := range []session.Handle{kept, begun} {
		var committed *session.Record
		u := incremented(h)
		done := make(chan error, 1)
		u.Done = func(r *session.Record, err error) { committed = r; done <- err }
		if once.Update(u); <-done != nil || committed.State.Version < first {
			t.Errorf("it was committed at version %d", committed.State.Version)
		}
		loaded, err := once.Load(t.Context(), h.ID)
		if err != nil || loaded.State.Version != committed.State.Version {
			t.Errorf("%+v, %v; %d was committed", loaded, err, committed.State.Version)
		}
		for told := range uint64(8) {
			if delta, ok := loaded.State.Since(told); ok {
				t.Errorf("a tab that was at %d is told %+v", told, delta)
			}
		}
	}
	for after, want := range map[uint64]bool{0: true, told: true, first: false} {
		if lives, _, gap, err := once.Lives(t.Context(), after, 10); err != nil || gap != want || !gap && len(lives) != 1 {
			t.Errorf("after line %d: %v, gap %v, %v", after, lives, gap, err)
		}
	}

	dir := once.dir
	if err := once.Close(); err != nil {
		t.Fatal(err)
	}
	if r, err := openStore(t, dir).Load(t.Context(), kept.ID); err != nil || r.State.Version != first+1 {
		t.Errorf("after a restart: %+v, %v", r, err)
	}
}

// A store that was restored twice has two lineages, however little time passed.
func TestARestoredStoreIsBackedUpAndRestored(t *testing.T) {
	s := openStore(t, t.TempDir())
	for range 3 {
		if err := updateNow(s, incremented(visitor(1, 1))); err != nil {
			t.Fatal(err)
		}
		before := s.lineage
		s = restored(t, backupOf(t, s))
		if r, err := s.Load(t.Context(), session.ID{1}); err != nil || s.lineage <= before || r.State.Version != s.lineage.First() {
			t.Errorf("lineage %d after %d, %+v, %v", s.lineage, before, r, err)
		}
	}
}

// A backup that is not whole, or of something else, is refused by name, and leaves nothing behind.
func TestABackupThatCannotBeRestored(t *testing.T) {
	s := openStore(t, t.TempDir())
	if err := updateNow(s, incremented(visitor(1, 1))); err != nil {
		t.Fatal(err)
	}
	must(s.Secret("secret-key"))
	good := backupOf(t, s)
	flipped := bytes.Clone(good)
	flipped[bytes.Index(flipped, []byte("db/MANIFEST-000001"))+520] ^= 1 // in its content, behind the header of 512 bytes
	for name, test := range map[string]struct {
		backup []byte
		want   string
	}{
		"nothing":        {nil, "this is no backup of seshd"},
		"text":           {bytes.Repeat([]byte("cherries"), 1000), "this is no backup of seshd"},
		"cut off":        {good[:len(good)-8<<10], "cut off"},
		"no sums":        {entries(t, good, func(h *tar.Header) bool { return h.Name != sumsName }), "it was cut off before its end"},
		"a file less":    {entries(t, good, func(h *tar.Header) bool { return h.Name != "secret-key" }), "secret-key is missing"},
		"a bit":          {flipped, "db/MANIFEST-000001 is missing, or not what was written"},
		"a newer format": {bytes.Replace(good, []byte(`"format":1`), []byte(`"format":2`), 1), "it has format 2, written by seshd "},
		"a path":         {entries(t, good, func(h *tar.Header) bool { h.Name = strings.Replace(h.Name, "db/M", "db/../M", 1); return true }), "does not belong"},
		"a link":         {entries(t, good, func(h *tar.Header) bool { return link(h) }), "does not belong"},
	} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			if err := os.Mkdir(filepath.Join(dir, ".restore-1"), dirMode); err != nil { // as one that was killed leaves it
				t.Fatal(err)
			}
			_, err := Restore(t.Context(), bytes.NewReader(test.backup), dir, quiet)
			if err == nil || !strings.Contains(err.Error(), test.want) {
				t.Errorf("%v, want %q", err, test.want)
			}
			if left, err := os.ReadDir(dir); len(left) > 0 || err != nil {
				t.Errorf("left behind: %v, %v", left, err)
			}
		})
	}
	if _, err := Restore(t.Context(), bytes.NewReader(good), s.dir, quiet); err == nil || !strings.Contains(err.Error(), "holds data already") {
		t.Errorf("over data: %v", err)
	}
}

func link(h *tar.Header) bool {
	if h.Name == "secret-key" {
		h.Typeflag, h.Linkname, h.Size = tar.TypeSymlink, "/etc/hostname", 0
	}
	return true
}

// entries copies a tar; keep may alter each header.
func entries(t *testing.T, from []byte, keep func(*tar.Header) bool) []byte {
	t.Helper()
	var out bytes.Buffer
	in, to := tar.NewReader(bytes.NewReader(from)), tar.NewWriter(&out)
	for {
		h, err := in.Next()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			t.Fatal(err)
		}
		if !keep(h) {
			continue
		}
		err = to.WriteHeader(h)
		if err == nil && h.Typeflag == tar.TypeReg {
			_, err = io.Copy(to, in)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	if err := to.Close(); err != nil {
		t.Fatal(err)
	}
	return out.Bytes()
}

// What a killed server left of a backup is gone after the next start, and a backup that nobody takes ends.
func TestABackupThatIsNotFinished(t *testing.T) {
	dir := t.TempDir()
	left := filepath.Join(dir, ".backup-1", databaseName)
	if err := os.MkdirAll(left, dirMode); err != nil {
		t.Fatal(err)
	}
	s := openStore(t, dir)
	if _, err := os.Stat(left); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("what a crash left: %v", err)
	}
	if err := s.Backup(t.Context(), brokenPipe{}); !errors.Is(err, io.ErrClosedPipe) {
		t.Errorf("to nobody: %v", err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := s.Backup(ctx, io.Discard); !errors.Is(err, context.Canceled) {
		t.Errorf("when it is called off: %v", err)
	}
	if left, _ := filepath.Glob(filepath.Join(dir, ".*")); len(left) > 0 {
		t.Errorf("left behind: %q", left)
	}
	s.space.mu.Lock()
	s.space.at, s.space.err = time.Now().Add(time.Hour), errors.New("full")
	s.space.mu.Unlock()
	if err := s.Backup(t.Context(), io.Discard); session.CodeOf(err) != session.Unavailable || err == nil {
		t.Errorf("on a full disk: %v", err)
	}
	s.Close()
	if err := s.Backup(t.Context(), io.Discard); session.CodeOf(err) != session.Unavailable || err == nil {
		t.Errorf("of a closed store: %v", err)
	}
}

type brokenPipe struct{}

func (brokenPipe) Write([]byte) (int, error) { return 0, io.ErrClosedPipe }
