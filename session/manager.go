package session

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"go.opentelemetry.io/otel/trace"
)

// Defaults of Options, and the bounds that follow from them.
const (
	DefaultLifetime    = 30 * 24 * time.Hour
	DefaultIdleTimeout = 24 * time.Hour
	DefaultMaxKeys     = 1024
	DefaultMaxBytes    = 64 << 10
	DefaultMaxTabs     = 64

	// minSenders keeps the once-memory of a session well above the tabs a person has open.
	minSenders = 128

	// Time-outs are kept to a sixteenth of the shorter one, so that activity costs at most sixteen extra commits in it.
	grainsPerIdle = 16
	minGrain      = 100 * time.Millisecond // below that the sweep would be busy for nothing
	maxGrain      = 5 * time.Minute        // above that an expired session's tabs would notice late
)

// Options tune a Manager; the zero value is good for most.
type Options struct {
	Lifetime    time.Duration        // absolute, of a token; 0: DefaultLifetime
	IdleTimeout time.Duration        // 0: DefaultIdleTimeout
	MaxKeys     int                  // of a session; 0: DefaultMaxKeys, negative: no limit
	MaxBytes    int                  // of a session's keys and compact values; 0: DefaultMaxBytes, negative: no limit
	Rate        int                  // mutations a second that visitors may make per session; 0: DefaultRate, negative: no limit
	Burst       int                  // of them at once; 0: DefaultBurst, negative: no limit
	NewSessions int                  // a second that may begin per address (Handle.From); 0: DefaultNewSessions, negative: no limit
	MaxTabs     int                  // that a session may have open; sizes the once-memory; 0: DefaultMaxTabs, negative: no limit
	TabRead     Globs                // what browsers may see, private keys apart; nil: everything
	TabWrite    Globs                // what browsers may write, private keys apart; nil: everything
	Logger      *slog.Logger         // nil: slog.Default()
	Tracing     trace.TracerProvider // of a span for each mutation; nil: none
}

// Manager has the use cases of sessions. It may be used concurrently.
type Manager struct {
	store   Store
	options Options
	rules   Rules
	timing  Timing
	senders int
	limits  limits
	log     *slog.Logger
	tracer  trace.Tracer // nil: nobody traces

	feed    atomic.Pointer[func(Event)]
	news    news // of the story
	observe atomic.Pointer[Observer]
	stop    context.CancelFunc
	swept   sync.WaitGroup
	closing sync.Once
}

// NewManager starts the use cases on a store that is its own from now on: Close closes both.
func NewManager(store Store, o Options) *Manager {
	m := &Manager{store: store, log: o.Logger}
	if m.log == nil {
		m.log = slog.Default()
	}
	if o.Tracing != nil {
		m.tracer = o.Tracing.Tracer(tracerName)
	}
	o.Lifetime = orDefault(o.Lifetime, DefaultLifetime)
	o.IdleTimeout = orDefault(o.IdleTimeout, DefaultIdleTimeout)
	o.MaxTabs = max(0, orDefault(o.MaxTabs, DefaultMaxTabs))
	if o.TabRead == nil {
		o.TabRead = Globs{"*"}
	}
	if o.TabWrite == nil {
		o.TabWrite = Globs{"*"}
	}
	m.options = o
	m.rules = Rules{
		MaxKeys:  max(0, orDefault(o.MaxKeys, DefaultMaxKeys)),
		MaxBytes: max(0, orDefault(o.MaxBytes, DefaultMaxBytes)),
	}
	m.timing = Timing{Idle: o.IdleTimeout, Grain: min(max(min(o.IdleTimeout, o.Lifetime)/grainsPerIdle, minGrain), maxGrain)}
	m.senders = max(minSenders, 2*o.MaxTabs)
	m.limits = newLimits(o)

	ignore := func(Event) {}
	m.feed.Store(&ignore)
	store.Feed(func(e Event) {
		e.Span.committed()
		(*m.feed.Load())(e)
		m.news.tell(e)
	})
	if store, ok := store.(StoryFeeder); ok {
		store.FeedStory(m.news.wake)
	}
	ctx, stop := context.WithCancel(context.Background())
	m.stop = stop
	m.swept.Go(func() { m.sweep(ctx) })
	return m
}

func orDefault[T int | time.Duration](v, def T) T {
	if v == 0 {
		return def
	}
	return v
}

// Close stops the sweep and closes the store.
func (m *Manager) Close() (err error) {
	m.closing.Do(func() {
		m.stop()
		m.swept.Wait()
		err = m.store.Close()
	})
	return err
}

func (m *Manager) sweep(ctx context.Context) {
	tick := time.NewTicker(m.timing.Grain)
	defer tick.Stop()
	for {
		ended, err := m.store.Sweep(ctx, time.Now())
		if o := m.observe.Load(); o != nil && ended > 0 {
			o.Lived(Expired, ended)
		}
		if err != nil && ctx.Err() == nil {
			m.log.Error("sweep failed; expired sessions stay on disk, though nobody can use them", "error", err)
		}
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
	}
}

// Feed sets the function that hears of every commit, as Store.Feed has it.
func (m *Manager) Feed(feed func(Event)) { m.feed.Store(&feed) }

// Ready says whether sessions can be read and written now.
func (m *Manager) Ready(ctx context.Context) error { return m.store.Ready(ctx) }

// Secret returns a secret that the store keeps, if it is a Keeper.
func (m *Manager) Secret(name string) (string, error) {
	if keeper, ok := m.store.(Keeper); ok {
		return keeper.Secret(name)
	}
	return "", fmt.Errorf("this store keeps no secrets: %s must be given", name)
}

