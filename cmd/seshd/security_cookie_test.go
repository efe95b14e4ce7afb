package main

import (
	"net/http"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/gorilla/websocket"
)

// Row 1, from outside; package session draws 100,000.
func TestSecurity01NoTwoVisitorsAreAlike(t *testing.T) {
	p := start(t, t.TempDir(), withoutLimits("--secret-key="+cherryKey)...)
	v := newBrowser(t, p.addr)
	v.http.Jar = nil
	seen := map[string]bool{}
	for range 3000 {
		a := v.do(t, "GET", "/session", "").want(200)
		var s struct{ ID string }
		a.into(&s)
		cookie, err := http.ParseSetCookie(a.header.Get("Set-Cookie"))
		if err != nil {
			t.Fatal(err)
		}
		for _, name := range []string{s.ID, cookie.Value, string(tokenIn(t, cookie.Value))} {
			if seen[name] {
				t.Fatalf("%q came twice", name)
			}
			seen[name] = true
		}
	}
}

// Row 2: what does not verify is never adopted.
func TestSecurity02AForgedCookieIsNeverAdopted(t *testing.T) {
	p, b := startWithAPI(t, t.TempDir())
	other, _ := startWithAPI(t, t.TempDir())
	v := visitor(t, p, `{"set":{"a":1}}`)
	w := b.resolve(v)
	_, good, _ := strings.Cut(v.cookie(), "=")
	_, foreign, _ := strings.Cut(visitor(t, other, `{"set":{"a":1}}`).cookie(), "=")
	flipped := []byte(good)
	flipped[len(flipped)/2] ^= 1
	for name, value := range map[string]string{
		"truncated": good[:len(good)-1], "half": good[:len(good)/2], "longer": good + "A", "upper": strings.ToUpper(good), "padded": good + "=",
		"flipped": string(flipped), "of another key": foreign, "chosen": "0123456789abcdef0123456789abcdef", "id": w.ID, "device": w.Device,
		"empty": "", "quoted twice": `""` + good, "json": `{"id":"` + w.ID + `"}`, "long": strings.Repeat("A", 8000), "escaped": strings.ReplaceAll(good, "M", "%4D"),
	} {
		for _, as := range []string{"session", "Session", "__Host-session", " session"} {
			a := newBrowser(t, p.addr).do(t, "GET", "/session", "", "Cookie", as+"="+value)
			var got whole
			a.want(200).into(&got)
			if as == " session" && value == good {
				continue
			}
			if got.ID == w.ID || len(got.Data) > 0 || a.header.Get("Set-Cookie") == "" || value != "" && strings.Contains(a.header.Get("Set-Cookie"), value) {
				t.Errorf("%s as %q: %s %v", name, as, a.body, a.header["Set-Cookie"])
			}
			b.do("POST", "/v1/resolve", "", "Cookie", as+"="+value).want(404, "no_such_session")
		}
	}
}

// Row 5: a response that sets a cookie is stored by nobody.
func TestSecurity05ACookieIsNeverCached(t *testing.T) {
	p, b := startWithAPI(t, t.TempDir(), "--tour")
	for _, path := range []string{"/session", "/session/tabs", "/session/keys/none", "/", "/cherries", "/blueberries", "/destroy-session"} {
		uncached(t, newBrowser(t, p.addr).do(t, "GET", path, ""))
	}
	uncached(t, newBrowser(t, p.addr).do(t, "POST", "/session", `{"set":{"a":1}}`))
	uncached(t, newBrowser(t, p.addr).do(t, "PUT", "/session/keys/a", `1`))
	uncached(t, newBrowser(t, p.addr).do(t, "POST", "/session/ticket", ""))
	uncached(t, visitor(t, p, `{"set":{"a":1}}`).do(t, "DELETE", "/session", ""))
	conn, upgraded, err := websocket.DefaultDialer.Dial("ws://"+p.addr+"/ws", nil)
	if err != nil {
		t.Fatal(err)
	}
	conn.Close()
	uncached(t, answered{t, "GET /ws", upgraded.StatusCode, upgraded.Header, ""})
	uncached(t, b.do("GET", "/auth", ""))
	v := visitor(t, p, `{}`)
	for _, path := range []string{"/login", "/rotate", "/logout"} { // these answer with a cookie in the body
		body := map[string]string{"/login": `{"user":"u"}`}[path]
		a := b.do("POST", "/v1/sessions/"+b.resolve(v).ID+path, body, "Cookie", v.cookie()).want(200)
		if got := a.header.Get("Cache-Control"); got != "no-store" {
			t.Errorf("%s: %s", path, got)
		}
		var l login
		a.into(&l)
		v.take(l.SetCookie)
	}
}

