package web_test

import (
	"context"
	"net/http"
	"sync/atomic"
	"testing"
	"time"

	"github.com/seshd/seshd/session"
)

// ask asks the internal listener about a request, whose headers are relayed.
func (s *server) ask(method, query string, headers ...string) answer {
	s.t.Helper()
	b := s.browser()
	b.s = &server{t: s.t, url: s.internal}
	b.jar, b.http.Jar = nil, nil
	return b.do(method, "/auth"+query, "", headers...)
}

// says checks the three headers, each of which must be there once.
func (a answer) says(id, user, version string) answer {
	a.t.Helper()
	for name, want := range map[string]string{"X-Session-Id": id, "X-Session-User": user, "X-Session-Version": version} {
		if got := a.header[name]; len(got) != 1 || got[0] != want {
			a.t.Errorf("%s: %s %q, want %q", a.what, name, got, want)
		}
	}
	return a
}

func TestAuthSaysWhoTheVisitorIs(t *testing.T) {
	s := start(t, setup{})
	b := s.visit()
	cookie := "theme=dark; session=" + b.cookie().Value
	s.ask("GET", "", "Cookie", cookie).want(200).says(b.id(), "", "0")
	b.post(`{"set":{"a":1}}`).want(200)
	for _, method := range []string{"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "PURGE"} {
		a := s.ask(method, "", "Cookie", cookie).want(200).says(b.id(), "", "1").guarded()
		if a.body != "" || a.header.Get("Set-Cookie") != "" {
			t.Errorf("%s: %q, Set-Cookie %q", a.what, a.body, a.header.Get("Set-Cookie"))
		}
	}
	s.ask("GET", "?require=user", "Cookie", cookie).says("", "", "").problem(401, "unauthorized")
	s.ask("GET", "?require=users", "Cookie", cookie).says("", "", "").problem(400, "bad_request")
}

func TestAuthBeginsNothingButOffersACookie(t *testing.T) {
	s := start(t, setup{})
	for _, cookie := range []string{"", "theme=dark", "session=forged"} {
		a := s.ask("GET", "", "Cookie", cookie).want(200).says("", "", "").guarded()
		set, err := http.ParseSetCookie(a.header.Get("Set-Cookie"))
		if err != nil || set.Name != "session" || set.Secure {
			t.Fatalf("%q: Set-Cookie %q", cookie, a.header.Get("Set-Cookie"))
		}
		if again := s.ask("GET", "", "Cookie", "session="+set.Value).want(200); len(again.header.Get("X-Session-Id")) != 32 {
			t.Errorf("the cookie is not good: %v", again.header)
		}
	}
}

func TestAuthOfAnHTTPSSiteTakesItsCookieOnly(t *testing.T) {
	s := start(t, setup{})
	plain := "session=" + s.visit().cookie().Value
	const https = "X-Forwarded-Proto"
	for _, relayed := range [][]string{
		{https, "https"}, {https, "https", "Cookie", plain}, {https, "HTTPS, http", "Cookie", plain}, {"Cookie", plain + "; __Host-session=forged"},
	} {
		a := s.ask("GET", "", relayed...).want(200).says("", "", "")
		set, err := http.ParseSetCookie(a.header.Get("Set-Cookie"))
		if err != nil || set.Name != "__Host-session" || !set.Secure {
			t.Fatalf("%q: Set-Cookie %q", relayed, a.header.Get("Set-Cookie"))
		}
		for _, told := range [][]string{{https, "https"}, {https, "http"}, nil} { // by the proxy, or by the name alone
			b := s.ask("GET", "", append(told, "Cookie", plain+"; __Host-session="+set.Value)...).want(200)
			if b.header.Get("X-Session-Id") == "" || b.header.Get("Set-Cookie") != "" {
				t.Errorf("%q: %v", told, b.header)
			}
		}
	}
}

// stale is a store to which every token was replaced a moment ago.
type stale struct {
	session.Store
	on atomic.Bool
}

func (s *stale) Token(ctx context.Context, key session.TokenKey) (*session.TokenRecord, error) {
	if s.on.Load() {
		return nil, session.Refuse(session.StaleCookie, "the cookie was replaced a moment ago")
	}
	return s.Store.Token(ctx, key)
}

func TestAuthTakesAStaleCookieForAGuest(t *testing.T) {
	old := &stale{}
	s := start(t, setup{wrap: func(inner session.Store) session.Store { old.Store = inner; return old }})
	cookie := "session=" + s.visit().cookie().Value
	old.on.Store(true)
	if a := s.ask("GET", "", "Cookie", cookie).want(200).says("", "", ""); a.header.Get("Set-Cookie") != "" {
		t.Error("the newer cookie would be overwritten")
	}
	s.ask("GET", "?require=user", "Cookie", cookie).says("", "", "").problem(401, "unauthorized")
}

func TestAuthHasNoGuestInPlaceOfAStoreThatIsDown(t *testing.T) {
	down := &switchable{}
	s := start(t, setup{wrap: func(inner session.Store) session.Store { down.Store = inner; return down }})
	b := s.visit()
	down.off.Store(true)
	a := s.ask("GET", "", "Cookie", "session="+b.cookie().Value).says("", "", "")
	a.problem(503, "unavailable")
	if a.header.Get("Set-Cookie") != "" {
		t.Error("a cookie was set")
	}
}

func TestAuthIsActivityUnlessNobodyOpenedThePage(t *testing.T) {
	counter := &counting{}
	s := start(t, setup{
		wrap:    func(inner session.Store) session.Store { counter.Store = inner; return counter },
		session: session.Options{IdleTimeout: 2 * time.Second},
	})
	b := s.visit()
	b.post(`{"set":{"a":1}}`).want(200)
	cookie := "session=" + b.cookie().Value
	active := func(method string, headers ...string) bool {
		<-time.After(s.manager.Grain() + 20*time.Millisecond) // less is not worth a commit
		before := counter.updates.Load()
		s.ask(method, "", append(headers, "Cookie", cookie)...).want(200)
		return counter.updates.Load() > before
	}
	if active("HEAD") || active("GET", "X-Forwarded-Method", "HEAD") || active("GET", "Sec-Purpose", "prefetch") {
		t.Error("what writes nothing counts as activity")
	}
	if !active("GET") {
		t.Error("a request is no activity")
	}
}