// Export gives fn all that another store needs to go on from here, as Store.Export has it.
func (m *Manager) Export(ctx context.Context, fn func(Saved) error) error {
	return m.store.Export(ctx, fn)
}

// Import puts in what another store had, as Store.Import has it.
func (m *Manager) Import(ctx context.Context, s Saved) (Fate, error) { return m.store.Import(ctx, s) }

// Backup writes a copy of all there is, if the store is a Copier.
func (m *Manager) Backup(ctx context.Context, w io.Writer) error {
	if copier, ok := m.store.(Copier); ok {
		return copier.Backup(ctx, w)
	}
	return Refuse(BadRequest, "this server's store is not backed up by seshd, but by its own means")
}

// Shared is the store, if several servers use it; else nil.
func (m *Manager) Shared() Shared {
	shared, _ := m.store.(Shared)
	return shared
}

// Lifetime is the absolute life of a token.
func (m *Manager) Lifetime() time.Duration { return m.options.Lifetime }

// MaxTabs is how many tabs a session may have open; 0: no limit.
func (m *Manager) MaxTabs() int { return m.options.MaxTabs }

// Grain is how exactly idleness is kept: activity within one grain of the last that was stored is not stored again.
func (m *Manager) Grain() time.Duration { return m.timing.Grain }

// Visible says whether browsers may see a key.
func (m *Manager) Visible(key string) bool { return !Private(key) && m.options.TabRead.Match(key) }

// Writable says whether browsers may write a key.
func (m *Manager) Writable(key string) bool { return !Private(key) && m.options.TabWrite.Match(key) }

// Begin draws a token and the handle of the session that it will lead to. Nothing is stored.
func (m *Manager) Begin() (Token, Handle) {
	token := NewToken()
	return token, token.handle(time.Now(), m.options.Lifetime)
}

// Resolve finds the session that a token of this time of issue leads to. The refusal NoSuchSession means that the
// visitor needs a new token: this one was ended, timed out, or is over its lifetime. StaleCookie means that there is one.
func (m *Manager) Resolve(ctx context.Context, token Token, issued time.Time) (Handle, *Record, error) {
	h := token.handle(issued, m.options.Lifetime)
	known, err := m.store.Token(ctx, h.Key)
	if err != nil {
		return Handle{}, nil, err
	}
	if known != nil {
		h.ID = known.ID
	}
	r, err := m.load(ctx, h, known)
	return h, r, err
}

// Load returns the committed record of a handle, nil where nothing was written yet, and refuses
// a handle whose session was ended or no longer lists its device.
func (m *Manager) Load(ctx context.Context, h Handle) (*Record, error) {
	var known *TokenRecord
	if !h.anonymous() {
		var err error
		if known, err = m.store.Token(ctx, h.Key); err != nil {
			return nil, err
		}
	}
	return m.load(ctx, h, known)
}

func (m *Manager) load(ctx context.Context, h Handle, known *TokenRecord) (*Record, error) {
	r, err := m.store.Load(ctx, h.ID)
	if err != nil {
		return nil, err
	}
	err = h.Admit(r, known, time.Now())
	if err != nil && !h.anonymous() {
		// The token may have been replaced since it was looked up, and that is another refusal: one tells the browser to
		// wait for its new cookie, the other takes that cookie from it.
		if known, err = m.store.Token(ctx, h.Key); err == nil {
			err = h.Admit(r, known, time.Now())
		}
	}
	if err != nil {
		return nil, err
	}
	return r, nil
}

// Expires is when the session is over for this device if nothing happens from now on.
func (m *Manager) Expires(h Handle, r *Record) time.Time {
	if idle := time.Now().Add(m.options.IdleTimeout); r != nil && (h.Ends.IsZero() || idle.Before(h.Ends)) {
		return idle
	}
	return h.Ends
}

// Touch notes activity. It is stored, without being waited for, only where what is stored is older than a grain.
func (m *Manager) Touch(h Handle, r *Record) {
	if r == nil || !r.stale(h, time.Now(), m.timing) {
		return
	}
	m.store.Update(Update{
		Handle: h,
		Change: func(current *Record) (*Record, error) {
			now := time.Now()
			if current == nil || !current.stale(h, now, m.timing) {
				return current, nil
			}
			touched := *current
			touched.touch(h, now, m.timing)
			return &touched, nil
		},
		Done: func(*Record, error) {}, // a session that ended meanwhile needs no touch
	})
}

// Destroy ends the session for all its devices, at exactly the version ifVersion where one is given. A handle whose
// session is over already is refused. One that was not written yet leaves a mark, that it never may be: that counts as
// a session that begins.
func (m *Manager) Destroy(ctx context.Context, h Handle, ifVersion *uint64) error {
	pays := m.limits.fare(h)
	err := m.update(Update{
		Handle: h,
		Cause:  Destroyed,
		Change: func(current *Record) (*Record, error) {
			err := current.state().checkVersion(ifVersion)
			if err == nil && current == nil {
				err = pays.begin(time.Now())
			}
			return nil, err
		},
	})
	if err == nil {
		m.log.InfoContext(ctx, "session destroyed", "session", h.ID.String(), "device", h.Device.String())
	}
	return err
}

// update waits for the outcome of an update.
func (m *Manager) update(u Update) error {
	step := Step{Handle: u.Handle, Cause: u.Cause}
	change := u.Change
	u.Change = func(current *Record) (next *Record, err error) {
		next, err = change(current)
		step.Before, step.After = current, next
		return next, err
	}
	done := make(chan error, 1)
	u.Done = func(_ *Record, err error) { done <- err }
	m.store.Update(u)
	err := <-done
	if err == nil && (step.After == nil || step.After != step.Before) {
		m.lived(step)
	}
	return err
}
