package pebblestore

import (
	"bytes"
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"testing"

	"github.com/cockroachdb/pebble/v2/record"
)

// Whatever is restored is refused, and nothing is there then; or it is a store that opens.
func FuzzRestore(f *testing.F) {
	content, err := io.ReadAll(sampleContent(f, sampleBackup(backupFormat)))
	if err != nil {
		f.Fatal(err)
	}
	f.Add(content)
	f.Add(content[:1024])
	f.Add([]byte{})
	f.Fuzz(func(t *testing.T, content []byte) {
		parent := t.TempDir()
		dir, o := filepath.Join(parent, "data"), Options{Logger: slog.New(slog.DiscardHandler)}
		found, err := Restore(t.Context(), bytes.NewReader(content), dir, o)
		if entries, _ := os.ReadDir(parent); len(entries) > 1 {
			t.Errorf("it wrote beside the directory: %v", entries)
		}
		if err != nil || len(found.Damage) > 0 {
			if entries, _ := os.ReadDir(dir); len(entries) > 0 {
				t.Errorf("%v, and it left %v", err, entries)
			}
			return
		}
		s, err := Open(dir, o)
		if err != nil {
			t.Fatal(err)
		}
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
}

// Records that are whole are told from what was cut off, and from what is damaged.
func FuzzWholeRecords(f *testing.F) {
	f.Add([]byte("cherries"), []byte("plums"), 3)
	f.Add(bytes.Repeat([]byte("x"), 40_000), []byte{}, 0)
	f.Add([]byte{}, []byte{1}, 100)
	f.Fuzz(func(t *testing.T, first, second []byte, at int) {
		var b bytes.Buffer
		w := record.NewWriter(&b)
		for _, text := range [][]byte{first, second} {
			if _, err := w.WriteRecord(text); err != nil {
				t.Fatal(err)
			}
		}
		if err := w.Close(); err != nil {
			t.Fatal(err)
		}
		content := b.Bytes()
		if n, good := wholeRecords(content); n != len(content) || !good {
			t.Errorf("of %d bytes %d, good: %v", len(content), n, good)
		}
		cut := content[:max(0, min(at, len(content)))]
		n, _ := wholeRecords(cut)
		if n > len(cut) || continues(cut[n:]) {
			t.Errorf("cut off after %d bytes: %d, and more comes", len(cut), n)
		}
		_, _ = wholeRecords(first)
		_ = continues(second)
		if ids, err := decodeIDs(first); err == nil && !bytes.Equal(encodeIDs(ids), first) {
			t.Errorf("ids %v", ids)
		}
	})
}
