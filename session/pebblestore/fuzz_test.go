package pebblestore

import (
	"archive/tar"
	"bytes"
	"errors"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/cockroachdb/pebble/v2/record"
)

// Whatever is unpacked stays in its directory; what is not refused is as its sums say.
func FuzzUnpack(f *testing.F) {
	var whole bytes.Buffer
	data, checkpoint := f.TempDir(), f.TempDir()
	if err := errors.Join(os.WriteFile(filepath.Join(data, keptSecrets[0]), []byte("a key"), secretMode), os.Mkdir(filepath.Join(checkpoint, databaseName), dirMode),
		os.WriteFile(filepath.Join(checkpoint, databaseName, "000001.sst"), []byte("cherries"), secretMode)); err != nil {
		f.Fatal(err)
	}
	b := backup{ctx: f.Context(), tar: tar.NewWriter(&whole), at: time.Unix(0, 0)}
	if err := b.write(data, checkpoint); err != nil {
		f.Fatal(err)
	}
	f.Add(whole.Bytes())
	f.Add(whole.Bytes()[:1024])
	f.Add(bytes.Replace(whole.Bytes(), []byte("db/000001.sst"), []byte("db/../../.sst"), 1))
	f.Fuzz(func(t *testing.T, content []byte) {
		parent := t.TempDir()
		dir := filepath.Join(parent, "data")
		if err := os.Mkdir(dir, dirMode); err != nil {
			t.Fatal(err)
		}
		u := unpacking{dir: dir, sums: make(map[string]string)}
		err := u.all(t.Context(), bytes.NewReader(content))
		if entries, _ := os.ReadDir(parent); len(entries) > 1 {
			t.Errorf("it wrote beside the directory: %v", entries)
		}
		if err == nil && len(u.sums) > 0 {
			t.Errorf("nobody vouches for %v", u.sums)
		}
	})
}

// Records that are whole are told from what was cut off, and from what is damaged.
func FuzzWholeRecords(f *testing.F) {
	f.Add([]byte("cherries"), []byte("plums"), 3)
	f.Add([]byte{}, []byte{1}, 100)
	f.Fuzz(func(t *testing.T, first, second []byte, at int) {
		if len(first)+len(second) > 1<<10 { // continues looks at each byte of what is damaged
			return
		}
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
