package pebblestore

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"github.com/seshd/seshd/session"
)

// markName is a file of the data directory that says, to people and to an older seshd, in which format it is and who made it so. It is
// read before anything else, since opening the database already writes there.
const markName = "seshd-data.json"

const kindData, kindBackup = "data", "backup"

// label says what a directory or a file is.
type label struct {
	Seshd  string    `json:"seshd"`
	Format int       `json:"format"`
	At     time.Time `json:"at"`
	By     string    `json:"by,omitempty"` // the release
}

// newLabel is of what this seshd writes now.
func newLabel(kind string, format int, at time.Time) string {
	text, _ := json.Marshal(label{kind, format, at.UTC().Truncate(time.Second), session.Release()}) // of strings and numbers
	return string(text) + "\n"
}

// tooNew refuses what a newer seshd wrote.
func (l label) tooNew(what string, known int) error {
	return fmt.Errorf("%s has format %d, written by seshd %s; this one, %s, knows up to %d: use that seshd or a newer one, or a backup that this one made",
		what, l.Format, l.By, session.Release(), known)
}

// readMark refuses a directory of a newer format; 0: it is not marked.
func readMark(dir string) (marked int, err error) {
	text, err := os.ReadFile(filepath.Join(dir, markName))
	if errors.Is(err, fs.ErrNotExist) {
		return 0, nil
	}
	if err != nil {
		return 0, err
	}
	var l label
	if err := json.Unmarshal(text, &l); err != nil || l.Seshd != kindData || l.Format < 1 {
		return 0, fmt.Errorf("%s is damaged: delete it, and the database itself says its format", filepath.Join(dir, markName))
	}
	if l.Format > format {
		return 0, l.tooNew(dir, format)
	}
	return l.Format, nil
}

// writeMark marks a directory whose database this seshd could open.
func writeMark(dir string, marked int) error {
	if marked == format {
		return nil
	}
	return writeDurably(filepath.Join(dir, markName), newLabel(kindData, format, time.Now()))
}
