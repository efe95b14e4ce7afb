package web

import (
	"cmp"
	"encoding/json"
	"errors"
	"log/slog"
	"net/http"
	"strings"

	"github.com/gorilla/mux"

	"github.com/seshd/seshd/hub"
	"github.com/seshd/seshd/session"
)

// The codes that only the outside gives.
const (
	unauthorized         = "unauthorized"
	foreignOrigin        = "foreign_origin"
	notFound             = "not_found"
	notAllowed           = "method_not_allowed"
	otherSession         = "other_session"
	unsupportedMediaType = "unsupported_media_type"
)

// refusal is a refusal of the outside, as session.Error is one of the domain.
type refusal struct{ code, message string }

func (e *refusal) Error() string { return e.code + ": " + e.message }

// outcomes is the one table from codes to HTTP statuses and WebSocket close codes.
// 40xx: connect again at once, 42xx: later, 44xx: not at all.
var outcomes = map[string]struct{ status, close int }{
	string(session.BadRequest):    {http.StatusBadRequest, 4400},
	string(session.BadKey):        {http.StatusBadRequest, 4400},
	string(session.InvalidJSON):   {http.StatusBadRequest, 4400},
	unauthorized:                  {http.StatusUnauthorized, 4400},
	string(session.ForbiddenKey):  {http.StatusForbidden, 4400},
	foreignOrigin:                 {http.StatusForbidden, 4400},
	notFound:                      {http.StatusNotFound, 4400},
	string(session.NoSuchKey):     {http.StatusNotFound, 4400},
	string(session.NoSuchSession): {http.StatusNotFound, 4002},
	notAllowed:                    {http.StatusMethodNotAllowed, 4400},
	string(session.Conflict):      {http.StatusConflict, 4400},
	string(session.NotApplied):    {http.StatusConflict, 4400},
	otherSession:                  {http.StatusConflict, 4400},
	string(session.StaleCookie):   {http.StatusConflict, 4253},
	string(session.TooLarge):      {http.StatusRequestEntityTooLarge, 1009},
	unsupportedMediaType:          {http.StatusUnsupportedMediaType, 4400},
	string(session.NotANumber):    {http.StatusUnprocessableEntity, 4400},
	string(session.NotAnArray):    {http.StatusUnprocessableEntity, 4400},
	string(session.BadTicket):     {http.StatusForbidden, 4401},
	string(session.Unavailable):   {http.StatusServiceUnavailable, 4253},
	string(session.RateLimited):   {http.StatusTooManyRequests, 4229},
	"too_many_tabs":               {http.StatusTooManyRequests, 4229},
	"rotated":                     {http.StatusConflict, 4001},
	"restarting":                  {http.StatusServiceUnavailable, 1012},
	"destroyed":                   {http.StatusNotFound, 4002},
	"logged_out":                  {http.StatusNotFound, 4002},
	"expired":                     {http.StatusNotFound, 4003},
}

// explain gives what the other side may know of an error: a refusal in its own words, and nothing of a fault.
func explain(err error) (code, message string, version *uint64) {
	var (
		domain  *session.Error
		outside *refusal
		bye     *hub.Bye
	)
	switch {
	case errors.As(err, &domain):
		if domain.Code == session.Conflict {
			version = &domain.Version
		}
		return string(domain.Code), domain.Message, version
	case errors.As(err, &outside):
		return outside.code, outside.message, nil
	case errors.As(err, &bye):
		return bye.Code, bye.Message, nil
	}
	return string(session.Unavailable), "the server could not do it: try again", nil
}

// problem is the body of a refusal (RFC 9457).
type problem struct {
	Type    string  `json:"type"`
	Title   string  `json:"title"`
	Status  int     `json:"status"`
	Detail  string  `json:"detail"`
	Code    string  `json:"code"`
	Version *uint64 `json:"version,omitempty"`
}

// retryAfter is how many seconds a client that was refused for now is told to wait. No rate is below one a second, so
// by then there is room again.
const retryAfter = "1"

// refuse answers a request with the problem that err is, and logs it: a fault for us, a refusal for whoever asks why.
func (a *App) refuse(w http.ResponseWriter, r *http.Request, err error) {
	code, message, version := explain(err)
	status := cmp.Or(outcomes[code].status, http.StatusInternalServerError)
	if code == string(session.Conflict) && r.Header.Get("If-Match") != "" {
		status = http.StatusPreconditionFailed
	}
	a.metrics.refused(ofRequest, code)
	level, what, reason := slog.LevelInfo, "request refused", message
	switch {
	case status >= http.StatusInternalServerError && !meant(err):
		level, what, reason = slog.LevelError, "request failed", err.Error()
	case code == notFound: // browsers ask for icons, and scanners for everything
		level = slog.LevelDebug
	}
	a.logRefusal(level, what, code, reason, visited(r), slog.String("method", r.Method), slog.String("path", r.URL.Path), slog.Int("status", status))
	if status == http.StatusServiceUnavailable || status == http.StatusTooManyRequests {
		w.Header().Set("Retry-After", retryAfter)
	}
	writeProblem(w, r, problem{Status: status, Detail: message, Code: code, Version: version})
}

// writeProblem writes a problem whose status, detail and code are given.
func writeProblem(w http.ResponseWriter, r *http.Request, p problem) {
	p.Type, p.Title = problemType(r, p.Code), http.StatusText(p.Status)
	w.Header().Set("Content-Type", "application/problem+json")
	w.WriteHeader(p.Status)
	if r.Method != http.MethodHead {
		writeJSON(w, p)
	}
}

// meant tells a refusal that is ours to give, such as of one connection too many, from a fault.
func meant(err error) bool {
	var (
		outside *refusal
		bye     *hub.Bye
	)
	return errors.As(err, &outside) || errors.As(err, &bye)
}

// writeJSON writes v as one line. A client that went away needs no answer.
func writeJSON(w http.ResponseWriter, v any) {
	encoder := json.NewEncoder(w)
	encoder.SetEscapeHTML(false)
	_ = encoder.Encode(v)
}

// methodNotAllowed answers for paths that a router has, with the methods that it has for them.
func (a *App) methodNotAllowed(router *mux.Router) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		var methods []string
		for _, method := range []string{"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE"} {
			try := r.Clone(r.Context())
			try.Method = method
			var match mux.RouteMatch
			if router.Match(try, &match) && match.MatchErr == nil && match.Route != nil {
				methods = append(methods, method)
			}
		}
		allowed := strings.Join(methods, ", ")
		w.Header().Set("Allow", allowed)
		a.refuse(w, r, &refusal{notAllowed, "this path takes " + allowed})
	}
}
