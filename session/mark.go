package session

import (
	"encoding/json"
	"fmt"
	"time"
)

// Mark is what is kept with whatever outlives a seshd: what it is, in which format, and who wrote it so. Formats are numbered from 1, and a
// reader knows its own and those before it.
type Mark struct {
	Seshd  string    `json:"seshd"` // what it is
	Format int       `json:"format"`
	At     time.Time `json:"at"`
	By     string    `json:"by,omitempty"` // the release
}

// NewMark is the text of the mark of what this seshd writes now: one line of JSON.
func NewMark(kind string, format int, at time.Time) string {
	text, err := json.Marshal(Mark{kind, format, at.UTC().Truncate(time.Millisecond), Release()})
	if err != nil {
		panic(fmt.Sprintf("session: a mark: %v", err)) // of a year that has no text
	}
	return string(text) + "\n"
}

// ReadMark reads the mark of something of a kind, and refuses a format above those that are known. What else is in a mark is a newer one's
// own affair.
func ReadMark(text []byte, kind string, known int) (m Mark, err error) {
	if err := json.Unmarshal(text, &m); err != nil || m.Seshd != kind || m.Format < 1 {
		return m, fmt.Errorf("this is no %s of seshd", kind)
	}
	if m.Format > known {
		return m, fmt.Errorf("it has format %d, written by seshd %s; this one, %s, knows up to %d: use that seshd or a newer one",
			m.Format, m.By, Release(), known)
	}
	return m, nil
}
