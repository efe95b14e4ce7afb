package web_test

import (
	"io"
	"net/http"
	"net/http/cookiejar"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/gorilla/websocket"

	"github.com/seshd/seshd/session"
	"github.com/seshd/seshd/web"
)

// appBehind is an app that a server proxies to. It keeps the last request that reached it.
type appBehind struct {
	url  *url.URL
	last atomic.Pointer[http.Request]
}

func newAppBehind(t *testing.T, handle http.HandlerFunc) *appBehind {
	t.Helper()
	a := &appBehind{}
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		a.last.Store(r)
		if handle != nil {
			handle(w, r)
		}
	}))
	t.Cleanup(server.Close)
	a.url, _ = url.Parse(server.URL)
	return a
}

// reached returns the last request that came through, and forgets it.
func (a *appBehind) reached() *http.Request { return a.last.Swap(nil) }

func TestWhatSeshdOwnsDoesNotReachTheApp(t *testing.T) {
	app := newAppBehind(t, nil)
	b := start(t, setup{
		web: web.Options{App: app.url},
		routes: func(own *web.App) {
			own.HandleFunc("/mine", func(w http.ResponseWriter, r *http.Request) { io.WriteString(w, "mine") }).Methods("GET")
		},
	}).visit()
	for _, path := range []string{"/session", "/session/", "/session/nothing", "/session/keys/a", "/ws", "/seshd.js", "/seshd-events.js", "/mine"} {
		for _, method := range []string{"GET", "POST", "OPTIONS"} {
			b.do(method, path, "")
			if app.reached() != nil {
				t.Errorf("%s %s reached the app", method, path)
			}
		}
	}
	for _, path := range []string{"/", "/live", "/cherries", "/sessions", "/ws/more", "//double", "/a/../b", "/a%2Fb%20c", "/%73ession", "/x?a;b=%zz&c", "/y?"} {
		for _, method := range []string{"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "PURGE"} {
			b.do(method, path, "").want(200)
			if r := app.reached(); r == nil || r.Method != method || r.RequestURI != path {
				t.Errorf("%s %s reached the app as %+v", method, path, r)
			}
		}
	}
}

func TestTheTourIsTheAppsUnlessAskedFor(t *testing.T) {
	app := newAppBehind(t, nil)
	b := start(t, setup{web: web.Options{App: app.url, Tour: true}}).visit()
	same(t, b.get("/").want(200).body, "hello")
	b.get("/live").want(200)
	b.get("/other").want(200)
	if r := app.reached(); r.URL.Path != "/other" {
		t.Errorf("the app got %s", r.URL)
	}
}

func TestAStaleCookieReachesTheAppAsAGuest(t *testing.T) {
	app := newAppBehind(t, nil)
	old := &stale{}
	s := start(t, setup{web: web.Options{App: app.url}, wrap: func(inner session.Store) session.Store { old.Store = inner; return old }})
	b := s.visit()
	old.on.Store(true)
	a := b.get("/", "Cookie", "theme=dark").want(200)
	r := app.reached()
	answer{t: t, what: "the request", header: r.Header}.says("", "", "")
	if cookies := strings.Join(r.Header["Cookie"], "|"); !strings.Contains(cookies, "session=") || !strings.Contains(cookies, "theme=dark") {
		t.Errorf("the app got the cookies %q: without the replaced one, the server API could take a planted one for it", cookies)
	}
	if a.header.Get("Set-Cookie") != "" {
		t.Error("the newer cookie would be overwritten")
	}
}

func TestTheAppIsNotReachedWhereTheSessionIsNotKnown(t *testing.T) {
	app := newAppBehind(t, nil)
	down := &switchable{}
	s := start(t, setup{web: web.Options{App: app.url}, wrap: func(inner session.Store) session.Store { down.Store = inner; return down }})
	b := s.visit()
	b.get("/", "Session-Id", strings.Repeat("0", 32)).problem(409, "other_session")
	down.off.Store(true)
	b.get("/").problem(503, "unavailable")
	if app.reached() != nil {
		t.Error("it was")
	}
}

