package web

import (
	"context"
	"net/http"
	"strings"
	"sync"

	"github.com/seshd/seshd/session"
)

// visitor is whom a request's cookie leads to.
type visitor struct {
	handle session.Handle
	record *session.Record // as loaded; nil: nothing written yet
	cookie *http.Cookie    // to be set, where the request had no good one
}

// visit finds the visitor of a request, which may be a new one. Nothing is stored for it.
func (a *App) visit(r *http.Request) (visitor, error) {
	v, err := a.known(r, isSecure(r))
	switch {
	case err == nil:
		if p := peerIn(r); p != nil {
			p.visited = v.handle.ID
		}
		v.handle.Agent, v.handle.From = userAgent(r), addressKey(clientAddr(r))
		err = checkNamed(r, v)
		if err == nil && r.Method != http.MethodHead && !readsAhead(r) { // neither writes anything, nowhere
			a.manager.Touch(v.handle, v.record)
		}
		return v, err
	case session.CodeOf(err) != session.NoSuchSession:
		return visitor{}, err
	}
	if v, err = a.newcomer(isSecure(r)); err == nil {
		v.handle.Agent, v.handle.From = userAgent(r), addressKey(clientAddr(r))
		err = checkNamed(r, v)
	}
	if err != nil {
		return visitor{}, err
	}
	return v, nil
}

// known finds whom a request's cookie leads to, the one for HTTPS or the one for plain HTTP. It refuses a request
// without a good one by NoSuchSession.
func (a *App) known(r *http.Request, secure bool) (visitor, error) {
	token, issued, ok := a.cookies.open(r, secure)
	if !ok {
		return visitor{}, session.Refuse(session.NoSuchSession, "the request has no good session cookie")
	}
	handle, record, err := a.manager.Resolve(r.Context(), token, issued)
	if err != nil {
		return visitor{}, err
	}
	return visitor{handle: handle, record: record}, nil
}

// newcomer is a new visitor. Nothing is stored for it.
func (a *App) newcomer(secure bool) (visitor, error) {
	token, handle := a.manager.Begin()
	cookie, err := a.cookies.seal(secure, token, handle.Issued)
	return visitor{handle: handle, cookie: cookie}, err
}

// readsAhead says whether a browser asks for a page that nobody has opened yet.
func readsAhead(r *http.Request) bool {
	purpose := r.Header.Get("Sec-Purpose")
	return strings.Contains(purpose, "prefetch") || strings.Contains(purpose, "prerender")
}

// checkNamed refuses a request that names another session than its cookie leads to. One that was combined into it may
// be named by whoever only reads.
func checkNamed(r *http.Request, v visitor) error {
	named := r.Header.Get("Session-Id")
	if named == "" || named == v.handle.ID.String() {
		return nil
	}
	reads := r.Method == http.MethodGet || r.Method == http.MethodHead
	if id, ok := session.ParseID(named); ok && reads && v.record.Continues(id) {
		return nil
	}
	return &refusal{code: otherSession, message: "the cookie leads to another session than Session-Id names: nothing was done"}
}

// welcome sets the cookie of a new visitor.
func (v *visitor) welcome(header http.Header) {
	if v.cookie != nil {
		header.Add("Set-Cookie", v.cookie.String())
		keepPrivate(header)
	}
}

// keepPrivate keeps an answer for one visitor out of every cache.
func keepPrivate(header http.Header) {
	header.Set("Cache-Control", "no-store")
	addVary(header, "Cookie")
}

func addVary(header http.Header, name string) {
	for _, have := range header.Values("Vary") {
		if have == name {
			return
		}
	}
	header.Add("Vary", name)
}

type sessionKey struct{}

// request is the session of one request in the hands of the program's own handlers, found when it is first asked for.
type request struct {
	app *App
	w   http.ResponseWriter
	in  *http.Request

	once    sync.Once
	visitor visitor
	session *session.Session
	err     error
}

// WithSession lets the handlers behind it use Session. The App's own Router has it already.
func (a *App) WithSession(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		r = a.withPeer(r)
		ctx := context.WithValue(r.Context(), sessionKey{}, &request{app: a, w: w, in: r})
		next.ServeHTTP(w, r.WithContext(ctx))
	})
}

func requestOf(r *http.Request) *request {
	req, ok := r.Context().Value(sessionKey{}).(*request)
	if !ok {
		panic("web: no session outside WithSession: route the handler by App, or wrap it")
	}
	req.once.Do(func() {
		v, err := req.app.visit(req.in)
		if req.err = err; err != nil {
			req.session = session.Broken(err)
			return
		}
		v.welcome(req.w.Header())
		req.become(v)
	})
	return req
}

func (req *request) become(v visitor) {
	req.visitor, req.session = v, req.app.manager.Session(v.handle)
}

// Session returns the visitor's session; it must be called before the response is begun, since it may set the cookie.
// Where the session cannot be found, or its request names another one, every call on it returns the error.
func Session(r *http.Request) *session.Session { return requestOf(r).session }
