package redisstore

import (
	"context"
	"crypto/sha256"
	"crypto/tls"
	"encoding/hex"
	"net"
	"slices"
	"strconv"
	"strings"
	"sync/atomic"

	"github.com/redis/rueidis"

	"github.com/seshd/seshd/session"
)

const (
	// lineageEpoch is the second from which lineages count: the first of January 2026. It keeps versions small.
	lineageEpoch = 1767225600
	// versionsPerSecond is what a lineage's seconds count for in versions: more than one session is ever written.
	versionsPerSecond = 1 << 20
	// maxLineages is how many are remembered: one failover each.
	maxLineages = 64
)

// lineage tells whether Redis may have gone back in time. Redis draws a new replication id whenever a replica takes over and
// whenever it is started, which is when it may have lost what it had acknowledged. A lineage is the second in which a server
// first met such an id; Redis keeps which is whose, so all servers have the same.
type lineage struct {
	dials   atomic.Int64 // connections that were made: behind each may be another Redis
	checked atomic.Int64 // those of them after which the id was looked at
	current atomic.Uint64
	turn    chan struct{} // takes one token: whoever looks has put it in
}

// begin has the dials of a client counted.
func (l *lineage) begin(o *rueidis.ClientOption) {
	l.turn = make(chan struct{}, 1)
	o.DialCtxFn = func(ctx context.Context, address string, dialer *net.Dialer, config *tls.Config) (net.Conn, error) {
		l.dials.Add(1)
		if config != nil {
			return (&tls.Dialer{NetDialer: dialer, Config: config}).DialContext(ctx, "tcp", address)
		}
		return dialer.DialContext(ctx, "tcp", address)
	}
}

// of returns the lineage of what was read last.
func (l *lineage) of(ctx context.Context, s *Store) (uint64, error) {
	known := func() bool { return l.checked.Load() == l.dials.Load() }
	if known() {
		return l.current.Load(), nil
	}
	return l.look(ctx, s, known) // where all want to know at once, one finds out
}

// refresh asks Redis.
func (l *lineage) refresh(ctx context.Context, s *Store) (uint64, error) {
	return l.look(ctx, s, func() bool { return false })
}

// look asks Redis, unless it is known by the time that it is this caller's turn.
func (l *lineage) look(ctx context.Context, s *Store, known func() bool) (uint64, error) {
	ctx, cancel := context.WithTimeout(ctx, commandTimeout)
	defer cancel()
	select {
	case l.turn <- struct{}{}:
		defer func() { <-l.turn }()
	case <-ctx.Done():
		return 0, ctx.Err()
	}
	if known() {
		return l.current.Load(), nil
	}
	dials := l.dials.Load()
	id, err := s.replicationID(ctx)
	if err != nil {
		return 0, err
	}
	now, err := s.run(ctx, s.scripts.lineage, []string{lineageKey}, id, strconv.Itoa(lineageEpoch), strconv.Itoa(maxLineages)).AsUint64()
	if err != nil {
		return 0, err
	}
	before := l.current.Load()
	l.current.Store(max(before, now))
	l.checked.Store(dials)
	if before != 0 && now > before {
		s.log.Warn("Redis was restarted, or another took its place: every tab gets its session anew", "store", s.where)
		s.behind(func(context.Context) { s.missedAll(true) })
	}
	return max(before, now), nil
}

// replicationID is that of the primary; in a cluster one made of all primaries'.
func (s *Store) replicationID(ctx context.Context) (string, error) {
	clients := []rueidis.Client{s.client}
	if s.client.Mode() == rueidis.ClientModeCluster {
		clients = nil
		for _, node := range s.client.Nodes() {
			clients = append(clients, node)
		}
	}
	var ids []string
	for _, client := range clients {
		ctx, cancel := context.WithTimeout(ctx, commandTimeout)
		info, err := client.Do(ctx, client.B().Info().Section("replication").Build()).ToString()
		cancel()
		if err != nil {
			return "", err
		}
		if role := infoField(info, "role"); role == "master" {
			ids = append(ids, infoField(info, "master_replid"))
		}
	}
	slices.Sort(ids)
	sum := sha256.Sum256([]byte(strings.Join(ids, " ")))
	return hex.EncodeToString(sum[:16]), nil
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
