package redisstore

import (
	"context"
	"crypto/rand"
	"errors"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/redis/rueidis"
	"golang.org/x/time/rate"

	"github.com/seshd/seshd/session"
)

const (
	// commandTimeout is how long one command may take: a Redis that is well answers within a millisecond.
	commandTimeout = 2 * time.Second
	// retryFor is how long an operation is tried again, through a failover in its usual length, before it is refused.
	retryFor = 5 * time.Second
	// readFor is how long reading is tried again: who asks is a person in front of a page that is loading.
	readFor = time.Second
	// Of faults so many are logged as they come, then one each pause: a Redis that is away is so for everybody.
	faultBurst = 100
	faultPause = time.Second
	// unsweptFor is how long a session that timed out waits to be told of: if all servers are down for longer, it just goes.
	unsweptFor = 7 * 24 * time.Hour
)

// Options tune a Store; the zero value is good.
type Options struct {
	Logger *slog.Logger // nil: slog.Default()
	// Replicas is how many replicas must have a write, in memory, before it is acknowledged. Where they are too few for 5 s
	// it is refused as unavailable, though the primary has it.
	Replicas int
}

// Store is a session.Shared. It may be used concurrently.
type Store struct {
	client   rueidis.Client
	where    string // for the log, without a password
	log      *slog.Logger
	faults   rate.Sometimes // of those that are logged; metrics count all
	metrics  *metrics
	node     nodeID
	scripts  scripts
	replicas int
	publish  string // the command: sharded in a cluster
	feed     func(session.Event)

	number  atomic.Uint64 // of this node's last commit
	lineage lineage
	shards  [feedShards]feedShard
	nodes   nodes
	hears   hearing

	recounting atomic.Bool // one recountUnsure is at it

	listener  atomic.Pointer[session.Listener]
	feedStory atomic.Pointer[func()]

	mu     sync.Mutex // guards lanes and closed
	lanes  map[session.ID]*lane
	closed bool

	work    sync.WaitGroup // lanes, logins and what goes on behind
	stop    context.CancelFunc
	stopped sync.WaitGroup // what runs until stop
}

var _ interface {
	session.Shared
	session.StoryFeeder
	prometheus.Collector
} = (*Store)(nil)

// Open connects to the Redis that a URL names.
func Open(ctx context.Context, url string, o Options) (*Store, error) {
	if o.Logger == nil {
		o.Logger = slog.Default()
	}
	client, err := parseURL(url)
	if err != nil {
		return nil, err
	}
	s := &Store{
		where: Redact(url), log: o.Logger, faults: rate.Sometimes{First: faultBurst, Interval: faultPause}, scripts: newScripts(), replicas: o.Replicas, publish: "PUBLISH", feed: func(session.Event) {},
		lanes: make(map[session.ID]*lane),
	}
	s.metrics = newMetrics(s)
	rand.Read(s.node[:])
	s.lineage.begin(&client)
	if s.client, err = rueidis.NewClient(client); err != nil {
		return nil, s.unreachable(err)
	}
	if s.clustered() {
		s.publish = "SPUBLISH"
	}
	if err := s.begin(ctx); err != nil {
		s.client.Close()
		return nil, s.unreachable(err)
	}
	return s, nil
}

// begin checks that this Redis will do, and starts what runs until Close.
func (s *Store) begin(ctx context.Context) error {
	if err := s.checkFormat(ctx); err != nil {
		return err
	}
	if _, err := s.lineage.refresh(ctx, s); err != nil {
		return err
	}
	for i := range s.shards {
		shard := &s.shards[i]
		shard.watched, shard.mine, shard.unsure = make(map[session.ID]*watched), make(map[session.ID]int), make(map[session.ID]bool)
	}
	if _, err := s.beat(ctx); err != nil {
		return err
	}
	s.warnOfEviction(ctx)
	running, stop := context.WithCancel(context.Background())
	s.stop = stop
	s.hears.begin()
	_, heard := s.hears.get()
	s.stopped.Go(func() { s.hear(running) })
	s.stopped.Go(func() { s.beatOn(running) })
	select {
	case <-heard:
	case <-ctx.Done(): // then it is not ready for a while
	case <-time.After(commandTimeout):
	}
	return nil
}

func (s *Store) clustered() bool { return s.client.Mode() == rueidis.ClientModeCluster }

func (s *Store) unreachable(err error) error {
	return errors.Join(errors.New("the Redis at "+s.where+" cannot be used"), err)
}

// Load returns the committed record, or nil.
func (s *Store) Load(ctx context.Context, id session.ID) (*session.Record, error) {
	if s.isClosed() {
		return nil, errClosed
	}
	var e *envelope
	err := s.again(ctx, func() (err error) {
		if e, err = s.read(ctx, id); err == nil && e.move != nil {
			e, err = s.readMoving(ctx, id, e)
		}
		return err
	})
	if err != nil {
		return nil, s.fault("load", err)
	}
	return e.record, nil
}

