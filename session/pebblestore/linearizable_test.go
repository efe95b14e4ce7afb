package pebblestore

import (
	"path/filepath"
	"slices"
	"testing"

	"github.com/seshd/seshd/session"
	"github.com/seshd/seshd/session/storetest"
)

// The fault of an embedded store is that it is closed under its writers, and opened again.
func TestLinearizable(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "data")
	s := openStore(t, dir)
	again := func() ([]session.Store, bool) {
		s.Close()
		s = openStore(t, dir)
		return []session.Store{s}, false
	}
	storetest.Linearizable(t, storetest.Nodes{Stores: []session.Store{s}, Faults: slices.Repeat([]storetest.Fault{again}, 3)})
}
