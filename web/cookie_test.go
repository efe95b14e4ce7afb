package web_test

import (
	"net/http"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/seshd/seshd/session"
	"github.com/seshd/seshd/web"
)

func TestTheCookieHasItsAttributes(t *testing.T) {
	for name, test := range map[string]struct {
		options web.Options
		want    string
	}{
		"default": {web.Options{}, "; Path=/; Max-Age=2592000; HttpOnly; SameSite=Lax"},
		"strict":  {web.Options{SameSite: http.SameSiteStrictMode}, "; Path=/; Max-Age=2592000; HttpOnly; SameSite=Strict"},
	} {
		t.Run(name, func(t *testing.T) {
			s := start(t, setup{web: test.options})
			set := s.browser().get("/session").header.Get("Set-Cookie")
			value, attributes, _ := strings.Cut(set, ";")
			same(t, ";"+attributes, test.want)
			if !strings.HasPrefix(value, "session=") || len(set) > 4096 {
				t.Errorf("got %s", set)
			}
			x, _ := s.browser().enter("")
			_, attributes, _ = strings.Cut(x.http.Header.Get("Set-Cookie"), ";")
			same(t, ";"+attributes, test.want)
		})
	}
}

func TestMaxAgeIsTheLifetime(t *testing.T) {
	s := start(t, setup{session: session.Options{Lifetime: time.Hour}})
	if set := s.browser().get("/session").header.Get("Set-Cookie"); !strings.Contains(set, "; Max-Age=3600;") {
		t.Errorf("got %s", set)
	}
}

func TestWhoeverSetsACookieForbidsCaching(t *testing.T) {
	s := start(t, setup{web: web.Options{Tour: true}, routes: func(app *web.App) {
		app.HandleFunc("/mine", func(_ http.ResponseWriter, r *http.Request) { web.Session(r) })
	}})
	for _, path := range []string{"/session", "/session/keys/none", "/session/tabs", "/", "/cherries", "/destroy-session", "/mine"} {
		a := s.browser().get(path).guarded()
		if len(a.header.Values("Set-Cookie")) != 1 {
			t.Errorf("%s: Set-Cookie %q", path, a.header.Values("Set-Cookie"))
		}
	}
	s.browser().post(`{}`).want(200).guarded()
	x, _ := s.browser().enter("")
	answer{t: t, what: "/ws", header: x.http.Header}.guarded()
	if a := s.browser().get("/seshd.js"); a.header.Get("Set-Cookie") != "" {
		t.Error("who asks for the client is no visitor yet")
	}
}

func TestACookieThatDoesNotVerifyIsNeverAdopted(t *testing.T) {
	s := start(t, setup{})
	b := s.visit()
	b.post(`{"set":{"a":1}}`).want(200)
	good, id := b.cookie().Value, b.id()
	foreign := start(t, setup{}).visit().cookie().Value
	flipped := []byte(good)
	flipped[len(flipped)/2] ^= 1
	for name, value := range map[string]string{
		"forged": "dGhpcyBpcyBub3QgYSBjb29raWUgb2Ygb3Vycw==", "truncated": good[:len(good)-5], "cut in half": good[:len(good)/2], "of another key": foreign,
		"flipped": string(flipped), "extended": good + "AAAA", "doubled": good + good, "the id": id, "zeros": strings.Repeat("A", len(good)), "not base64": "%%%", "long": strings.Repeat("A", 8000),
	} {
		x := s.browser()
		a := x.get("/session", "Cookie", "session="+value).want(200)
		if a.id() == id || a.header.Get("Set-Cookie") == "" {
			t.Errorf("%s: adopted", name)
		}
		if c := x.cookie(); c == nil || c.Value == value {
			t.Errorf("%s: not replaced", name)
		}
		y := s.browser().open("", "Cookie", "session="+value)
		if f := y.next(); string(f.ID) == `"`+id+`"` || y.http.Header.Get("Set-Cookie") == "" {
			t.Errorf("%s: adopted by /ws", name)
		}
	}
	// The good one among others is found, wherever it stands.
	for _, header := range []string{"session=forged; session=" + good, "session=" + good + "; session=forged", "other=1; session=" + good} {
		same(t, s.browser().get("/session", "Cookie", header).id(), id)
	}
	// And the token is taken from nowhere else.
	for _, a := range []answer{s.browser().get("/session?session=" + good), s.browser().get("/session?sid=" + good), s.browser().get("/session", "Authorization", "Bearer "+good), s.browser().get("/session", "Cookie", "__Host-session="+good)} {
		if a.id() == id {
			t.Errorf("%s: adopted", a.what)
		}
	}
}

const (
	oldSecret = "an old secret of at least 32 bytes, this is"
	newSecret = "a new secret of at least 32 bytes, this is "
)

func TestTheFirstKeySealsAndAllOpen(t *testing.T) {
	dir := t.TempDir()
	with := func(secrets ...string) *server {
		return start(t, setup{dir: dir, web: web.Options{Secrets: secrets}})
	}
	s := with(oldSecret)
	b := s.visit()
	b.post(`{"set":{"a":1}}`).want(200)
	id, value := b.id(), b.cookie().Value
	s.stop()

	s = with(newSecret, oldSecret)
	same(t, s.browser().get("/session", "Cookie", "session="+value).id(), id)
	fresh := s.visit().cookie().Value
	s.stop()

	s = with(newSecret)
	if s.browser().get("/session", "Cookie", "session="+value).id() == id {
		t.Error("a removed key still opens")
	}
	if s.browser().get("/session", "Cookie", "session="+fresh).header.Get("Set-Cookie") != "" {
		t.Error("the first key did not seal")
	}
}

func TestAShortKeyIsRefusedAtTheStart(t *testing.T) {
	if web.CheckSecret(strings.Repeat("x", 31)) == nil || web.CheckSecret(strings.Repeat("x", 32)) != nil {
		t.Error("a key has at least 32 bytes")
	}
}

// counting counts what would be stored.
type counting struct {
	session.Store
	updates atomic.Int32
}

func (c *counting) Update(u session.Update) { c.updates.Add(1); c.Store.Update(u) }

func TestNothingIsStoredForWhoWritesNothing(t *testing.T) {
	counter := &counting{}
	s := start(t, setup{
		wrap: func(inner session.Store) session.Store { counter.Store = inner; return counter }, web: web.Options{Tour: true},
		session: session.Options{IdleTimeout: briefly}, // so that activity is worth a commit soon
	})
	for range 2 {
		b := s.visit()
		b.enter("")
		b.events("")
		for _, path := range []string{"/session", "/session/keys/a", "/session/tabs", "/live", "/shop", "/nothing", "/seshd.js", "/seshd-events.js", "/ws"} {
			b.get(path)
			b.do("HEAD", path, "")
		}
		b.do("HEAD", "/cherries", "").want(200)
		b.get("/cherries", "Sec-Purpose", "prefetch").want(503)
		x, _ := b.enter("")
		x.send(`{"get":true}`)
		x.until("session")
		b.id()
	}
	if n := counter.updates.Load(); n != 0 {
		t.Errorf("%d updates", n)
	}
}
