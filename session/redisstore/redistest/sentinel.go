package redistest

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
)

const (
	sentinelCount = 3
	// sentinelName is what the sentinels call what they watch.
	sentinelName = "shop"
	// sentinelConf has a primary that is silent for a second replaced once two sentinels agree that it is.
	sentinelConf = `port %s
bind 127.0.0.1
dir %s
sentinel monitor shop 127.0.0.1 %s 2
sentinel down-after-milliseconds shop 1000
sentinel failover-timeout shop 5000
`
)

// Sentinels watch a primary and its replicas, and have one of these take its place.
type Sentinels struct {
	Primary  *Server
	Replicas []*Server

	t   testing.TB
	all []*Server
}

// StartSentinels starts them, and waits until they know each other and the replicas. Databases is how many each server has.
func (f Flavour) StartSentinels(t testing.TB, replicas, databases int) *Sentinels {
	t.Helper()
	plain := func(s *Server) []string {
		return append(s.plain(), "--databases", strconv.Itoa(databases), "--repl-diskless-sync-delay", "0")
	}
	s := &Sentinels{t: t, Primary: f.start(t, plain)}
	for range replicas {
		s.Replicas = append(s.Replicas, f.start(t, func(r *Server) []string {
			return append(plain(r), "--replicaof", "127.0.0.1 "+s.Primary.port)
		}))
	}
	eventually(t, "the replicas have all", func() bool {
		return strings.Count(s.Primary.Info("replication"), "state=online") == replicas
	})
	for range sentinelCount {
		s.all = append(s.all, f.start(t, func(r *Server) []string {
			conf := filepath.Join(r.dir, "sentinel.conf")
			if err := os.WriteFile(conf, fmt.Appendf(nil, sentinelConf, r.port, r.dir, s.Primary.port), 0o600); err != nil {
				t.Fatal(err)
			}
			return []string{conf, "--sentinel"}
		}))
	}
	eventually(t, "the sentinels know each other", func() bool {
		return !slices.ContainsFunc(s.all, func(r *Server) bool {
			info := r.Do("SENTINEL", "MASTER", sentinelName)
			return !strings.Contains(info, fmt.Sprint("num-other-sentinels ", sentinelCount-1)) || !strings.Contains(info, fmt.Sprint("num-slaves ", replicas))
		})
	})
	return s
}

// URL is what seshd takes.
func (s *Sentinels) URL(database int) string {
	var all []string
	for _, r := range s.all {
		all = append(all, r.Addr)
	}
	return fmt.Sprintf("redis://%s/%d?master=%s", strings.Join(all, ","), database, sentinelName)
}

// Failover has a replica take the primary's place, which goes on.
func (s *Sentinels) Failover() { s.all[0].Do("SENTINEL", "FAILOVER", sentinelName) }

// Detach has the replicas lose their primary: what that takes from now on is lost with it.
func (s *Sentinels) Detach() {
	for _, r := range s.Replicas {
		r.Do("CONFIG", "SET", "masterauth", "a primary without a password refuses any")
	}
	s.Primary.Do("CLIENT", "KILL", "TYPE", "replica")
}
