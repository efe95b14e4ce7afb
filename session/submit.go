package session

import (
	"context"
	"log/slog"
	"time"
)

// Result is what the sender of a mutation learns. State is the state of the very commit that applied it.
type Result struct {
	Before, State *State
	Duplicate     bool // it had been applied before
	began         bool // it was the session's first
}

// Submission is a mutation with who sends it.
type Submission struct {
	Handle   Handle
	By       Source    // empty: ByCode
	Sender   SenderID  // zero: none; else the mutation is applied once
	Mutation *Mutation // made by DecodeMutation or DecodeMergePatch, or checked by Mutation.Check: it is not checked again
	Span     *Span     // of Manager.Trace; nil: not traced, or begun by Apply
}

// Submit sends a mutation on its way. done is called once it is durable and told to the feed, or refused; it must
// not block. Submissions to one session are applied and answered in the order of the calls.
func (m *Manager) Submit(s Submission, done func(Result, error)) {
	var result Result
	s.By = s.By.known()
	began := time.Now()
	rules := m.rules
	if s.By == ByTab || s.By == ByHTTP {
		rules.Writable = m.Writable
	}
	var pays *fare
	if s.By != ByAPI {
		pays = m.limits.fare(s.Handle)
	}
	m.store.Update(Update{
		Handle: s.Handle,
		Span:   s.Span.sampled(),
		Change: func(current *Record) (*Record, error) {
			next, duplicate, err := current.Mutate(Write{
				Handle: s.Handle, By: s.By, Sender: s.Sender, Mutation: s.Mutation,
				Rules: rules, Timing: m.timing, Now: time.Now(), Senders: m.senders, fare: pays,
			})
			result = Result{Before: current.state(), State: next.state(), Duplicate: duplicate, began: current == nil && next != nil}
			return next, err
		},
		Done: func(committed *Record, err error) {
			if err == nil { // the store may have put it at another version, see Lineage
				result.State = committed.state()
			}
			m.note(s, result, err, time.Since(began))
			s.Span.answered(s.Handle, result, err)
			done(result, err)
		},
	})
}

// note tells the log and the observer of an answer.
func (m *Manager) note(s Submission, result Result, err error, took time.Duration) {
	ctx := context.Background()
	if err == nil && result.began {
		m.log.LogAttrs(ctx, slog.LevelInfo, "session begun",
			slog.String("session", s.Handle.ID.String()), slog.String("device", s.Handle.Device.String()), slog.String("by", string(s.By)))
	}
	if m.log.Enabled(ctx, slog.LevelDebug) {
		outcome := "ok"
		if err != nil {
			outcome = string(CodeOf(err))
		}
		m.log.LogAttrs(ctx, slog.LevelDebug, "write",
			slog.String("session", s.Handle.ID.String()), slog.String("by", string(s.By)), slog.String("result", outcome),
			slog.Uint64("version", result.State.version()), slog.Float64("ms", float64(took)/float64(time.Millisecond)))
	}
	if o := m.observe.Load(); o != nil {
		o.Answered(s, result, err, took)
		if err == nil && result.began {
			o.Lived(Created, 1)
		}
	}
}

func (s *State) version() uint64 {
	if s == nil {
		return 0
	}
	return s.Version
}

func (r *Record) state() *State {
	if r == nil {
		return &State{}
	}
	return r.State
}

// Apply is Submit for callers that wait. Once a mutation is on its way it is not called back:
// a context that ends meanwhile changes nothing.
func (m *Manager) Apply(ctx context.Context, s Submission) (Result, error) {
	if s.Span == nil {
		s.Span = m.Trace(ctx, s.By)
	}
	type outcome struct {
		result Result
		err    error
	}
	done := make(chan outcome, 1)
	m.Submit(s, func(r Result, err error) { done <- outcome{r, err} })
	o := <-done
	return o.result, o.err
}
