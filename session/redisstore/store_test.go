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

func TestMain(m *testing.M) {
	// In a cluster the client closes connections that it has replaced five seconds later, whether it is closed by then or not.
	goleak.VerifyTestMain(m, goleak.IgnoreAnyFunction("github.com/redis/rueidis.(*clusterClient)._refresh.func2"),
		goleak.IgnoreAnyFunction("github.com/redis/rueidis.(*call).DelayDo.func1"))
}

func openStore(t testing.TB, url string, replicas int) *Store {
	t.Helper()
	s, err := Open(context.Background(), url, Options{Logger: slog.New(slog.NewTextHandler(t.Output(), nil)), Replicas: replicas})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Close() })
	return s
}

// most is how many stores the suite opens, each in a database of its own.
const most = 1000

func TestStore(t *testing.T) {
	for _, flavour := range redistest.Flavours() {
		t.Run(string(flavour), func(t *testing.T) {
			t.Run("alone", func(t *testing.T) {
				redis := flavour.Start(t, "--databases", strconv.Itoa(most))
				database := 0
				suite(t, func(*testing.T) string {
					database++
					return redis.URL() + "/" + strconv.Itoa(database-1)
				})
			})
			t.Run("sentinels", func(t *testing.T) {
				redis := flavour.StartSentinels(t, 1, most)
				database := 0
				suite(t, func(*testing.T) string {
					database++
					return redis.URL(database - 1)
				})
			})
			t.Run("cluster", func(t *testing.T) { // which has one database: each store has a cluster while it is open
				var free []*redistest.Cluster
				suite(t, func(test *testing.T) string {
					if len(free) == 0 {
						free = append(free, flavour.StartCluster(t))
					}
					cluster := free[len(free)-1]
					free = free[:len(free)-1]
					test.Cleanup(func() { free = append(free, cluster) })
					cluster.Clear()
					return cluster.URL()
				})
			})
		})
	}
}

// suite runs the contract's. fresh says where nothing is stored.
func suite(t *testing.T, fresh func(*testing.T) string) {
	storetest.Run(t, func(t *testing.T) (session.Store, func() session.Store) {
		url := fresh(t)
		s := openStore(t, url, 0)
		return s, func() session.Store {
			s.Close()
			s = openStore(t, url, 0)
			return s
		}
	})
}
