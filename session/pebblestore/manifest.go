package pebblestore

import (
	"bytes"
	"fmt"
	"io"
	"path/filepath"

	"github.com/cockroachdb/pebble/v2"
	"github.com/cockroachdb/pebble/v2/record"
	"github.com/cockroachdb/pebble/v2/vfs"
)

// checkManifest refuses a manifest that is damaged before its end. Pebble takes the first record that it cannot read for one that a crash cut
// off: it would open the database as it was before, and delete the tables that came since.
func checkManifest(dir string, files vfs.FS) error {
	desc, err := pebble.Peek(dir, files)
	if err != nil || !desc.Exists {
		return err
	}
	file, err := files.Open(desc.ManifestFilename)
	if err != nil {
		return err
	}
	defer file.Close()
	content, err := io.ReadAll(file)
	if err != nil {
		return err
	}
	whole, good := wholeRecords(content)
	if whole == 0 || !good && continues(content[whole:]) {
		return fmt.Errorf("%w: %s cannot be read on from byte %d", pebble.ErrCorruption, filepath.Base(desc.ManifestFilename), whole)
	}
	return nil
}

// wholeRecords says how many bytes of records can be read, and whether that is all.
func wholeRecords(content []byte) (n int, good bool) {
	records := record.NewReader(bytes.NewReader(content), 0)
	for {
		r, err := records.Next()
		if err == nil {
			_, err = io.Copy(io.Discard, r)
		}
		if err != nil {
			return n, err == io.EOF
		}
		n = int(records.Offset())
	}
}

// continues says whether a whole record comes after one that is not. After one that was cut off nothing does.
func continues(rest []byte) bool {
	for at := range rest {
		if n, _ := wholeRecords(rest[at:]); n > 0 {
			return true
		}
	}
	return false
}