func TestPassingOnWritesNothing(t *testing.T) {
	app := newAppBehind(t, nil)
	counter := &counting{}
	s := start(t, setup{
		web: web.Options{App: app.url}, session: session.Options{IdleTimeout: 2 * time.Second},
		wrap: func(inner session.Store) session.Store { counter.Store = inner; return counter },
	})
	b := s.browser()
	b.get("/").want(200)
	b.do("POST", "/", "{}").want(200)
	if n := counter.updates.Load(); n != 0 {
		t.Errorf("%d updates for a visitor who wrote nothing", n)
	}
	b.post(`{"set":{"a":1}}`).want(200)
	<-time.After(s.manager.Grain() + 20*time.Millisecond) // less is not worth a commit
	before := counter.updates.Load()
	b.do("HEAD", "/", "").want(200)
	b.get("/", "Sec-Purpose", "prefetch").want(200)
	if n := counter.updates.Load(); n != before {
		t.Error("what writes nothing counts as activity")
	}
	if b.get("/").want(200); counter.updates.Load() == before {
		t.Error("a request is no activity")
	}
}

func TestOverTLSTheAppGetsTheHTTPSCookie(t *testing.T) {
	app := newAppBehind(t, nil)
	s := start(t, setup{web: web.Options{App: app.url}})
	b := overTLS(t, s)
	a := b.get("/", "Cookie", "session=the app's own").want(200).guarded()
	set, err := http.ParseSetCookie(a.header.Get("Set-Cookie"))
	if err != nil || set.Name != "__Host-session" || !set.Secure {
		t.Fatalf("Set-Cookie %q", a.header.Get("Set-Cookie"))
	}
	r := app.reached()
	same(t, r.Header.Get("Cookie"), "session=the app's own; __Host-session="+set.Value)
	same(t, r.Header.Get("X-Forwarded-Proto"), "https")

	plain := s.visit()
	plain.get("/", "Cookie", "__Host-session=of another site on this machine").want(200)
	same(t, app.reached().Header.Get("Cookie"), "session="+plain.cookie().Value) // as the API would prefer the other
}

// hurried serves an app by a server that gives a whole request, and a whole answer, less time than they take here. So do
// the deadlines of single writes, which nothing is to be bound by while it does not write.
func hurried(t *testing.T, s *server, protocol int) *browser {
	t.Helper()
	short := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.ProtoMajor != protocol {
			t.Errorf("%s, want version %d", r.Proto, protocol)
		}
		s.app.ServeHTTP(hasty{w}, r)
	}))
	short.Config.ReadTimeout, short.Config.WriteTimeout = hurry, hurry
	if protocol == 2 {
		short.EnableHTTP2 = true
		short.StartTLS()
	} else {
		short.Start()
	}
	t.Cleanup(short.Close)
	client := short.Client()
	client.Jar, _ = cookiejar.New(nil)
	client.Timeout = patience
	t.Cleanup(client.CloseIdleConnections)
	return &browser{t, &server{t: t, url: short.URL}, client.Jar, client}
}

const hurry = 100 * time.Millisecond

// hasty makes every deadline of a write a short one.
type hasty struct{ http.ResponseWriter }

func (h hasty) Unwrap() http.ResponseWriter { return h.ResponseWriter }

func (h hasty) SetWriteDeadline(at time.Time) error {
	if !at.IsZero() {
		at = time.Now().Add(hurry)
	}
	return http.NewResponseController(h.ResponseWriter).SetWriteDeadline(at)
}