func uncached(t *testing.T, a answered) {
	t.Helper()
	if a.header.Get("Set-Cookie") == "" || a.header.Get("Cache-Control") != "no-store" || !slices.Contains(a.header["Vary"], "Cookie") {
		t.Errorf("%s: %d %v", a.what, a.status, a.header)
	}
}

// Row 18: an old cookie key verifies until it is removed, then not.
func TestSecurity18KeysAreRotated(t *testing.T) {
	data := t.TempDir()
	p, b := startWithAPI(t, data, "--secret-key="+cherryKey)
	v := visitor(t, p, `{"set":{"a":1}}`)
	id := b.resolve(v).ID
	again := func(keys string) {
		p.signal(t, syscall.SIGTERM)
		p.exit(t)
		p, b = startWithAPI(t, data, "--secret-key="+keys)
	}
	old := v.cookie()
	again(plumKey + "," + cherryKey)
	if a := b.do("POST", "/v1/resolve", "", "Cookie", old).want(200); !strings.Contains(a.body, id) {
		t.Errorf("the old key leads to %s", a.body)
	}
	again(plumKey)
	b.do("POST", "/v1/resolve", "", "Cookie", old).want(404)
	a := newBrowser(t, p.addr).do(t, "GET", "/session", "", "Cookie", old)
	if a.want(200); strings.Contains(a.body, id) || a.header.Get("Set-Cookie") == "" {
		t.Errorf("a removed key leads to %s", a.body)
	}
	out, err := command(t, t.TempDir(), "--secret-key="+strings.Repeat("x", 31)).CombinedOutput()
	if err == nil || !strings.Contains(string(out), "31 bytes") {
		t.Errorf("a short key: %v %s", err, out)
	}
}

// Row 19: the cookie is good for exactly the lifetime, whatever securecookie's own default is.
func TestSecurity19TheCookieLivesAsLongAsTheLifetime(t *testing.T) {
	for lifetime, seconds := range map[string]int{"60d": 60 * 86400, "2s": 2} {
		p, b := startWithAPI(t, t.TempDir(), "--lifetime="+lifetime)
		a := newBrowser(t, p.addr).do(t, "POST", "/session", `{"set":{"a":1}}`)
		cookie, err := http.ParseSetCookie(a.header.Get("Set-Cookie"))
		if err != nil || cookie.MaxAge != seconds {
			t.Errorf("--lifetime %s: Max-Age %d %v", lifetime, cookie.MaxAge, err)
		}
		if seconds > 5 {
			continue
		}
		time.Sleep(time.Duration(seconds)*time.Second + 100*time.Millisecond)
		b.do("POST", "/v1/resolve", "", "Cookie", "session="+cookie.Value).want(404)
	}
}

// Row 23: Clear-Site-Data comes only where asked for, and no other cookie is touched.
func TestSecurity23ClearSiteDataOnlyWhereAskedFor(t *testing.T) {
	p, b := startWithAPI(t, t.TempDir())
	for query, want := range map[string]string{"": "", "?clear_site_data=true": `"storage"`, "?clear_site_data=false": "", "?clear_site_data": ""} {
		v := visitor(t, p, `{"set":{"a":1}}`)
		a := v.do(t, "DELETE", "/session"+query, "", "Cookie", v.cookie()+"; other=1").want(204)
		if got := a.header.Get("Clear-Site-Data"); got != want {
			t.Errorf("DELETE /session%s: %q", query, got)
		}
		onlyOurs(t, a.header["Set-Cookie"])
	}
	for body, want := range map[string]string{"": "", `{"clear_site_data":true}`: `"storage"`, `{"clear_site_data":false}`: "", `{"scope":"all"}`: ""} {
		a := b.logout(visitor(t, p, `{"set":{"a":1}}`), body)
		if got := a.header.Get("Clear-Site-Data"); got != want {
			t.Errorf("logout %s: %q", body, got)
		}
		var out login
		a.into(&out)
		onlyOurs(t, out.SetCookie)
	}
}

// onlyOurs checks lines that remove the cookie: ours, as it was set, and no other.
func onlyOurs(t *testing.T, lines []string) {
	t.Helper()
	for _, line := range lines {
		c, err := http.ParseSetCookie(line)
		if err != nil || c.Name != "session" || c.Path != "/" || c.Domain != "" || c.MaxAge >= 0 || !c.HttpOnly || c.SameSite != http.SameSiteLaxMode {
			t.Errorf("%q %v", line, err)
		}
	}
	if len(lines) != 1 {
		t.Errorf("%s cookies: %q", strconv.Itoa(len(lines)), lines)
	}
}
