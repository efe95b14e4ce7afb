package web_test

import (
	"context"
	"encoding/json"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/cookiejar"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/seshd/seshd/session"
	"github.com/seshd/seshd/session/pebblestore"
	"github.com/seshd/seshd/web"
)

// patience is how long a test waits for what must come; nothing waits for it where all is well.
const patience = 10 * time.Second

// setup is what a test may want different from a server with default options.
type setup struct {
	session session.Options
	web     web.Options
	dir     string                            // of the store; empty: a new one
	wrap    func(session.Store) session.Store // what stands between the server and its store
	routes  func(*web.App)
	public  func(net.Listener) net.Listener // what stands between the server and its clients
}

// server is a whole server in this process, on a port of its own.
type server struct {
	t        *testing.T
	app      *web.App
	manager  *session.Manager
	store    session.Store
	dir      string
	url      string // of the public listener
	internal string // URL of the internal listener
	drain    context.CancelFunc
	stop     func() // drains and closes everything; may be called more than once
}

// keeper lets a wrapped store keep secrets like the one inside.
type keeper struct {
	session.Store
	session.Keeper
}

func start(t *testing.T, s setup) *server {
	t.Helper()
	if s.dir == "" {
		s.dir = t.TempDir()
	}
	quiet := slog.New(slog.DiscardHandler)
	if s.web.Logger == nil {
		s.web.Logger = quiet
	}
	if s.session.Logger == nil {
		s.session.Logger = s.web.Logger
	}
	if s.web.ShutdownTimeout == 0 {
		s.web.ShutdownTimeout = patience
	}
	disk, err := pebblestore.Open(s.dir, pebblestore.Options{Logger: quiet})
	if err != nil {
		t.Fatal(err)
	}
	var store session.Store = disk
	if s.wrap != nil {
		store = keeper{s.wrap(disk), disk}
	}
	manager := session.NewManager(store, s.session)
	app := web.New(manager, s.web)
	if s.routes != nil {
		s.routes(app)
	}
	srv := &server{t: t, app: app, manager: manager, store: disk, dir: s.dir}
	public := listen(t)
	srv.url = "http://" + public.Addr().String()
	if s.public != nil {
		public = s.public(public)
	}
	srv.serve(public)
	t.Cleanup(srv.stop)
	return srv
}

func (s *server) serve(public net.Listener) {
	internal := listen(s.t)
	s.internal = "http://" + internal.Addr().String()
	ctx, cancel := context.WithCancel(context.Background())
	served := make(chan error, 1)
	go func() { served <- s.app.Serve(ctx, public, internal) }()
	var once sync.Once
	s.drain = cancel
	s.stop = func() {
		once.Do(func() {
			cancel()
			if err := <-served; err != nil {
				s.t.Errorf("Serve: %v", err)
			}
			if err := s.manager.Close(); err != nil {
				s.t.Errorf("Close: %v", err)
			}
		})
	}
}

func listen(t *testing.T) net.Listener {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	return l
}

// browser is a cookie jar with the means to use it.
type browser struct {
	t    *testing.T
	s    *server
	jar  http.CookieJar
	http *http.Client
}

func (s *server) browser() *browser {
	jar, _ := cookiejar.New(nil)
	transport := &http.Transport{}
	s.t.Cleanup(transport.CloseIdleConnections)
	return &browser{s.t, s, jar, &http.Client{
		Transport: transport, Jar: jar, Timeout: patience,
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}}
}

// visit makes a browser that has its cookie.
func (s *server) visit() *browser {
	s.t.Helper()
	b := s.browser()
	b.get("/session").want(http.StatusOK)
	return b
}

// answer is a whole response.
type answer struct {
	t      *testing.T
	what   string
	status int
	header http.Header
	body   string
}

// do sends a request; headers are pairs of name and value, and may add several of one name.
func (b *browser) do(method, path, body string, headers ...string) answer {
	b.t.Helper()
	r, err := http.NewRequest(method, b.s.url+path, strings.NewReader(body))
	if err != nil {
		b.t.Fatal(err)
	}
	for i := 0; i < len(headers); i += 2 {
		r.Header.Add(headers[i], headers[i+1])
	}
	if body != "" && r.Header.Get("Content-Type") == "" {
		r.Header.Set("Content-Type", "application/json")
	}
	return b.send(r)
}

func (b *browser) send(r *http.Request) answer {
	b.t.Helper()
	response, err := b.http.Do(r)
	if err != nil {
		b.t.Fatal(err)
	}
	defer response.Body.Close()
	text, err := io.ReadAll(response.Body)
	if err != nil {
		b.t.Fatal(err)
	}
	return answer{b.t, r.Method + " " + r.URL.RequestURI(), response.StatusCode, response.Header, string(text)}
}

func (b *browser) get(path string, headers ...string) answer {
	b.t.Helper()
	return b.do("GET", path, "", headers...)
}

func (b *browser) post(mutation string, headers ...string) answer {
	b.t.Helper()
	return b.do("POST", "/session", mutation, headers...)
}

func (a answer) want(status int) answer {
	a.t.Helper()
	if a.status != status {
		a.t.Fatalf("%s: status %d, want %d\n%s", a.what, a.status, status, a.body)
	}
	return a
}

// problem checks a refusal in its whole form, and returns its members.
func (a answer) problem(status int, code string) map[string]any {
	a.t.Helper()
	a.want(status)
	var p map[string]any
	if err := json.Unmarshal([]byte(a.body), &p); err != nil {
		a.t.Fatalf("%s: not JSON: %s", a.what, a.body)
	}
	if got := a.header.Get("Content-Type"); got != "application/problem+json" {
		a.t.Errorf("%s: Content-Type %q", a.what, got)
	}
	detail, _ := p["detail"].(string)
	if kind, _ := p["type"].(string); !strings.HasSuffix(kind, "/session/problems#"+code) {
		a.t.Errorf("%s: type %q", a.what, p["type"])
	}
	if p["code"] != code || p["status"] != float64(status) || p["title"] != http.StatusText(status) || detail == "" {
		a.t.Errorf("%s: want code %s with title, status and detail, got %s", a.what, code, a.body)
	}
	return p
}

// id is the session's, from the body of an answer.
func (a answer) id() string {
	a.t.Helper()
	var body struct{ ID string }
	if json.Unmarshal([]byte(a.body), &body) != nil || len(body.ID) != 32 {
		a.t.Fatalf("%s: no id in %s", a.what, a.body)
	}
	return body.ID
}

// id is the session that the browser's cookie leads to.
func (b *browser) id() string {
	b.t.Helper()
	return b.get("/session").want(http.StatusOK).id()
}

// same compares a text with what it must be.
func same(t *testing.T, got, want string) {
	t.Helper()
	if got != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
}

// cookie is the browser's session cookie, nil if it has none.
func (b *browser) cookie() *http.Cookie {
	u, _ := url.Parse(b.s.url)
	for _, c := range b.jar.Cookies(u) {
		if c.Name == "session" {
			return c
		}
	}
	return nil
}

// setCookie gives the browser a session cookie.
func (b *browser) setCookie(value string) {
	u, _ := url.Parse(b.s.url)
	b.jar.SetCookies(u, []*http.Cookie{{Name: "session", Value: value, Path: "/"}})
}
