package web

import (
	"net/http"
	"strings"

	"github.com/seshd/seshd/session"
)

// Login makes the visitor's session the user's, as session.Login says, and sets the new cookie: it must be called before
// the response is begun, by one handler of a request. Session returns the user's session from then on. The program
// has seen to it that the visitor is the user.
func Login(r *http.Request, l session.Login) (session.LoggedInto, error) {
	req := requestOf(r)
	if req.err != nil {
		return session.LoggedInto{}, req.err
	}
	into, err := req.app.manager.Login(r.Context(), req.visitor.handle, l)
	if err != nil {
		return into, err
	}
	cookie, err := req.app.cookies.seal(isSecure(r), into.Token, into.Handle.Issued)
	if err != nil {
		return into, err
	}
	req.become(visitor{handle: into.Handle, record: into.Record, cookie: cookie})
	req.setCookie(cookie)
	return into, nil
}

// Logout ends the visitor's part in the session, or more of what the user has, and removes the cookie unless only
// others are logged out. It must be called before the response is begun, and nothing else of the session after it.
func Logout(r *http.Request, scope session.Scope) error {
	req := requestOf(r)
	if req.err != nil {
		return req.err
	}
	err := req.app.manager.Logout(r.Context(), req.visitor.handle, scope)
	if err == nil && scope != session.Others {
		req.setCookie(req.app.cookies.expired(isSecure(r)))
	}
	return err
}

// User is who is logged in; empty for a guest, and where the session cannot be found.
func User(r *http.Request) string {
	req := requestOf(r)
	return userOf(req.visitor.record)
}

// setCookie sets the cookie in place of one that was set before: browsers keep the last, others the first.
func (req *request) setCookie(cookie *http.Cookie) {
	header := req.w.Header()
	others := header["Set-Cookie"][:0]
	for _, line := range header["Set-Cookie"] {
		if !strings.HasPrefix(line, cookie.Name+"=") {
			others = append(others, line)
		}
	}
	header["Set-Cookie"] = append(others, cookie.String())
	keepPrivate(header)
}
