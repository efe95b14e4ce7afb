package redisstore

import (
	"log/slog"
	"testing"

	"pgregory.net/rapid"

	"github.com/seshd/seshd/session/pebblestore"
	"github.com/seshd/seshd/session/redisstore/redistest"
	"github.com/seshd/seshd/session/storetest"
)

func newTwins(t testing.TB) *storetest.Twins {
	t.Helper()
	embedded, err := pebblestore.Open(t.TempDir(), pebblestore.Options{Logger: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { embedded.Close() })
	return storetest.NewTwins(embedded, openStore(t, redistest.Start(t).URL(), 0))
}

// TestBothStoresSayTheSame drives the embedded store and this one through the same writes, logins, logouts, imports and sweeps.
func TestBothStoresSayTheSame(t *testing.T) {
	twins := newTwins(t)
	rapid.Check(t, twins.Live)
	twins.SameExports(t)
}

func FuzzBothStoresSayTheSame(f *testing.F) {
	f.Fuzz(rapid.MakeFuzz(newTwins(f).Live))
}
