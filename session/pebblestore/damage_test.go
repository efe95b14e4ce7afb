package pebblestore

import (
	"bytes"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/cockroachdb/pebble/v2/vfs"

	"github.com/seshd/seshd/session"
)

// only is the one file of a pattern in a data directory.
func only(t *testing.T, dir, pattern string) string {
	t.Helper()
	found, err := filepath.Glob(filepath.Join(dir, databaseName, pattern))
	if err != nil || len(found) == 0 {
		t.Fatalf("%s: %q, %v", pattern, found, err)
	}
	return found[len(found)-1]
}

func alter(t *testing.T, path string, change func([]byte) []byte) {
	t.Helper()
	content, err := os.ReadFile(path)
	if err == nil {
		err = os.WriteFile(path, change(content), secretMode)
	}
	if err != nil {
		t.Fatal(err)
	}
}

func flip(at int) func([]byte) []byte {
	return func(content []byte) []byte {
		content[at] ^= 0xff
		return content
	}
}

// What is in a damaged table is unavailable and said by the file's name; it is never taken for a session that is not there, and the
// rest goes on.
func TestADamagedTableIsNamed(t *testing.T) {
	dir := t.TempDir()
	s := openStore(t, dir)
	for n := byte(1); n <= 200; n++ {
		if err := updateNow(s, incremented(visitor(n, n))); err != nil {
			t.Fatal(err)
		}
	}
	s.Close()
	sst := only(t, dir, "*.sst")
	value := session.AppendRecord(nil, must2(t, dir, visitor(100, 100)))
	alter(t, sst, func(content []byte) []byte {
		content[bytes.Index(content, value[:17])] ^= 1 // its format and its ID: with no compression it stands there as it is
		return content
	})

	var log bytes.Buffer
	s, err := Open(dir, Options{Logger: slog.New(slog.NewTextHandler(&log, nil))})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	refused := 0
	for n := byte(1); n <= 200; n++ {
		r, err := s.Load(t.Context(), session.ID{n})
		if err != nil && session.CodeOf(err) == session.Unavailable {
			refused++
			if err := updateNow(s, incremented(visitor(n, n))); session.CodeOf(err) != session.Unavailable || err == nil {
				t.Errorf("a write to what cannot be read: %v", err)
			}
		} else if r == nil {
			t.Errorf("session %d is taken for none: %v", n, err)
		}
	}
	if refused == 0 {
		t.Error("no read met the damage")
	}
	if !strings.Contains(log.String(), sst) {
		t.Errorf("the log does not name %s:\n%s", sst, &log)
	}
	if err := updateNow(s, incremented(visitor(250, 250))); refused < 200 && err != nil {
		t.Errorf("a session that is not in the damaged part: %v", err)
	}
	s.Close()
	if f, err := Check(t.Context(), dir, quiet); err != nil || len(f.Damage) == 0 || !strings.Contains(f.Damage[0], sst) {
		t.Errorf("a check finds %q, %v", f.Damage, err)
	}
}

func must2(t *testing.T, dir string, h session.Handle) *session.Record {
	t.Helper()
	s := openStore(t, dir)
	defer s.Close()
	r, err := s.Load(t.Context(), h.ID)
	if err != nil || r == nil {
		t.Fatal(r, err)
	}
	return r
}

// A start that would have to leave something out is refused, by the name of what is damaged.
func TestADamagedFileIsNamedAtTheStart(t *testing.T) {
	for name, test := range map[string]struct {
		file   string
		change func([]byte) []byte
		names  string
	}{
		"manifest, a bit":     {"MANIFEST-*", flip(40), "MANIFEST-"},
		"manifest, its midst": {"MANIFEST-*", func(content []byte) []byte { return flip(len(content) / 2)(content) }, "MANIFEST-"},
		"manifest, empty":     {"MANIFEST-*", func([]byte) []byte { return nil }, "MANIFEST-"},
		"log, in the middle":  {"*.log", func(content []byte) []byte { return flip(len(content) / 4)(content) }, ".log"},
		"log, a hole":         {"*.log", func(content []byte) []byte { clear(content[len(content)/4 : len(content)/3]); return content }, ".log"},
		"table, cut off":      {"*.sst", func(content []byte) []byte { return content[:len(content)/2] }, ".sst"},
		"options":             {"OPTIONS-*", func([]byte) []byte { return []byte("cherries") }, "cherries"},
	} {
		t.Run(name, func(t *testing.T) {
			dir := killed(t, 500)
			path := only(t, dir, test.file)
			alter(t, path, test.change)
			s, err := Open(dir, quiet)
			if err == nil {
				s.Close()
				t.Fatalf("it starts with a damaged %s", filepath.Base(path))
			}
			if !strings.Contains(err.Error(), filepath.Join(dir, databaseName)) || !strings.Contains(err.Error(), test.names) {
				t.Errorf("it does not say where and what: %v", err)
			}
			if f, err := Check(t.Context(), dir, quiet); err != nil || len(f.Damage) == 0 {
				t.Errorf("a check finds %q, %v", f.Damage, err)
			}
		})
	}
}

// killed is a data directory as SIGKILL leaves it: tables, and a log with n increments that no table has.
func killed(t *testing.T, n int) string {
	t.Helper()
	from := t.TempDir()
	s := openStore(t, from)
	if err := updateNow(s, incremented(visitor(1, 1))); err != nil {
		t.Fatal(err)
	}
	s.Close()
	s = openStore(t, from)
	for range n {
		if err := updateNow(s, incremented(visitor(1, 1))); err != nil {
			t.Fatal(err)
		}
	}
	dir := t.TempDir()
	if ok, err := vfs.Clone(vfs.Default, vfs.Default, filepath.Join(from, databaseName), filepath.Join(dir, databaseName)); !ok || err != nil {
		t.Fatal(ok, err)
	}
	return dir
}

// A log that ends in the middle of a write is what a crash leaves: all that was acknowledged is before it.
func TestATornWriteIsNormal(t *testing.T) {
	dir := killed(t, 20)
	alter(t, only(t, dir, "*.log"), func(content []byte) []byte { return content[:len(content)-5] })
	if got := number(t, openStore(t, dir), visitor(1, 1)); got < 20 || got > 21 {
		t.Errorf("%d increments are there, the last of 21 was torn", got)
	}
}
