package redistest

import (
	"slices"
	"strconv"
	"strings"
	"testing"
)

const (
	clusterNodes = 3 // the fewest that can agree who has failed
	slots        = 16384
	// nodeTimeout is how many milliseconds a server may be silent before the others think it dead.
	nodeTimeout = "2000"
)

// Cluster is a Redis Cluster: three primaries that share the slots.
type Cluster struct {
	Primaries []*Server

	t   testing.TB
	ids []string // of the primaries, as the cluster names them
}

// StartCluster starts one, and waits until it takes writes.
func (f Flavour) StartCluster(t testing.TB) *Cluster {
	t.Helper()
	c := &Cluster{t: t}
	buses := make([]string, clusterNodes)
	for i := range clusterNodes {
		s, bus := f.startMember(t)
		c.Primaries, buses[i] = append(c.Primaries, s), bus
	}
	for i, s := range c.Primaries {
		c.ids = append(c.ids, s.Do("CLUSTER", "MYID"))
		s.Do("CLUSTER", "SET-CONFIG-EPOCH", strconv.Itoa(i+1))
		s.Do("CLUSTER", "ADDSLOTSRANGE", strconv.Itoa(slots*i/clusterNodes), strconv.Itoa(slots*(i+1)/clusterNodes-1))
		c.Primaries[0].Do("CLUSTER", "MEET", "127.0.0.1", s.port, buses[i])
	}
	eventually(t, "all primaries know all slots", func() bool {
		return !slices.ContainsFunc(c.Primaries, func(s *Server) bool {
			info := s.Do("CLUSTER", "INFO")
			return !strings.Contains(info, "cluster_state:ok") || !strings.Contains(info, "cluster_size:"+strconv.Itoa(clusterNodes))
		})
	})
	return c
}

func (f Flavour) startMember(t testing.TB) (s *Server, bus string) {
	s = f.start(t, func(s *Server) []string {
		bus = freePort(t)
		return append(s.plain(), "--cluster-enabled", "yes", "--cluster-port", bus, "--cluster-node-timeout", nodeTimeout,
			"--repl-diskless-sync-delay", "0")
	})
	return s, bus
}

// Replicate gives each primary a replica, which takes its place when it dies, and waits until those have all.
func (c *Cluster) Replicate(f Flavour) {
	c.t.Helper()
	for i, primary := range c.Primaries {
		replica, bus := f.startMember(c.t)
		primary.Do("CLUSTER", "MEET", "127.0.0.1", replica.port, bus)
		eventually(c.t, "a replica knows the cluster", func() bool {
			_, err := replica.do("CLUSTER", "REPLICATE", c.ids[i])
			return err == nil
		})
		eventually(c.t, "a replica has all, and the others know of it", func() bool {
			if !strings.Contains(primary.Info("replication"), "state=online") {
				return false
			}
			id := replica.Do("CLUSTER", "MYID")
			return !slices.ContainsFunc(c.Primaries, func(s *Server) bool {
				return !slices.ContainsFunc(strings.Split(s.Do("CLUSTER", "NODES"), "\n"), func(line string) bool {
					return strings.HasPrefix(line, id) && strings.Contains(line, " slave "+c.ids[i])
				})
			})
		})
	}
}

// Owner is the primary that has a slot.
func (c *Cluster) Owner(slot string) *Server {
	return c.Primaries[slices.IndexFunc(c.Primaries, func(s *Server) bool { return c.has(s, slot) })]
}

// URL is what seshd takes.
func (c *Cluster) URL() string {
	var all []string
	for _, s := range c.Primaries {
		all = append(all, s.Addr)
	}
	return "redis://" + strings.Join(all, ",")
}

// Clear deletes all there is.
func (c *Cluster) Clear() {
	for _, s := range c.Primaries {
		s.Do("FLUSHALL")
	}
}

// Slot is that of a key.
func (c *Cluster) Slot(key string) string { return c.Primaries[0].Do("CLUSTER", "KEYSLOT", key) }

// Move gives a slot and its keys to the primary after the one that has it, key by key while others use them. Between tells
// what to do once the keys are there and the slot is not.
func (c *Cluster) Move(slot string, between func()) {
	c.t.Helper()
	from := slices.IndexFunc(c.Primaries, func(s *Server) bool { return c.has(s, slot) })
	to := (from + 1) % len(c.Primaries)
	source, target := c.Primaries[from], c.Primaries[to]
	target.Do("CLUSTER", "SETSLOT", slot, "IMPORTING", c.ids[from])
	source.Do("CLUSTER", "SETSLOT", slot, "MIGRATING", c.ids[to])
	for {
		keys, err := source.do("CLUSTER", "GETKEYSINSLOT", slot, "100")
		if err != nil {
			c.t.Fatal(err)
		}
		if len(keys) == 0 {
			break
		}
		source.Do(append([]string{"MIGRATE", "127.0.0.1", target.port, "", "0", "5000", "KEYS"}, keys...)...)
	}
	between()
	for _, s := range []*Server{target, source, c.Primaries[(from+2)%len(c.Primaries)]} {
		s.Do("CLUSTER", "SETSLOT", slot, "NODE", c.ids[to])
	}
}

// has says whether a primary has a slot, by what it says itself: its slots are the last words of its line.
func (c *Cluster) has(s *Server, slot string) bool {
	wanted, _ := strconv.Atoi(slot)
	for line := range strings.Lines(s.Do("CLUSTER", "NODES")) {
		if !strings.Contains(line, "myself") {
			continue
		}
		for _, word := range strings.Fields(line)[8:] {
			first, last, several := strings.Cut(word, "-")
			if !several {
				last = first
			}
			from, errFrom := strconv.Atoi(first)
			to, errTo := strconv.Atoi(last)
			if errFrom == nil && errTo == nil && from <= wanted && wanted <= to {
				return true
			}
		}
	}
	return false
}
