package web

import (
	"net/http"
	"strings"
)

// relayedVisit finds the visitor whose Cookie header was relayed to the internal listener, by a proxy or by an app's
// backend. It begins no session: without a good cookie the refusal is NoSuchSession.
func (a *App) relayedVisit(r *http.Request) (visitor, error) {
	return a.known(r, a.relayedOverHTTPS(r))
}

// relayedOverHTTPS says whether the browser that a request speaks for came by HTTPS. How the request itself came tells
// nothing. Only HTTPS sites have a __Host- cookie, so one of these tells it where the relayer does not.
func (a *App) relayedOverHTTPS(r *http.Request) bool {
	proto, _, _ := strings.Cut(r.Header.Get("X-Forwarded-Proto"), ",") // the browser's own stands first
	return a.options.TLS != nil || isHTTPS(strings.TrimSpace(proto)) || len(r.CookiesNamed(secureCookieName)) > 0
}

// relaysOurs says whether a request relays a cookie of ours at all, good or not.
func (a *App) relaysOurs(r *http.Request) bool {
	return len(r.CookiesNamed(cookieNameFor(a.relayedOverHTTPS(r)))) > 0
}
