package session

import "time"

// Defaults of the limits on how fast visitors write.
const (
	DefaultRate        = 200  // mutations a second: faster than anybody types, drags or draws
	DefaultBurst       = 1000 // what a page that was offline sends at once, ten times over
	DefaultNewSessions = 20   // a second: an office or a school behind one address comes to work

	// newSessionsBurst lets a class open the same page at the same moment. It is a number of records on disk, so it is small.
	newSessionsBurst = 200
)

// limits are what visitors may do how often. The server API is not bound by them: it is the app's own backend.
type limits struct {
	mutations *limiter[ID]
	sessions  *limiter[string] // first writes, by Handle.From
}

func newLimits(o Options) limits {
	perSecond, burst := orDefault(o.Rate, DefaultRate), orDefault(o.Burst, DefaultBurst)
	begun := orDefault(o.NewSessions, DefaultNewSessions)
	return limits{
		mutations: newLimiter[ID](perSecond, burst, Refuse(RateLimited,
			"over the limit of %d mutations a second per session (--rate), bursts of %d (--burst): wait, and send it again under a new id", perSecond, burst)),
		sessions: newLimiter[string](begun, max(begun, newSessionsBurst), Refuse(RateLimited,
			"over the limit of %d new sessions a second per address (--new-sessions), bursts of %d: wait, and send it again", begun, max(begun, newSessionsBurst))),
	}
}

// fare is what one submission pays at the limits. Each part is asked for once, since a store may call Change again. A nil
// fare is free.
type fare struct {
	limits      *limits
	id          ID
	from        string
	write, open verdict
}

type verdict struct {
	given bool
	err   error
}

func (l *limits) fare(h Handle) *fare { return &fare{limits: l, id: h.ID, from: h.From} }

// mutate pays for a mutation of the session.
func (f *fare) mutate(now time.Time) error {
	if f == nil {
		return nil
	}
	if !f.write.given {
		f.write = verdict{true, f.limits.mutations.take(f.id, now)}
	}
	return f.write.err
}

// begin pays for a session about which nothing is stored yet.
func (f *fare) begin(now time.Time) error {
	if f == nil || f.from == "" {
		return nil
	}
	if !f.open.given {
		f.open = verdict{true, f.limits.sessions.take(f.from, now)}
	}
	return f.open.err
}
