package pebblestore

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"crypto/sha256"
	"flag"
	"fmt"
	"io"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/seshd/seshd/session"
	"github.com/seshd/seshd/session/storetest"
)

// The samples are what a released seshd wrote, so this is for a format that none has written yet.
var writeSamples = flag.Bool("write-samples", false, "write the samples of the present formats anew")

// sampleSecret is a key that the sample of a data directory has, as keygen draws it.
const sampleSecret = "a cookie key of a sample, which opens nothing"

func sampleDirectory(n int) string { return fmt.Sprintf("testdata/data_format%d.tar.gz", n) }
func sampleBackup(n int) string    { return fmt.Sprintf("testdata/backup_format%d.tar.gz", n) }

func writeSampleFiles(t *testing.T) {
	t.Helper()
	dir := t.TempDir()
	s := openStore(t, dir)
	storetest.FillWithSample(t, s)
	if err := os.WriteFile(filepath.Join(dir, keptSecrets[0]), []byte(sampleSecret+"\n"), secretMode); err != nil {
		t.Fatal(err)
	}
	var backup, data bytes.Buffer
	if err := s.Backup(t.Context(), &backup); err != nil {
		t.Fatal(err)
	}
	s.Close()
	out := tar.NewWriter(&data)
	if err := out.AddFS(os.DirFS(dir)); err != nil {
		t.Fatal(err)
	}
	out.Close()
	for name, content := range map[string][]byte{sampleDirectory(format): data.Bytes(), sampleBackup(backupFormat): backup.Bytes()} {
		var small bytes.Buffer
		w := gzip.NewWriter(&small)
		w.Write(content)
		w.Close()
		if err := os.WriteFile(name, small.Bytes(), 0o644); err != nil {
			t.Fatal(err)
		}
	}
}

// firstFormat is the first that was released, and so has a sample.
const firstFormat = 3

// What every released seshd wrote can be opened: it is all there, and the store goes on from it.
func TestSamplesOfDirectories(t *testing.T) {
	if *writeSamples {
		writeSampleFiles(t)
	}
	for n := firstFormat; n <= format; n++ {
		t.Run(fmt.Sprint(n), func(t *testing.T) {
			dir := unpackSample(t, sampleDirectory(n))
			holdsSample(t, dir)
			if marked, err := readMark(dir); marked != format || err != nil {
				t.Errorf("it is marked as of format %d: %v", marked, err)
			}
		})
	}
}

func TestSamplesOfBackups(t *testing.T) {
	for n := 1; n <= backupFormat; n++ {
		t.Run(fmt.Sprint(n), func(t *testing.T) {
			dir, o := filepath.Join(t.TempDir(), "data"), Options{Logger: slog.New(slog.DiscardHandler)}
			found, err := Restore(t.Context(), sampleContent(t, sampleBackup(n)), dir, o)
			if err != nil || len(found.Damage) > 0 {
				t.Fatal(found.Damage, err)
			}
			s := openStore(t, dir)
			_, sessions := storetest.Sample()
			for _, saved := range sessions { // in a lineage of its own, so at other versions
				r, err := s.Load(t.Context(), saved.ID())
				if err != nil || !cmp.Equal(r.State.Data(nil), saved.Record.State.Data(nil)) {
					t.Errorf("session %s: %v, %v", saved.ID(), r, err)
				}
			}
		})
	}
}

func holdsSample(t *testing.T, dir string) {
	t.Helper()
	s := openStore(t, dir)
	if secret, err := s.Secret(keptSecrets[0]); secret != sampleSecret || err != nil {
		t.Errorf("the secret is %q, %v", secret, err)
	}
	storetest.HoldsSample(t, s)
	if err := s.Close(); err != nil {
		t.Error(err)
	}
	found, err := Check(t.Context(), dir, Options{Logger: slog.New(slog.DiscardHandler)})
	if err != nil || len(found.Damage) > 0 || found.Sessions != 2 || found.Tokens < 4 || found.Users != 1 {
		t.Errorf("check: %+v, %v", found, err)
	}
}

