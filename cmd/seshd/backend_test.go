package main

import (
	"encoding/json"
	"io"
	"net/http"
	"net/url"
	"strings"
	"testing"
)

// backend is an app's backend. It asks the internal listener with a key, and all it is answered is held against the
// description.
type backend struct {
	t    *testing.T
	addr string
	key  string
	http *http.Client
}

// startWithAPI starts a server whose API key the test knows.
func startWithAPI(t *testing.T, data string, more ...string) (*process, *backend) {
	t.Helper()
	p := start(t, data, withoutLimits(append([]string{"--api-key=" + plumKey}, more...)...)...)
	return p, newBackend(t, p)
}

func newBackend(t *testing.T, p *process) *backend {
	transport := &http.Transport{}
	t.Cleanup(transport.CloseIdleConnections)
	return &backend{t, p.internal, plumKey, &http.Client{Transport: described{t, transport}, Timeout: patience}}
}

// answered is a whole answer.
type answered struct {
	t      *testing.T
	what   string
	status int
	header http.Header
	body   string
}

// do sends a request; headers are pairs.
func (b *backend) do(method, path, body string, headers ...string) answered {
	b.t.Helper()
	response, err := b.http.Do(b.request(method, path, strings.NewReader(body), headers...))
	if err != nil {
		b.t.Fatal(err)
	}
	return read(b.t, response)
}

func (b *backend) request(method, path string, body io.Reader, headers ...string) *http.Request {
	b.t.Helper()
	r, err := http.NewRequestWithContext(b.t.Context(), method, "http://"+b.addr+path, body)
	if err != nil {
		b.t.Fatal(err)
	}
	if b.key != "" {
		r.Header.Set("Authorization", "Bearer "+b.key)
	}
	if r.ContentLength != 0 {
		r.Header.Set("Content-Type", "application/json")
	}
	for i := 0; i < len(headers); i += 2 {
		r.Header.Set(headers[i], headers[i+1])
	}
	return r
}

func read(t *testing.T, response *http.Response) answered {
	t.Helper()
	defer response.Body.Close()
	body, err := io.ReadAll(response.Body)
	if err != nil {
		t.Fatal(err)
	}
	return answered{t, response.Request.Method + " " + response.Request.URL.RequestURI(), response.StatusCode, response.Header, string(body)}
}

// want checks the status, and the code where there is one.
func (a answered) want(status int, code ...string) answered {
	a.t.Helper()
	if a.status != status || len(code) > 0 && !strings.Contains(a.body, `"code":"`+code[0]+`"`) {
		a.t.Fatalf("%s: %d %s\nwant %d %s", a.what, a.status, a.body, status, strings.Join(code, ""))
	}
	return a
}

// into decodes the body.
func (a answered) into(v any) {
	a.t.Helper()
	if err := json.Unmarshal([]byte(a.body), v); err != nil {
		a.t.Fatalf("%s: %v: %s", a.what, err, a.body)
	}
}

// whole is what the backend may know of a session.
type whole struct {
	ID, User, Device string
	Version          uint64
	Tabs             int
	Data             map[string]json.RawMessage
	Expires          string
}

// resolve asks whose cookie this is.
func (b *backend) resolve(v *browser) (w whole) {
	b.t.Helper()
	b.do("POST", "/v1/resolve", "", "Cookie", v.cookie()).want(200).into(&w)
	return w
}

// login is what login and rotate answer.
type login struct {
	ID, Device string
	Version    uint64
	SetCookie  []string `json:"set_cookie"`
	Kept       []string
	Combined   []struct{ Key, How string }
}

// login logs a browser in as the backend of a site does: it relays the cookie, and the cookies that are answered.
func (b *backend) login(v *browser, body string) login {
	b.t.Helper()
	return b.change(v, "login", body)
}

func (b *backend) rotate(v *browser) login {
	b.t.Helper()
	return b.change(v, "rotate", "")
}

func (b *backend) change(v *browser, verb, body string) (l login) {
	b.t.Helper()
	id := b.resolve(v).ID
	b.do("POST", "/v1/sessions/"+id+"/"+verb, body, "Cookie", v.cookie()).want(200).into(&l)
	v.take(l.SetCookie)
	return l
}

func (b *backend) logout(v *browser, body string) answered {
	b.t.Helper()
	a := b.do("POST", "/v1/sessions/"+b.resolve(v).ID+"/logout", body, "Cookie", v.cookie()).want(200)
	var out struct {
		SetCookie []string `json:"set_cookie"`
	}
	a.into(&out)
	v.take(out.SetCookie)
	return a
}

func (v *browser) url() *url.URL { return &url.URL{Scheme: "http", Host: v.addr, Path: "/"} }

// cookie is the browser's Cookie header.
func (v *browser) cookie() string {
	var parts []string
	for _, c := range v.http.Jar.Cookies(v.url()) {
		parts = append(parts, c.String())
	}
	return strings.Join(parts, "; ")
}

// take stores cookies as a browser does that is sent these Set-Cookie headers.
func (v *browser) take(lines []string) {
	response := http.Response{Header: http.Header{"Set-Cookie": lines}}
	v.http.Jar.SetCookies(v.url(), response.Cookies())
}

// twin is another browser that was given a copy of the cookie: whoever planted or stole it.
func (v *browser) twin(t *testing.T) *browser {
	t.Helper()
	other := newBrowser(t, v.addr)
	cookies, err := http.ParseCookie(v.cookie())
	if err != nil {
		t.Fatal(err)
	}
	other.http.Jar.SetCookies(other.url(), cookies)
	return other
}

// do sends a request; headers are pairs.
func (v *browser) do(t *testing.T, method, path, body string, headers ...string) answered {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), method, "http://"+v.addr+path, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	if body != "" {
		r.Header.Set("Content-Type", "application/json")
	}
	for i := 0; i < len(headers); i += 2 {
		r.Header.Set(headers[i], headers[i+1])
	}
	response, err := v.http.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	return read(t, response)
}

// visitor is a browser whose session holds something.
func visitor(t *testing.T, p *process, mutation string) *browser {
	t.Helper()
	v := newBrowser(t, p.addr)
	if _, err := v.post(mutation, ""); err != nil {
		t.Fatal(err)
	}
	return v
}

// goes waits until a tab is sent away, and checks its last frame and its close code.
func (tb *tab) goes(t *testing.T, code int, bye string) frame {
	t.Helper()
	last := frame{}
	for {
		f, err := tb.next()
		if err != nil {
			if !websocketClosed(err, code) || last.Type != "bye" || last.Code != bye {
				t.Fatalf("the last frame is %s, then %v; want bye %s and %d", last.text, err, bye, code)
			}
			return last
		}
		last = f
	}
}
