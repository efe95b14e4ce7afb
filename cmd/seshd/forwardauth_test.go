package main

import (
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
)

// identity are the headers by which an app learns who its visitor is.
var identity = []string{"X-Session-Id", "X-Session-User", "X-Session-Version"}

// mirror is an app that answers with the headers of the request as they reached it, and with the length of its body.
type mirror struct {
	addr    string
	reached atomic.Int32
}

type reflection struct {
	Method, URI, Host string
	Header            http.Header
	Body              int64
}

func newMirror(t *testing.T) *mirror {
	m := &mirror{}
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		m.reached.Add(1)
		n, _ := io.Copy(io.Discard, r.Body)
		w.Header().Set("Cache-Control", "public, max-age=3600")
		w.Header().Set("Set-Cookie", "theme=dark; Path=/")
		json.NewEncoder(w).Encode(reflection{r.Method, r.RequestURI, r.Host, r.Header, n})
	}))
	t.Cleanup(server.Close)
	m.addr = server.Listener.Addr().String()
	return m
}

// seen sends a request with headers, of any spelling, and returns what the app saw of it.
func (b *browser) seen(t *testing.T, method, path, body string, header http.Header) (*http.Response, reflection) {
	t.Helper()
	request, err := http.NewRequest(method, "http://"+b.addr+path, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	for name, values := range header {
		request.Header[name] = values
	}
	response, err := b.http.Do(request)
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	var r reflection
	if text, err := io.ReadAll(response.Body); err != nil || response.StatusCode != http.StatusOK || json.Unmarshal(text, &r) != nil {
		t.Fatalf("%s %s: %s %s %v", method, path, response.Status, text, err)
	}
	return response, r
}

// under returns all values that a CGI or WSGI server would hand to its app under a header's name.
func (r reflection) under(name string) (values []string) {
	fold := func(s string) string { return strings.ToUpper(strings.ReplaceAll(s, "-", "_")) }
	for have, v := range r.Header {
		if fold(have) == fold(name) {
			values = append(values, v...)
		}
	}
	return values
}

// spoofed are the headers of a client that would be somebody else, in every spelling.
func spoofed() http.Header {
	header := http.Header{}
	for _, name := range identity {
		for _, as := range []string{name, strings.ToLower(name), strings.ReplaceAll(name, "-", "_"), strings.Replace(name, "-", "_", 1),
			strings.ToUpper(strings.ReplaceAll(name, "-", "_")), "x-" + strings.ReplaceAll(strings.ToLower(name[2:]), "-", "_")} {
			header[as] = []string{"spoofed"}
		}
	}
	return header
}

// frontends start the proxies that people have, each on the very file of docs/deploy with the addresses of the test.
var frontends = map[string]func(t *testing.T, p *process, app string, edit ...string) string{
	"nginx": startNginx,
	"caddy": startCaddy,
}

// deployed reads a file of docs/deploy and puts the addresses of the test into it. Edits are pairs of what is there and what
// is to be there.
func deployed(t *testing.T, name string, edits ...string) string {
	t.Helper()
	text := readFile(t, "docs/deploy/"+name)
	for i := 0; i < len(edits); i += 2 {
		if !strings.Contains(text, edits[i]) {
			t.Fatalf("docs/deploy/%s has no %q", name, edits[i])
		}
		text = strings.ReplaceAll(text, edits[i], edits[i+1])
	}
	return text
}

func startNginx(t *testing.T, p *process, app string, edit ...string) string {
	t.Helper()
	addr := freeAddr(t)
	runNginx(t, addr, deployed(t, "nginx-auth.conf", append(edit, "listen 80;", "listen "+addr+";",
		"127.0.0.1:3000", app, "127.0.0.1:8000", p.addr, "127.0.0.1:8001", p.internal)...))
	return addr
}

func startCaddy(t *testing.T, p *process, app string, edit ...string) string {
	t.Helper()
	addr := freeAddr(t)
	runCaddy(t, addr, deployed(t, "Caddyfile-auth", append(edit, "\n:80 {", "\nhttp://"+addr+" {",
		"127.0.0.1:3000", app, "127.0.0.1:8000", p.addr, "127.0.0.1:8001", p.internal)...))
	return addr
}

// eachFrontend runs a test behind each of the proxies, with a server and an app of its own.
func eachFrontend(t *testing.T, test func(t *testing.T, p *process, app *mirror, begin func(edit ...string) *browser)) {
	for name, begin := range frontends {
		t.Run(name, func(t *testing.T) {
			p, app := start(t, t.TempDir(), "--api-key="+plumKey, "--trusted-proxies=127.0.0.1"), newMirror(t)
			test(t, p, app, func(edit ...string) *browser { return newBrowser(t, begin(t, p, app.addr, edit...)) })
		})
	}
}

// TestSecurity16IdentityHeadersAreAlwaysEmitted: also when empty, and when refused, so that a proxy has something to overwrite
// a client's copies with.
func TestSecurity16IdentityHeadersAreAlwaysEmitted(t *testing.T) {
	p := start(t, t.TempDir())
	for _, line := range []string{"GET /auth", "GET /auth?require=user", "GET /auth?require=nothing", "POST /auth", "HEAD /auth"} {
		method, path, _ := strings.Cut(line, " ")
		request, err := http.NewRequest(method, "http://"+p.internal+path, nil)
		if err != nil {
			t.Fatal(err)
		}
		request.Header = spoofed()
		response, err := http.DefaultClient.Do(request)
		if err != nil {
			t.Fatal(err)
		}
		response.Body.Close()
		for _, name := range identity {
			if got := response.Header[name]; !slices.Equal(got, []string{""}) {
				t.Errorf("%s: %s %q, want one that is empty", line, name, got)
			}
		}
	}
}

// TestSecurity16SpoofedHeadersNeverReachTheApp, whatever proxy stands there.
func TestSecurity16SpoofedHeadersNeverReachTheApp(t *testing.T) {
	eachFrontend(t, func(t *testing.T, _ *process, app *mirror, begin func(...string) *browser) {
		b := begin()
		none := map[string]string{}
		check := func(want map[string]string) {
			t.Helper()
			_, r := b.seen(t, "GET", "/page?x=1", "", spoofed())
			for _, name := range identity {
				if got := strings.Join(r.under(name), "|"); got != want[name] {
					t.Errorf("%s reached the app as %q, want %q", name, got, want[name])
				}
			}
		}
		check(none) // a guest
		if _, err := b.post(`{"set":{"fruit":"cherries"}}`, ""); err != nil {
			t.Fatal(err)
		}
		s, err := b.session()
		if err != nil {
			t.Fatal(err)
		}
		check(map[string]string{"X-Session-Id": strings.Trim(string(s.ID), `"`), "X-Session-Version": "1"})
	})
}

// TestProxiesTunnelNothingButWebSocket: what is within any other protocol would not have the identity headers.
func TestProxiesTunnelNothingButWebSocket(t *testing.T) {
	eachFrontend(t, func(t *testing.T, _ *process, _ *mirror, begin func(...string) *browser) {
		b := begin()
		for protocol, want := range map[string]string{"websocket": "websocket", "WebSocket": "websocket", "h2c": "", "websocket, h2c": ""} {
			_, r := b.seen(t, "GET", "/page", "", http.Header{"Connection": {"Upgrade, HTTP2-Settings"}, "Upgrade": {protocol}, "Http2-Settings": {"AAMAAABkAAQAAP__"}})
			if got := r.Header.Get("Upgrade"); !strings.EqualFold(got, want) {
				t.Errorf("Upgrade: %s reached the app as %q, want %q", protocol, got, want)
			}
		}
	})
}

func TestProxiesLetGuestsPassAndGiveThemACookie(t *testing.T) {
	eachFrontend(t, func(t *testing.T, _ *process, app *mirror, begin func(...string) *browser) {
		b := begin()
		first, _ := b.seen(t, "GET", "/", "", nil)
		if set := setCookies(first); !slices.Equal(set, []string{"session", "theme"}) {
			t.Errorf("cookies %q", set)
		}
		if cache := first.Header.Values("Cache-Control"); !slices.Equal(cache, []string{"no-store"}) || !strings.Contains(strings.Join(first.Header.Values("Vary"), ","), "Cookie") {
			t.Errorf("Cache-Control %q, Vary %q, though a cookie is set", cache, first.Header.Values("Vary"))
		}
		second, r := b.seen(t, "POST", "/form", strings.Repeat("x", 100_000), nil)
		if set := setCookies(second); !slices.Equal(set, []string{"theme"}) {
			t.Errorf("the cookie is not taken: again %q", set)
		}
		if cache := second.Header.Values("Cache-Control"); !slices.Equal(cache, []string{"public, max-age=3600"}) {
			t.Errorf("the app's Cache-Control is now %q", cache)
		}
		if r.Method != "POST" || r.Body != 100_000 || r.Header.Get("X-Session-Id") == "" {
			t.Errorf("the app got %+v", r)
		}
		if s, err := b.session(); err != nil || strings.Trim(string(s.ID), `"`) != r.Header.Get("X-Session-Id") {
			t.Errorf("the app was told %s, the session is %s (%v)", r.Header.Get("X-Session-Id"), s.ID, err)
		}
		openTab(t, b) // through the proxy
	})
}

func TestProxiesLetUsersPassWhereUsersAreRequired(t *testing.T) {
	eachFrontend(t, func(t *testing.T, p *process, app *mirror, begin func(...string) *browser) {
		const asks = "/auth" // in both files the end of the line that asks
		before := app.reached.Load()
		b := begin(asks, asks+"?require=user")
		if status := b.status(t, "/"); status != http.StatusUnauthorized {
			t.Errorf("status %d", status)
		}
		if app.reached.Load() != before {
			t.Error("the app was reached")
		}
		old := b.logIn(t, p, "u42")
		if _, r := b.seen(t, "GET", "/", "", spoofed()); r.Header.Get("X-Session-User") != "u42" || len(r.under("X-Session-User")) != 1 {
			t.Errorf("the app was told of the user %q", r.under("X-Session-User"))
		}
		if stranger := newBrowser(t, b.addr); stranger.status(t, "/", "Cookie", old) != http.StatusUnauthorized {
			t.Error("the cookie from before the login passes")
		}
	})
}

// TestSecurity17TheAppIsNotReachedWithoutTheStore: where seshd is gone, nobody is a guest instead.
func TestSecurity17TheAppIsNotReachedWithoutTheStore(t *testing.T) {
	eachFrontend(t, func(t *testing.T, p *process, app *mirror, begin func(...string) *browser) {
		b := begin()
		b.seen(t, "GET", "/", "", nil)
		p.cmd.Process.Kill()
		p.exit(t)
		before := app.reached.Load()
		for _, client := range []*browser{b, newBrowser(t, b.addr)} {
			if status := client.status(t, "/"); status < 500 {
				t.Errorf("status %d", status)
			}
		}
		if app.reached.Load() != before {
			t.Error("the app was reached")
		}
	})
}

// status asks for a page; headers are pairs of name and value.
func (b *browser) status(t *testing.T, path string, headers ...string) int {
	t.Helper()
	request, err := http.NewRequest(http.MethodGet, "http://"+b.addr+path, nil)
	if err != nil {
		t.Fatal(err)
	}
	for i := 0; i < len(headers); i += 2 {
		request.Header.Add(headers[i], headers[i+1])
	}
	response, err := b.http.Do(request)
	if err != nil {
		t.Fatal(err)
	}
	response.Body.Close()
	return response.StatusCode
}

// logIn does what a backend does at a login, by the server API (with plumKey), and returns the Cookie header from before it.
func (b *browser) logIn(t *testing.T, p *process, user string) (old string) {
	t.Helper()
	s, err := b.session()
	if err != nil {
		t.Fatal(err)
	}
	site := &url.URL{Scheme: "http", Host: b.addr, Path: "/"}
	for _, c := range b.http.Jar.Cookies(site) {
		if c.Name == "session" {
			old = c.String()
		}
	}
	request, err := http.NewRequest(http.MethodPost, "http://"+p.internal+"/v1/sessions/"+strings.Trim(string(s.ID), `"`)+"/login", strings.NewReader(`{"user":"`+user+`"}`))
	if err != nil {
		t.Fatal(err)
	}
	request.Header = http.Header{"Authorization": {"Bearer " + plumKey}, "Content-Type": {"application/json"}, "Cookie": {old}}
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		t.Fatal(err)
	}
	var answer struct {
		Cookies []string `json:"set_cookie"`
	}
	if err := decode(response, &answer); err != nil || len(answer.Cookies) != 1 {
		t.Fatalf("login: %v %v", answer, err)
	}
	b.http.Jar.SetCookies(site, (&http.Response{Header: http.Header{"Set-Cookie": answer.Cookies}}).Cookies())
	return old
}

func setCookies(response *http.Response) (names []string) {
	for _, c := range response.Cookies() {
		names = append(names, c.Name)
	}
	slices.Sort(names)
	return names
}
