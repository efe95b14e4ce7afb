package web

import (
	"cmp"
	"net/http"

	"github.com/seshd/seshd/session"
)

// auth is /auth, which a proxy asks about each request before it lets it pass (nginx auth_request, forward-auth of Traefik and
// Caddy): who is it? It lets everybody pass, unless asked for users only.
func (a *App) auth(w http.ResponseWriter, r *http.Request) {
	keepPrivate(w.Header())
	identify(w.Header(), nil) // until it is known
	v, err := a.relayedVisit(r)
	switch {
	case err == nil:
		if relayedMethod(r) != http.MethodHead && !readsAhead(r) {
			a.manager.Touch(v.handle, v.record)
		}
		identify(w.Header(), &v)
	case session.CodeOf(err) == session.NoSuchSession:
		if v, err = a.newcomer(a.relayedOverHTTPS(r)); err == nil {
			v.welcome(w.Header())
		}
	case session.CodeOf(err) == session.StaleCookie:
		err = nil // a guest without a new cookie, as the browser has a newer one
	}
	if err == nil {
		err = checkRequired(r, v.record)
	}
	if err != nil {
		identify(w.Header(), nil)
		a.refuse(w, r, err)
	}
}

// relayedMethod is the method of the request that a proxy asks about.
func relayedMethod(r *http.Request) string {
	return cmp.Or(r.Header.Get("X-Forwarded-Method"), r.Method)
}

// checkRequired refuses whoever is not what the proxy requires. A requirement that is not known is
// refused too: a slip of the pen must not open a door.
func checkRequired(r *http.Request, record *session.Record) error {
	for _, require := range r.URL.Query()["require"] {
		switch {
		case require != "user":
			return session.Refuse(session.BadRequest, "require=%.100q is unknown: want require=user, or nothing for guests too", require)
		case userOf(record) == "":
			return &refusal{unauthorized, "this is for users who are logged in"}
		}
	}
	return nil
}

// userOf is the user that a session belongs to, empty if none is logged in.
func userOf(record *session.Record) string {
	if record == nil {
		return ""
	}
	return record.User
}
