package web

import (
	"context"
	"log/slog"
	"net/http"
	"sync/atomic"

	"golang.org/x/time/rate"

	"github.com/seshd/seshd/hub"
	"github.com/seshd/seshd/session"
)

// What is logged of one kind of refusal: all that a site sees on a bad day, and not what somebody sends to fill the disk, which is
// some 20 MB a day of each kind. Metrics count all of them.
const (
	logBurst     = 100
	logPerSecond = 1
)

// spared is a log that not everything comes through to. What does says how much did not since the last.
type spared struct {
	slog.Handler
	limit  *rate.Limiter
	missed *atomic.Int64
}

func sparing(log *slog.Logger) *slog.Logger {
	return slog.New(spared{log.Handler(), rate.NewLimiter(logPerSecond, logBurst), new(atomic.Int64)})
}

// Handle implements slog.Handler.
func (s spared) Handle(ctx context.Context, r slog.Record) error {
	if !s.limit.Allow() {
		s.missed.Add(1)
		return nil
	}
	if missed := s.missed.Swap(0); missed > 0 {
		r.AddAttrs(slog.Int64("not_logged", missed))
	}
	return s.Handler.Handle(ctx, r)
}

// refusalLogs has a log for each code, so that many refusals of one kind do not hide the others.
func refusalLogs(log *slog.Logger) map[string]*slog.Logger {
	logs := make(map[string]*slog.Logger, len(outcomes))
	for code := range outcomes {
		logs[code] = sparing(log)
	}
	return logs
}

// logRefusal logs a refusal, with the public id of the session where it is known.
func (a *App) logRefusal(level slog.Level, what, code, reason string, id session.ID, more ...slog.Attr) {
	log, known := a.refusals[code]
	if !known || !log.Enabled(context.Background(), level) {
		return
	}
	attrs := append(more, slog.String("code", code), slog.String("reason", reason))
	if id != (session.ID{}) {
		attrs = append(attrs, slog.String("session", id.String()))
	}
	log.LogAttrs(context.Background(), level, what, attrs...)
}

// refusedConnection counts and logs a connection that is not let in.
func (a *App) refusedConnection(r *http.Request, id session.ID, err error) {
	code, message, _ := explain(err)
	a.metrics.refused(ofConnection, code)
	a.logRefusal(slog.LevelInfo, "connection refused", code, message, id, slog.String("path", r.URL.Path))
}

// refusedFrame counts and logs a frame of a tab that is refused. Whoever compares and sets expects that another is faster now and then.
func (t *tab) refusedFrame(err error) {
	code, message, _ := explain(err)
	t.app.metrics.refused(ofFrame, code)
	level := slog.LevelInfo
	if code == string(session.Conflict) || code == string(session.NotApplied) {
		level = slog.LevelDebug
	}
	t.app.logRefusal(level, "frame refused", code, message, t.handle.ID)
}

// tabOpened counts and logs a tab that is in.
func (a *App) tabOpened(h session.Handle, transport string) {
	a.metrics.tabOpened(transport)
	a.logTab("tab opened", h, transport, "")
}

// tabClosed counts and logs a tab that is gone. A nil bye is one that went by itself.
func (a *App) tabClosed(h session.Handle, transport string, bye *hub.Bye) {
	a.metrics.tabClosed(transport, bye)
	a.logTab("tab closed", h, transport, closedBy(bye))
}

func (a *App) logTab(what string, h session.Handle, transport, reason string) {
	if !a.log.Enabled(context.Background(), slog.LevelDebug) {
		return
	}
	attrs := []slog.Attr{slog.String("session", h.ID.String()), slog.String("device", h.Device.String()), slog.String("transport", transport)}
	if reason != "" {
		attrs = append(attrs, slog.String("reason", reason))
	}
	a.log.LogAttrs(context.Background(), slog.LevelDebug, what, attrs...)
}
