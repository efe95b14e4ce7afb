package pebblestore

import (
	"path/filepath"
	"testing"

	"github.com/seshd/seshd/session"
	"github.com/seshd/seshd/session/storetest"
)

// The fault of an embedded store is that it is closed under its writers, and opened again.
func TestLinearizable(t *testing.T) {
	storetest.Linearizable(t, func(t *testing.T) storetest.Nodes {
		dir := filepath.Join(t.TempDir(), "data")
		s := openStore(t, dir)
		return storetest.Nodes{Stores: []session.Store{s}, Fault: func() []session.Store {
			s.Close()
			s = openStore(t, dir)
			return []session.Store{s}
		}}
	})
}
