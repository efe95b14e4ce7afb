package hub

import (
	"strconv"
	"time"

	"github.com/seshd/seshd/session"
)

// Type names a frame to tabs.
type Type string

// The frames that a room makes.
const (
	Session Type = "session"
	Change  Type = "change"
	Tabs    Type = "tabs"
)

// Frame is one line of JSON for a tab, made from what browsers may see. Its bytes may be shared and must not be changed.
type Frame struct {
	Type    Type
	ID      session.ID
	Version uint64 // that a tab has once it read this
	JSON    []byte

	// Of a change to a tab that was in before it; else zero.
	Committed time.Time // the newest of the changes in it, as far as this server knows
	Folded    uint64    // the changes in it beside the newest

	// Spans are those of traced changes that the tab has once it read this: whoever writes the frame says Handed to each.
	Spans []*session.Span
}

func sessionFrame(id session.ID, s *session.State, tabs int, expires time.Time, continues session.ID, visible func(string) bool) []byte {
	b := make([]byte, 0, 224+s.Size()+8*len(s.Entries))
	b = append(b, `{"type":"session",`...)
	b = AppendSession(b, id, s, tabs, expires, continues, visible)
	return append(b, '}')
}

// AppendSession appends the members that describe a whole session to browsers. continues is zero, or the session
// that a login combined into this one.
func AppendSession(b []byte, id session.ID, s *session.State, tabs int, expires time.Time, continues session.ID, visible func(string) bool) []byte {
	b = append(append(append(b, `"id":"`...), id.String()...), `","version":`...)
	b = strconv.AppendUint(b, s.Version, 10)
	b = append(b, `,"data":`...)
	b = session.AppendEntries(b, s.Entries, visible)
	b = append(b, `,"tabs":`...)
	b = strconv.AppendInt(b, int64(tabs), 10)
	b = append(b, `,"expires":"`...)
	b = append(expires.UTC().AppendFormat(b, time.RFC3339), '"')
	if continues != (session.ID{}) {
		b = append(append(append(b, `,"continues":"`...), continues.String()...), '"')
	}
	return b
}

func changeFrame(d session.Delta, by session.Source, visible func(string) bool) []byte {
	b := append(make([]byte, 0, 128), `{"type":"change","from":`...)
	b = strconv.AppendUint(b, d.From, 10)
	b = append(b, `,"version":`...)
	b = strconv.AppendUint(b, d.Version, 10)
	b = append(b, `,"set":`...)
	b = session.AppendEntries(b, d.Set, visible)
	b = append(b, `,"delete":`...)
	b = session.AppendKeys(b, d.Delete, visible)
	if by != "" {
		b = append(append(append(b, `,"by":"`...), by...), '"')
	}
	return append(b, '}')
}

func tabsFrame(tabs int, id session.ID, version uint64) Frame {
	b := append(make([]byte, 0, 32), `{"type":"tabs","tabs":`...)
	b = append(strconv.AppendInt(b, int64(tabs), 10), '}')
	return Frame{Type: Tabs, ID: id, Version: version, JSON: b}
}
