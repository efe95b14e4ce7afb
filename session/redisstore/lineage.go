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
	"time"

	"github.com/redis/rueidis"

	"github.com/seshd/seshd/session"
)

// maxLineages is how many are remembered: one failover each.
const maxLineages = 64

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
	o.DialCtxFn = func(ctx context.Context, address string, dialer *net.Dialer, config *tls.Config) (conn net.Conn, err error) {
		if config != nil {
			conn, err = (&tls.Dialer{NetDialer: dialer, Config: config}).DialContext(ctx, "tcp", address)
		} else {
			conn, err = dialer.DialContext(ctx, "tcp", address)
		}
		if err == nil {
			l.dials.Add(1) // before anything is asked over it, and so before that is answered
		}
		return conn, err
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
	now, err := s.run(ctx, s.scripts.lineage, []string{lineageKey}, id, strconv.Itoa(session.LineageEpoch), strconv.Itoa(maxLineages)).AsUint64()
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

// before says whether the value has versions of an earlier lineage.
func (e *envelope) before(now uint64) bool {
	return e.lineage < now && (e.record != nil || e.move != nil)
}

// renew stores a value of an earlier lineage at a version that no tab was ever told, from which no delta leads back, and
// returns what is there then. It is a commit of its own, for what was there may go on meanwhile: a commit on top of it that was made before,
// and comes now, must find that it is too late, or be renewed itself.
func (s *Store) renew(ctx context.Context, id session.ID, e *envelope, now uint64) ([]byte, error) {
	next := *e
	next.lineage, next.record = now, session.Lineage(now).Renew(e.record)
	if e.move != nil {
		moving := *e.move
		moving.after = session.Lineage(now).Renew(moving.after)
		next.move = &moving
	}
	next.succeed(makeTag(nodeID{}, now)) // nobody's: what the nodes have committed last is remembered beside it
	expires := time.Now().Add(unsweptFor)
	if e.record != nil {
		expires = e.record.Deadline.Add(unsweptFor)
	}
	there, err := s.put(ctx, id, e.fence(), &next, putting{expires: expires})
	if err != nil {
		return nil, err
	}
	if there != nil {
		return *there, nil
	}
	return next.encode(), nil
}
