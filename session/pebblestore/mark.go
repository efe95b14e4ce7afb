package pebblestore

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"github.com/seshd/seshd/session"
)

// markName is a file of the data directory that says, to people and to an older seshd, in which format the database is. It is read before
// anything else, since opening the database already writes there.
const (
	markName = "seshd-data.json"
	kindData = "data directory"
)

// readMark refuses a directory of a newer format; 0: it is not marked.
func readMark(dir string) (marked int, err error) {
	path := filepath.Join(dir, markName)
	text, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		return 0, nil
	}
	if err != nil {
		return 0, err
	}
	m, err := session.ReadMark(text, kindData, format)
	if err != nil {
		return 0, fmt.Errorf("%s: %w", path, err)
	}
	return m.Format, nil
}

// writeMark marks a directory whose database this seshd could open.
func writeMark(dir string, marked int) error {
	if marked == format {
		return nil
	}
	return writeDurably(filepath.Join(dir, markName), session.NewMark(kindData, format, time.Now()))
}
