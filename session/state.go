package session

import (
	"cmp"
	"encoding/json"
	"slices"
)

// MaxDeletions is how many deletions a state remembers. A reader that is further behind gets the whole
// session instead of a delta; 256 names cost at most 34 KB, usually a few hundred bytes.
const MaxDeletions = 256

// State is what a session holds at one version. A committed State is never changed, only replaced, so it may be
// read by any number of goroutines. The zero State is a session that nothing was written to.
type State struct {
	Version uint64
	// Floor is the version of the newest deletion that was forgotten: Since tells no delta from below it. It is above Version only
	// where that is 0, as Lineage.Renew leaves it.
	Floor     uint64
	Entries   []Entry    // sorted by key
	Deletions []Deletion // oldest first; a key is live or deleted, never both
	size      int        // of all keys and compact values, in bytes
}

// Entry is a key, its compact JSON value, and the version at which it last changed.
type Entry struct {
	Key     string
	Value   json.RawMessage
	Version uint64
}

// Deletion is a key that is gone and the version at which it went.
type Deletion struct {
	Key     string
	Version uint64
}

// Delta is what takes a reader from one version of a session to a later one.
type Delta struct {
	From, Version uint64
	Set           []Entry
	Delete        []string
}

// Data is the plain content of a session: compact JSON values by key.
type Data map[string]json.RawMessage

// Size is what the limit on a session counts: the bytes of all keys and compact values.
func (s *State) Size() int { return s.size }

// Get returns the compact value of a key.
func (s *State) Get(key string) (json.RawMessage, bool) {
	at, found := find(s.Entries, key)
	if !found {
		return nil, false
	}
	return s.Entries[at].Value, true
}

func find(sorted []Entry, key string) (int, bool) {
	return slices.BinarySearchFunc(sorted, key, func(e Entry, key string) int { return cmp.Compare(e.Key, key) })
}

// Data copies the keys that visible admits; the values are shared and must not be changed. A nil visible admits all.
func (s *State) Data(visible func(key string) bool) Data {
	data := make(Data, len(s.Entries))
	for _, e := range s.Entries {
		if visible == nil || visible(e.Key) {
			data[e.Key] = e.Value
		}
	}
	return data
}

// Since returns what takes a reader from version v to this state: every key and every deletion newer than v.
// It is false where that cannot be told, and the reader needs the whole session.
func (s *State) Since(v uint64) (Delta, bool) {
	if v < s.Floor || v > s.Version {
		return Delta{}, false
	}
	delta := Delta{From: v, Version: s.Version}
	if v == s.Version {
		return delta, true
	}
	for _, e := range s.Entries {
		if e.Version > v {
			delta.Set = append(delta.Set, e)
		}
	}
	for _, d := range s.Deletions {
		if d.Version > v {
			delta.Delete = append(delta.Delete, d.Key)
		}
	}
	return delta, true
}
