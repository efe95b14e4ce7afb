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
	"time"

	"github.com/redis/rueidis"

	"github.com/seshd/seshd/session"
)

// maxLineages is how many are remembered beside those that are: one failover each.
const maxLineages = 64

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
	turn    chan struct{}          // takes one token: whoever looks has put it in
}

// begin has the connections of a client counted.
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
	sure := func() bool { return l.sure(s) }
	if sure() {
		return l.current.Load(), nil
	}
	if !s.clustered() {
		return l.look(ctx, s, sure) // where all want to know at once, one finds out
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
	address, nodes := "", s.client.Nodes()
	for address = range nodes {
	}
	ids, err := replicationIDs(ctx, nodes)
	if err != nil {
		return 0, err
	}
	args := append([]string{strconv.Itoa(session.LineageEpoch), strconv.Itoa(maxLineages)}, ids...)
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
		s.metrics.renewed.Inc()
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

// before says whether the value has versions of an earlier lineage.
func (e *envelope) before(now uint64) bool {
	return e.lineage < now && (e.record != nil || e.move != nil)
}

// lift has revisions go on above all of earlier lineages. In a cluster one primary may lose some, and another still know which of them the
// story has.
func (e *envelope) lift() { e.rev = max(e.rev, session.Lineage(e.lineage).First()) }

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
	next.lift()
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
