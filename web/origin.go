package web

import (
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"

	"github.com/seshd/seshd/session"
)

// originPolicy decides which pages may speak for a visitor. Static after construction.
type originPolicy struct {
	allowed []string // normalized
	cross   *http.CrossOriginProtection
}

func newOriginPolicy(allowed []string) *originPolicy {
	p := &originPolicy{cross: http.NewCrossOriginProtection()}
	for _, origin := range allowed {
		if err := CheckOrigin(origin); err != nil {
			panic("web: " + err.Error())
		}
		if err := p.cross.AddTrustedOrigin(normalOrigin(origin)); err != nil {
			panic("web: " + err.Error())
		}
		p.allowed = append(p.allowed, normalOrigin(origin))
	}
	return p
}

// CheckOrigin says whether a text is an origin: scheme, host and perhaps a port, and nothing else.
func CheckOrigin(origin string) error {
	u, err := url.Parse(origin)
	if err != nil || (u.Scheme != "http" && u.Scheme != "https") || u.Host == "" || origin != u.Scheme+"://"+u.Host {
		return session.Refuse(session.BadRequest, "%.100q is not an origin: want something like https://shop.example", origin)
	}
	return nil
}

// normalOrigin leaves the default port out and lowers the case of the host, as browsers do.
func normalOrigin(origin string) string {
	origin = strings.ToLower(origin)
	if host, ok := strings.CutPrefix(origin, "http://"); ok {
		return "http://" + strings.TrimSuffix(host, ":80")
	}
	return strings.TrimSuffix(origin, ":443")
}

// own says whether the origin is the one that the request itself was sent to, scheme and port included.
func (p *originPolicy) own(r *http.Request, origin string) bool {
	scheme := "http://"
	if isSecure(r) {
		scheme = "https://"
	}
	return CheckOrigin(origin) == nil && normalOrigin(origin) == normalOrigin(scheme+r.Host)
}

// foreign says whether the origin is another one that may use the session.
func (p *originPolicy) foreign(origin string) bool {
	return CheckOrigin(origin) == nil && slices.Contains(p.allowed, normalOrigin(origin))
}

// check refuses an Origin, where there is one, that is neither the request's own nor allowed.
func (p *originPolicy) check(r *http.Request) error {
	origins := r.Header.Values("Origin")
	if len(origins) == 0 || len(origins) == 1 && (p.own(r, origins[0]) || p.foreign(origins[0])) {
		return nil
	}
	return &refusal{code: foreignOrigin, message: "pages of " + fmt.Sprintf("%.100q", strings.Join(origins, ", ")) +
		" may not use this session: name the origin in --allowed-origins if they should"}
}

// checkWrite is check, and for what browsers send without an Origin the word of the browser itself.
func (p *originPolicy) checkWrite(r *http.Request) error {
	if err := p.check(r); err != nil {
		return err
	}
	if err := p.cross.Check(r); err != nil {
		return &refusal{code: foreignOrigin, message: "a page of another site may not write: " + err.Error()}
	}
	return nil
}

// The methods and headers that a page of an allowed origin may use, and the headers of answers that it may read.
const (
	corsMethods = "GET, HEAD, POST, PUT, PATCH, DELETE"
	corsHeaders = "Content-Type, If-Match, If-None-Match, Idempotency-Key, Session-Id, Last-Event-ID"
	corsExpose  = "ETag, Retry-After"
)

// share tells the browser that a page of an allowed origin may read the answer.
func (p *originPolicy) share(header http.Header, r *http.Request) bool {
	if len(p.allowed) > 0 {
		addVary(header, "Origin")
	}
	origin := r.Header.Get("Origin")
	if origin == "" || !p.foreign(origin) {
		return false
	}
	header.Set("Access-Control-Allow-Origin", origin)
	header.Set("Access-Control-Allow-Credentials", "true")
	header.Set("Access-Control-Expose-Headers", corsExpose)
	return true
}

// guard stands before everything under /session: caching, cross-origin answers and refusals.
func (a *App) guard(next http.Handler) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		header := w.Header()
		header.Set("Cache-Control", "no-store")
		header.Set("X-Content-Type-Options", "nosniff")
		addVary(header, "Cookie")
		shared := a.origins.share(header, r)
		switch r.Method {
		case http.MethodOptions:
			if shared && r.Header.Get("Access-Control-Request-Method") != "" {
				header.Set("Access-Control-Allow-Methods", corsMethods)
				header.Set("Access-Control-Allow-Headers", corsHeaders)
				w.WriteHeader(http.StatusNoContent)
				return
			}
		case http.MethodPost, http.MethodPut, http.MethodPatch, http.MethodDelete:
			if err := a.origins.checkWrite(r); err != nil {
				a.refuse(w, r, err)
				return
			}
		}
		next.ServeHTTP(w, r)
	}
}