// A directory of a newer format is left as it is: by whoever opens it, checks it, or backs it up.
func TestANewerDirectoryIsNotTouched(t *testing.T) {
	dir := unpackSample(t, sampleDirectory(format))
	mark := session.Mark{Seshd: kindData, Format: format + 1, By: "v9.9.9"}
	text := fmt.Sprintf(`{"seshd":%q,"format":%d,"by":%q,"new":{}}`, mark.Seshd, mark.Format, mark.By)
	if err := os.WriteFile(filepath.Join(dir, markName), []byte(text), secretMode); err != nil {
		t.Fatal(err)
	}
	before := sumsOf(t, dir)
	o := Options{Logger: slog.New(slog.DiscardHandler)}
	_, opening := Open(dir, o)
	_, checking := Check(t.Context(), dir, o)
	for _, err := range []error{opening, checking} {
		if err == nil || !strings.Contains(err.Error(), "it has format 4, written by seshd v9.9.9; this one, (devel), knows up to 3: use that seshd or a newer one") {
			t.Errorf("a newer format: %v", err)
		}
	}
	if diff := cmp.Diff(before, sumsOf(t, dir)); diff != "" {
		t.Errorf("it was changed: %s", diff)
	}
}

// One that was written before directories were marked is marked when it is opened.
func TestADirectoryIsMarked(t *testing.T) {
	dir := unpackSample(t, sampleDirectory(format))
	if err := os.Remove(filepath.Join(dir, markName)); err != nil {
		t.Fatal(err)
	}
	holdsSample(t, dir)
	if marked, err := readMark(dir); marked != format || err != nil {
		t.Errorf("it is marked as of format %d: %v", marked, err)
	}
}

func TestAMarkThatIsNone(t *testing.T) {
	dir := unpackSample(t, sampleDirectory(format))
	for _, text := range []string{"", "{}", `{"seshd":"export","format":1}`, `{"seshd":"data directory","format":0}`, `{"seshd":"data directory","format":"3"}`} {
		if err := os.WriteFile(filepath.Join(dir, markName), []byte(text), secretMode); err != nil {
			t.Fatal(err)
		}
		if _, err := Open(dir, Options{}); err == nil || !strings.Contains(err.Error(), markName+": this is no data directory of seshd") {
			t.Errorf("%q: %v", text, err)
		}
	}
}

func sampleContent(t *testing.T, name string) io.Reader {
	t.Helper()
	content, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	plain, err := gzip.NewReader(bytes.NewReader(content))
	if err != nil {
		t.Fatal(err)
	}
	return plain
}

func unpackSample(t *testing.T, name string) (dir string) {
	t.Helper()
	dir = filepath.Join(t.TempDir(), "data")
	in := tar.NewReader(sampleContent(t, name))
	for {
		header, err := in.Next()
		if err == io.EOF {
			return dir
		}
		if err != nil {
			t.Fatal(err)
		}
		path := filepath.Join(dir, header.Name)
		if header.Typeflag == tar.TypeDir {
			err = os.MkdirAll(path, dirMode)
		} else if err = os.MkdirAll(filepath.Dir(path), dirMode); err == nil {
			var content []byte
			if content, err = io.ReadAll(in); err == nil {
				err = os.WriteFile(path, content, secretMode)
			}
		}
		if err != nil {
			t.Fatal(err)
		}
	}
}

// sumsOf are the files of a directory with what is in them.
func sumsOf(t *testing.T, dir string) map[string]string {
	t.Helper()
	sums := make(map[string]string)
	err := filepath.WalkDir(dir, func(path string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() {
			return err
		}
		content, err := os.ReadFile(path)
		sums[path] = fmt.Sprintf("%x", sha256.Sum256(content))
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return sums
}
