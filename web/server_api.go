package web

import (
	"net/http"
	"time"

	"github.com/gorilla/mux"

	"github.com/seshd/seshd/session"
)

// serverAPI returns the API for the app's backend, every route of which wants a key. The backend relays the browser's
// Cookie header as its own, which says who is meant.
func (a *App) serverAPI() *mux.Router {
	routes := mux.NewRouter().UseEncodedPath().SkipClean(true)
	routes.NotFoundHandler = a.withKey(http.HandlerFunc(a.notInAPI))
	routes.MethodNotAllowedHandler = a.withKey(a.methodNotAllowed(routes))
	handle := func(path string, f http.HandlerFunc, methods ...string) {
		routes.Handle(path, a.withKey(private(f))).Methods(methods...)
	}
	handle("/v1/resolve", a.resolve, "POST")
	handle("/v1/sessions/{id}", a.readSession, "GET", "HEAD")
	handle("/v1/sessions/{id}", a.writeSession, "POST")
	handle("/v1/sessions/{id}", a.destroySessionOf, "DELETE")
	handle("/v1/sessions/{id}/login", a.login, "POST")
	handle("/v1/sessions/{id}/rotate", a.rotate, "POST")
	handle("/v1/sessions/{id}/logout", a.logout, "POST")
	handle("/v1/users/{user}/sessions", a.listUser, "GET", "HEAD")
	handle("/v1/users/{user}/sessions", a.endUser, "DELETE")
	handle("/v1/events", a.story, "GET")
	handle("/v1/export", a.exportSessions, "GET")
	handle("/v1/import", a.importSessions, "POST")
	handle("/v1/backup", a.backUp, "GET")
	handle("/v1/openapi.json", a.describeAPI, "GET", "HEAD")
	return routes
}

// private keeps answers out of every cache.
func private(next http.HandlerFunc) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Cache-Control", "no-store")
		w.Header().Set("X-Content-Type-Options", "nosniff")
		next(w, r)
	}
}

func (a *App) notInAPI(w http.ResponseWriter, r *http.Request) {
	a.refuse(w, r, &refusal{notFound, "there is nothing at this path of the server API"})
}

// wholeSession is a session as the backend sees it, private keys included.
type wholeSession struct {
	ID       string       `json:"id"`
	Version  uint64       `json:"version"`
	Data     session.Data `json:"data"`
	Tabs     int          `json:"tabs"`
	Expires  time.Time    `json:"expires"`
	User     string       `json:"user"`
	Device   string       `json:"device,omitempty"`
	Created  time.Time    `json:"created"`
	LastSeen time.Time    `json:"last_seen"`
}

// resolve says whom the browser's Cookie leads to.
func (a *App) resolve(w http.ResponseWriter, r *http.Request) {
	v, err := a.relayedVisit(r)
	if session.CodeOf(err) == session.StaleCookie { // no good cookie, whatever became of it
		err = session.Refuse(session.NoSuchSession, "the cookie was replaced a moment ago: the browser's next request has the new one")
	}
	if err == nil {
		err = checkNoForm(r)
	}
	if err != nil {
		a.refuse(w, r, err)
		return
	}
	a.manager.Touch(v.handle, v.record)
	a.writeWhole(w, r, v)
}

func (a *App) readSession(w http.ResponseWriter, r *http.Request) {
	v, err := a.named(r)
	if err != nil {
		a.refuse(w, r, err)
		return
	}
	v.handle.Device = session.DeviceID{} // nobody was asked for, and nobody is active
	a.writeWhole(w, r, v)
}

// writeWhole answers with the session. The ETag is for If-Match; If-None-Match is not asked, since a login changes whose the
// session is and not its version.
func (a *App) writeWhole(w http.ResponseWriter, r *http.Request, v visitor) {
	state := stateOf(v.record)
	whole := wholeSession{
		ID: v.handle.ID.String(), Version: state.Version, Data: state.Data(nil), Tabs: a.hub.Tabs(r.Context(), v.handle.ID),
		Expires: wireTime(a.manager.Expires(v.handle, v.record)), User: userOf(v.record),
		Created: wireTime(v.handle.Issued), LastSeen: wireTime(v.handle.Issued),
	}
	if v.handle.Device != (session.DeviceID{}) {
		whole.Device = v.handle.Device.String()
	}
	if v.record != nil {
		whole.Created, whole.LastSeen = wireTime(v.record.Created), wireTime(v.record.Touched)
		if whole.Device == "" {
			whole.Expires = wireTime(v.record.Deadline)
		}
	}
	w.Header().Set("ETag", etag(v.handle.ID, state.Version))
	w.Header().Set("Content-Type", typeJSON)
	writeJSON(w, whole)
}

func wireTime(t time.Time) time.Time { return t.UTC().Truncate(time.Millisecond) }

// writeSession applies a mutation, to private keys too.
func (a *App) writeSession(w http.ResponseWriter, r *http.Request) {
	span := a.manager.Trace(r.Context(), session.ByAPI)
	v, err := a.named(r)
	var m session.Mutation
	if err == nil {
		m, err = a.bodyOf(r, typeJSON, session.DecodeMutation)()
	}
	a.apply(w, r, v, session.Submission{By: session.ByAPI, Mutation: &m, Span: span}, err)
}

func (a *App) destroySessionOf(w http.ResponseWriter, r *http.Request) {
	v, err := a.named(r)
	var ifVersion *uint64
	if err == nil {
		ifVersion, err = ifMatch(r, &v)
	}
	if err == nil {
		err = a.manager.Destroy(r.Context(), v.handle, ifVersion)
	}
	if err != nil {
		a.refuse(w, r, err)
		return
	}
	w.WriteHeader(http.StatusNoContent)
}

// named finds the session of the path. Where the browser's Cookie leads to it, that is who asks: it can begin the
// session, and what it asks is fenced with it. A Cookie of ours that is good no more is refused, one of another session is
// none of this one's business.
func (a *App) named(r *http.Request) (visitor, error) {
	id, err := idOf(r)
	if err != nil {
		return visitor{}, err
	}
	if a.relaysOurs(r) {
		v, err := a.relayedVisit(r)
		if err != nil || v.handle.ID == id {
			return v, err
		}
	}
	h := session.Handle{ID: id}
	record, err := a.manager.Load(r.Context(), h)
	return visitor{handle: h, record: record}, err
}

func idOf(r *http.Request) (session.ID, error) {
	id, ok := session.ParseID(mux.Vars(r)["id"])
	if !ok {
		return id, session.Refuse(session.NoSuchSession, "a session is named by its id, 32 lower-case hex digits")
	}
	return id, nil
}