// again tries what may be done twice once more where it failed: a connection that broke is made again within milliseconds.
func (s *Store) again(ctx context.Context, try func() error) error {
	until := time.Now().Add(readFor)
	for n := 0; ; n++ {
		err := try()
		if err == nil || errors.Is(err, errDamaged) || ctx.Err() != nil || !time.Now().Before(until) {
			return err
		}
		select {
		case <-ctx.Done():
		case <-time.After(pause(n)):
		}
	}
}

// read reads a session's value, and carries out what it finds in the outbox. Where a connection was made meanwhile it reads again: what
// it has may be of a Redis that is none any more.
func (s *Store) read(ctx context.Context, id session.ID) (*envelope, error) {
	for {
		if _, err := s.lineage.of(ctx, s); err != nil {
			return nil, err
		}
		value, err := s.get(ctx, sessionKey(id))
		if err != nil {
			return nil, err
		}
		if s.lineage.sure(s) || s.clustered() {
			return s.found(ctx, id, value)
		}
	}
}

// found takes in a value that Redis has returned. One of an earlier lineage it has renewed before anybody sees it.
func (s *Store) found(ctx context.Context, id session.ID, value []byte) (*envelope, error) {
	for {
		e, err := decodeEnvelope(value)
		if err != nil {
			return nil, err
		}
		now, err := s.lineage.of(ctx, s)
		if err != nil {
			return nil, err
		}
		if !e.before(now) {
			return e, s.carry(ctx, id, e)
		}
		if value, err = s.renew(ctx, id, e, now); err != nil {
			return nil, err
		}
	}
}

// get reads a value, nil where there is none.
func (s *Store) get(ctx context.Context, key string) ([]byte, error) {
	value, err := s.do(ctx, s.client.B().Get().Key(key).Build()).AsBytes()
	if rueidis.IsRedisNil(err) {
		return nil, nil
	}
	return value, err
}

// Token returns what is known of a token.
func (s *Store) Token(ctx context.Context, key session.TokenKey) (*session.TokenRecord, error) {
	if s.isClosed() {
		return nil, errClosed
	}
	var token *session.TokenRecord
	err := s.again(ctx, func() (err error) { token, err = s.token(ctx, key); return err })
	if err != nil {
		return nil, s.fault("token", err)
	}
	return token, nil
}

func (s *Store) token(ctx context.Context, key session.TokenKey) (*session.TokenRecord, error) {
	value, err := s.get(ctx, tokenKey(key))
	if err != nil {
		return nil, err
	}
	return session.DecodeToken(value)
}

// UserSessions lists the sessions of a user.
func (s *Store) UserSessions(ctx context.Context, user string) ([]session.ID, error) {
	if s.isClosed() {
		return nil, errClosed
	}
	var ids []session.ID
	err := s.again(ctx, func() (err error) { ids, err = s.userSessions(ctx, user); return err })
	if err != nil {
		return nil, s.fault("user sessions", err)
	}
	return ids, nil
}

func (s *Store) userSessions(ctx context.Context, user string) (ids []session.ID, err error) {
	members, err := s.do(ctx, s.client.B().Zrange().Key(userKey(user)).Min("0").Max("-1").Build()).AsStrSlice()
	for _, m := range members {
		if len(m) != len(session.ID{}) {
			return nil, errDamaged
		}
		ids = append(ids, session.ID([]byte(m)))
	}
	return ids, err
}

var (
	errClosed      = session.Refuse(session.Unavailable, "the session store is closed")
	errUnreachable = session.Refuse(session.Unavailable, "the session store cannot be reached")
)

// fault logs what went wrong and returns what a client may know of it. Refusals pass.
func (s *Store) fault(doing string, err error) error {
	if refusal, ok := errors.AsType[*session.Error](err); ok {
		return refusal
	}
	s.metrics.faults.Inc()
	s.faults.Do(func() { s.log.Error("store fault", "store", s.where, "doing", doing, "error", err) })
	return errUnreachable
}

func (s *Store) isClosed() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.closed
}

// entered has Close wait until work.Done. It is false where the store is closed: then nothing may begin.
func (s *Store) entered() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if !s.closed {
		s.work.Add(1)
	}
	return !s.closed
}

// behind does what nobody waits for, but Close. On a closed store it does nothing: whoever finds it undone does it.
func (s *Store) behind(fn func(context.Context)) {
	if s.entered() {
		go func() {
			defer s.work.Done()
			fn(context.Background())
		}()
	}
}

// Feed sets the function that hears of every commit.
func (s *Store) Feed(feed func(session.Event)) { s.feed = feed }

// Ready says whether Redis takes writes, and this server hears of what others write.
func (s *Store) Ready(ctx context.Context) error {
	if s.isClosed() {
		return errClosed
	}
	if err := s.do(ctx, s.client.B().Set().Key(probeKey).Value(s.node.String()).Px(time.Minute).Build()).Error(); err != nil {
		return s.fault("ready", err)
	}
	return s.hears.healthy()
}

// Close commits what is waiting and disconnects.
func (s *Store) Close() error {
	s.mu.Lock()
	if s.closed {
		s.mu.Unlock()
		return nil
	}
	s.closed = true
	s.mu.Unlock()
	s.work.Wait()
	s.stop()
	s.stopped.Wait()
	s.client.Close()
	return nil
}
