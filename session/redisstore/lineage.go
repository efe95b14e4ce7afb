package redisstore

import (
	"context"
	"crypto/tls"
	"errors"
	"net"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"

	"github.com/redis/rueidis"

	"github.com/seshd/seshd/session"
)

const (
	// lineageEpoch is the second from which lineages count: the first of January 2026. It keeps versions small.
	lineageEpoch = 1767225600
	// versionsPerSecond is what a lineage's seconds count for in versions: more than one session is ever written.
	versionsPerSecond = 1 << 20
	// maxLineages is how many are remembered beside those that are: one failover each.
	maxLineages = 64
)

var errReplica = errors.New("a replica answers, which may be behind its primary")

// lineage tells whether Redis may have gone back in time. Redis draws a new replication id whenever a replica takes over and
// whenever it is started, which is when it may have lost what it had acknowledged. A lineage is the second in which a server
// first met such an id, in a cluster the newest of its primaries'; Redis keeps which is whose, so all servers have the same.
type lineage struct {
	dials   atomic.Int64 // connections that were made: behind each may be another Redis
	checked atomic.Int64 // those of them after which the id was looked at
	current atomic.Uint64
	later   atomic.Bool            // it is not the first one
	address atomic.Pointer[string] // of the primary that was looked at
	beside  atomic.Bool            // a look is on its way that nobody waits for
	mu      sync.Mutex             // held to look
}

// watch has the connections of a client counted.
func (l *lineage) watch(o *rueidis.ClientOption) {
	o.DialCtxFn = func(ctx context.Context, address string, dialer *net.Dialer, config *tls.Config) (conn net.Conn, err error) {
		if config != nil {
			conn, err = (&tls.Dialer{NetDialer: dialer, Config: config}).DialContext(ctx, "tcp", address)
		} else {
			conn, err = dialer.DialContext(ctx, "tcp", address)
		}
		if err == nil {
			l.dials.Add(1)
		}
		return conn, err
	}
}

// sure says that what answers is what was looked at: no connection was made since, and sentinels have named no other primary,
// to which there may be a connection already.
func (l *lineage) sure(s *Store) bool {
	if l.checked.Load() != l.dials.Load() {
		return false
	}
	if s.client.Mode() != rueidis.ClientModeSentinel {
		return true
	}
	_, same := s.client.Nodes()[*l.address.Load()]
	return same
}

// of returns the lineage of what was read last. In a cluster nobody waits for it, since one server that hangs must not hold up
// the sessions of all others: there it may be found out a moment after something was read, and then everything is told anew.
func (l *lineage) of(ctx context.Context, s *Store) (uint64, error) {
	if l.sure(s) {
		return l.current.Load(), nil
	}
	if !s.clustered() {
		return l.refresh(ctx, s)
	}
	if l.beside.CompareAndSwap(false, true) {
		s.behind(func(ctx context.Context) {
			defer l.beside.Store(false)
			_, _ = l.refresh(ctx, s) // which the next beat repeats
		})
	}
	return l.current.Load(), nil
}

// refresh asks Redis.
func (l *lineage) refresh(ctx context.Context, s *Store) (uint64, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	dials := l.dials.Load()
	address, nodes := "", s.client.Nodes()
	for address = range nodes {
	}
	ids, err := replicationIDs(ctx, nodes)
	if err != nil {
		return 0, err
	}
	args := append([]string{strconv.Itoa(lineageEpoch), strconv.Itoa(maxLineages)}, ids...)
	found, err := s.run(ctx, s.scripts.lineage, []string{lineageKey}, args...).AsIntSlice()
	if err != nil {
		return 0, err
	}
	if len(found) != 2 {
		return 0, errDamaged
	}
	before, now := l.current.Load(), uint64(found[0])
	if found[1] == 1 || before != 0 && now > before {
		l.later.Store(true)
	}
	l.current.Store(max(before, now))
	l.address.Store(&address)
	l.checked.Store(dials)
	if before != 0 && now > before {
		s.log.Warn("Redis was restarted, or another took its place: every tab gets its session anew", "store", s.where)
		if s.client.Mode() == rueidis.ClientModeSentinel { // the old one may go on, and so would its connections
			s.hears.renew()
		}
		s.behind(func(context.Context) { s.missedAll(true) })
	}
	return max(before, now), nil
}

// replicationIDs are those of the primaries that answer. One that does not is none that took another's place.
func replicationIDs(ctx context.Context, nodes map[string]rueidis.Client) (ids []string, err error) {
	var mu sync.Mutex
	var all sync.WaitGroup
	for _, node := range nodes {
		all.Go(func() {
			id, failed := replicationID(ctx, node)
			mu.Lock()
			defer mu.Unlock()
			if failed != nil {
				err = failed
			} else {
				ids = append(ids, id)
			}
		})
	}
	all.Wait()
	if len(ids) > 0 {
		return ids, nil
	}
	return nil, err
}

func replicationID(ctx context.Context, node rueidis.Client) (string, error) {
	ctx, cancel := context.WithTimeout(ctx, commandTimeout)
	defer cancel()
	info, err := node.Do(ctx, node.B().Info().Section("replication").Build()).ToString()
	if err != nil {
		return "", err
	}
	if infoField(info, "role") != "master" {
		return "", errReplica
	}
	return infoField(info, "master_replid"), nil
}

// infoField finds a field in the answer to INFO.
func infoField(info, name string) string {
	for line := range strings.Lines(info) {
		if value, ok := strings.CutPrefix(line, name+":"); ok {
			return strings.TrimSpace(value)
		}
	}
	return ""
}

// firstVersion is where the versions of sessions go on in a lineage: no earlier one had any so high.
func firstVersion(lineage uint64) uint64 { return lineage * versionsPerSecond }

// renew presents a value of an earlier lineage: at a version that no tab was ever told, from which no delta leads back.
func (e *envelope) renew(now uint64) {
	e.lineage = now
	e.record = renewed(e.record, now)
	if e.move != nil {
		moving := *e.move
		moving.after = renewed(moving.after, now)
		e.move = &moving
	}
}

func renewed(r *session.Record, now uint64) *session.Record {
	if r == nil {
		return nil
	}
	next, state := *r, *r.State
	state.Version = max(state.Version+1, firstVersion(now))
	state.Floor, state.Deletions = state.Version, nil
	next.State = &state
	return &next
}