func TestNoTimeOfTheServerCutsWhatMoves(t *testing.T) {
	const parts, between = 4, 3 * hurry / 2
	app := newAppBehind(t, func(w http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(r.Body)
		if err != nil {
			t.Error(err)
		}
		for range parts {
			<-time.After(between)
			w.Write([]byte("part "))
			http.NewResponseController(w).Flush()
		}
		w.Write(body)
	})
	s := start(t, setup{web: web.Options{App: app.url}})
	for _, protocol := range []int{1, 2} {
		b := hurried(t, s, protocol)
		up, feed := io.Pipe()
		go func() {
			for range parts {
				<-time.After(between)
				io.WriteString(feed, "PART ")
			}
			feed.Close()
		}()
		defer up.Close()
		r, _ := http.NewRequest("POST", b.s.url+"/", up)
		same(t, b.send(r).want(200).body, strings.Repeat("part ", parts)+strings.Repeat("PART ", parts))
		same(t, b.get("/").want(200).body, strings.Repeat("part ", parts)) // on the same connection
	}
}

func TestNothingButWebSocketIsTunnelled(t *testing.T) {
	app := newAppBehind(t, nil)
	b := start(t, setup{web: web.Options{App: app.url}}).visit()
	for _, protocol := range []string{"h2c", "websocket, h2c", "h2c, websocket", "tcp"} {
		b.get("/", "Connection", "Upgrade, HTTP2-Settings", "Upgrade", protocol, "HTTP2-Settings", "AAMAAABkAAQAAP__").want(200)
		if got := app.reached().Header; got.Get("Upgrade")+got.Get("Connection")+got.Get("HTTP2-Settings") != "" {
			t.Errorf("Upgrade: %s reached the app as %v", protocol, got)
		}
	}
}

func TestAShutdownDoesNotWaitForASocketThatIsNotRead(t *testing.T) {
	full, over := make(chan bool), make(chan bool)
	app := newAppBehind(t, func(w http.ResponseWriter, r *http.Request) {
		upgrader := websocket.Upgrader{}
		conn, err := upgrader.Upgrade(w, r, nil)
		if err != nil {
			return
		}
		defer conn.Close()
		flood := make([]byte, 1<<20)
		for err == nil { // until nothing fits in between any more
			conn.SetWriteDeadline(time.Now().Add(200 * time.Millisecond))
			err = conn.WriteMessage(websocket.BinaryMessage, flood)
		}
		full <- true
		<-over
	})
	s := start(t, setup{web: web.Options{App: app.url, ShutdownTimeout: 200 * time.Millisecond}})
	conn, _, err := websocket.DefaultDialer.Dial("ws"+strings.TrimPrefix(s.url, "http")+"/socket", nil)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	defer close(over)
	<-full
	stopped := make(chan bool)
	go func() { s.stop(); close(stopped) }()
	select {
	case <-stopped:
	case <-time.After(patience):
		t.Fatal("the server still waits for the client to read")
	}
}

func TestAShutdownEndsTheAppsStreamsAndNothingElse(t *testing.T) {
	begun, finish := make(chan bool, 3), make(chan bool)
	app := newAppBehind(t, func(w http.ResponseWriter, r *http.Request) {
		switch r.URL.Path {
		case "/socket":
			upgrader := websocket.Upgrader{}
			if conn, err := upgrader.Upgrade(w, r, nil); err == nil {
				begun <- true
				conn.ReadMessage() // until the end
				conn.Close()
			}
		case "/stream":
			w.Header().Set("Content-Type", "text/event-stream")
			http.NewResponseController(w).Flush()
			begun <- true
			<-r.Context().Done()
		default:
			begun <- true
			<-finish
			io.WriteString(w, "done")
		}
	})
	s := start(t, setup{web: web.Options{App: app.url}})
	b := s.visit()
	conn, _, err := websocket.DefaultDialer.Dial("ws"+strings.TrimPrefix(s.url, "http")+"/socket", nil)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	stream, err := b.http.Get(s.url + "/stream")
	if err != nil {
		t.Fatal(err)
	}
	defer stream.Body.Close()
	slow := make(chan string)
	go func() { slow <- s.browser().get("/slow").body }()
	for range 3 {
		<-begun
	}
	s.drain()
	if _, _, err := conn.ReadMessage(); err == nil {
		t.Error("the socket goes on")
	}
	if _, err := io.ReadAll(stream.Body); err == nil {
		t.Error("the stream looks as if it were complete")
	}
	close(finish)
	same(t, <-slow, "done")
}
