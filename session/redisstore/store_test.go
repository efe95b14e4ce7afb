package redisstore

import (
	"context"
	"log/slog"
	"strconv"
	"testing"

	"go.uber.org/goleak"

	"github.com/seshd/seshd/session"
	"github.com/seshd/seshd/session/redisstore/redistest"
	"github.com/seshd/seshd/session/storetest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func openStore(t testing.TB, url string) *Store {
	t.Helper()
	s, err := Open(context.Background(), url, Options{Logger: slog.New(slog.NewTextHandler(t.Output(), nil))})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Close() })
	return s
}

func TestStore(t *testing.T) {
	const most = 1000 // stores, each with a database of its own
	redis := redistest.Start(t, "--databases", strconv.Itoa(most))
	database := 0
	storetest.Run(t, func(t *testing.T) (session.Store, func() session.Store) {
		url := redis.URL() + "/" + strconv.Itoa(database)
		database++
		s := openStore(t, url)
		return s, func() session.Store {
			s.Close()
			s = openStore(t, url)
			return s
		}
	})
}
