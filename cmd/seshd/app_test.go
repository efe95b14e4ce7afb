package main

import (
	"bufio"
	"context"
	"crypto/sha256"
	"fmt"
	"hash"
	"io"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"strings"
	"testing"

	"github.com/gorilla/websocket"
)

// startBefore starts a server before an app.
func startBefore(t *testing.T, app string, args ...string) *process {
	t.Helper()
	return start(t, t.TempDir(), append(args, "--app", "http://"+app)...)
}

func TestAppIsToldWhoItsVisitorIs(t *testing.T) {
	app := newMirror(t)
	b := newBrowser(t, startBefore(t, app.addr).addr)

	first, r := b.seen(t, "GET", "/hello?a=1", "", spoofed())
	id := r.Header.Get("X-Session-Id")
	if r.Method != "GET" || r.URI != "/hello?a=1" || r.Host != b.addr || len(id) != 32 {
		t.Errorf("the app got %+v", r)
	}
	told := func(r reflection, version string) {
		t.Helper()
		for name, want := range map[string]string{"X-Session-Id": id, "X-Session-User": "", "X-Session-Version": version} {
			if got := r.under(name); !slices.Equal(got, []string{want}) {
				t.Errorf("%s reached the app as %q, want %q", name, got, want)
			}
		}
	}
	told(r, "0")
	if set := setCookies(first); !slices.Equal(set, []string{"session", "theme"}) {
		t.Errorf("cookies %q", set)
	}
	if cache := first.Header.Values("Cache-Control"); !slices.Equal(cache, []string{"no-store"}) || first.Header.Get("Vary") != "Cookie" {
		t.Errorf("Cache-Control %q, Vary %q, though a cookie is set", cache, first.Header.Get("Vary"))
	}
	// The app had the new cookie before the browser had it, and with it the same session.
	if have := (&http.Request{Header: r.Header}).CookiesNamed("session"); len(have) != 1 || have[0].Value != sessionCookie(t, first) {
		t.Errorf("Cookie %q of the app, %q of the browser", r.Header["Cookie"], first.Header["Set-Cookie"])
	}

	if _, err := b.post(`{"set":{"fruit":"cherries"}}`, ""); err != nil {
		t.Fatal(err)
	}
	second, r := b.seen(t, "POST", "/form", "fruit=plums", spoofed())
	told(r, "1")
	if r.Method != "POST" || r.Body != int64(len("fruit=plums")) || !strings.Contains(r.Header.Get("Cookie"), "theme=dark") {
		t.Errorf("the app got %+v", r)
	}
	if set := setCookies(second); !slices.Equal(set, []string{"theme"}) || second.Header.Get("Cache-Control") != "public, max-age=3600" || second.Header.Get("Vary") != "" {
		t.Errorf("the app's answer was changed: %v", second.Header)
	}
}

func TestAppIsToldHowItsVisitorCame(t *testing.T) {
	app := newMirror(t)
	b := newBrowser(t, startBefore(t, app.addr).addr)
	made := http.Header{}
	for _, name := range []string{"X-Forwarded-For", "X-Forwarded-Host", "X-Forwarded-Proto", "Forwarded"} {
		made[name] = []string{"spoofed"}
		made[strings.ReplaceAll(name, "-", "_")] = []string{"spoofed"}
	}
	_, r := b.seen(t, "GET", "/", "", made)
	for name, want := range map[string][]string{
		"X-Forwarded-For": {"127.0.0.1"}, "X-Forwarded-Host": {b.addr}, "X-Forwarded-Proto": {"http"}, "Forwarded": nil,
	} {
		if got := r.under(name); !slices.Equal(got, want) {
			t.Errorf("%s %q, want %q", name, got, want)
		}
	}
}

func TestBadCookieIsReplacedBeforeTheAppSeesIt(t *testing.T) {
	app := newMirror(t)
	b := newBrowser(t, startBefore(t, app.addr).addr)
	response, r := b.seen(t, "GET", "/", "", http.Header{"Cookie": {"a=1; session=forged; b=2"}})
	want := "a=1; b=2; session=" + sessionCookie(t, response)
	if got := r.Header["Cookie"]; !slices.Equal(got, []string{want}) {
		t.Errorf("Cookie %q, want %q", got, want)
	}
}

func TestAppIsToldOfTheUserAndTakesAReplacedCookieForAGuest(t *testing.T) {
	app := newMirror(t)
	p := startBefore(t, app.addr, "--api-key="+plumKey)
	b := newBrowser(t, p.addr)
	old := b.logIn(t, p, "u42")
	if _, r := b.seen(t, "GET", "/", "", spoofed()); !slices.Equal(r.under("X-Session-User"), []string{"u42"}) {
		t.Errorf("the app was told of the user %q", r.under("X-Session-User"))
	}
	response, r := newBrowser(t, p.addr).seen(t, "GET", "/", "", http.Header{"Cookie": {old + "; theme=dark"}})
	for _, name := range identity {
		if got := r.under(name); !slices.Equal(got, []string{""}) {
			t.Errorf("%s %q by a cookie that was replaced", name, got)
		}
	}
	if set, got := setCookies(response), r.Header["Cookie"]; !slices.Equal(set, []string{"theme"}) || !slices.Equal(got, []string{old + "; theme=dark"}) {
		t.Errorf("cookies set %q, and passed on %q", set, got)
	}
}

// TestCookieOfALoginThatTheAppRelaysWins: it is newer than the one that a new visitor would get.
func TestCookieOfALoginThatTheAppRelaysWins(t *testing.T) {
	app := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Cache-Control", "public")
		w.Header().Set("Set-Cookie", "session=relayed; Path=/; HttpOnly")
	}))
	defer app.Close()
	b := newBrowser(t, startBefore(t, app.Listener.Addr().String()).addr)
	response, err := b.http.Get("http://" + b.addr + "/")
	if err != nil {
		t.Fatal(err)
	}
	response.Body.Close()
	if set := response.Header["Set-Cookie"]; !slices.Equal(set, []string{"session=relayed; Path=/; HttpOnly"}) || response.Header.Get("Cache-Control") != "no-store" {
		t.Errorf("got %v", response.Header)
	}
}

func TestHeadOfTheAppHasACookieAndNoBody(t *testing.T) {
	app := newMirror(t)
	b := newBrowser(t, startBefore(t, app.addr).addr)
	response, err := b.http.Head("http://" + b.addr + "/page")
	if err != nil {
		t.Fatal(err)
	}
	response.Body.Close()
	if response.StatusCode != http.StatusOK || !slices.Contains(setCookies(response), "session") || app.reached.Load() != 1 {
		t.Errorf("%s %v", response.Status, response.Header)
	}
}

func TestSocketOfTheAppPassesThrough(t *testing.T) {
	app := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		upgrader := websocket.Upgrader{Subprotocols: []string{"echo"}, CheckOrigin: func(r *http.Request) bool { return r.Header.Get("Origin") == "https://elsewhere.example" }}
		conn, err := upgrader.Upgrade(w, r, http.Header{"X-Saw": {r.Header.Get("X-Session-Id")}})
		if err != nil {
			return
		}
		defer conn.Close()
		for err == nil {
			var kind int
			var message []byte
			if kind, message, err = conn.ReadMessage(); err == nil {
				err = conn.WriteMessage(kind, message)
			}
		}
	}))
	defer app.Close()
	b := newBrowser(t, startBefore(t, app.Listener.Addr().String()).addr)
	dialer := websocket.Dialer{Subprotocols: []string{"echo"}, HandshakeTimeout: patience}
	conn, response, err := dialer.Dial("ws://"+b.addr+"/chat", http.Header{"Origin": {"https://elsewhere.example"}})
	if err != nil {
		t.Fatal(err, response)
	}
	defer conn.Close()
	if conn.Subprotocol() != "echo" || len(response.Header.Get("X-Saw")) != 32 || !slices.Contains(setCookies(response), "session") {
		t.Errorf("handshake %v", response.Header)
	}
	for _, message := range []string{"hello", strings.Repeat("x", 1<<20), ""} {
		conn.WriteMessage(websocket.BinaryMessage, []byte(message))
		if kind, back, err := conn.ReadMessage(); kind != websocket.BinaryMessage || string(back) != message || err != nil {
			t.Fatalf("%d bytes came back as %d of kind %d, %v", len(message), len(back), kind, err)
		}
	}
}

func TestEventsOfTheAppArriveAtOnce(t *testing.T) {
	more := make(chan string)
	app := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "text/event-stream")
		for event := range more {
			io.WriteString(w, "data: "+event+"\n\n")
			http.NewResponseController(w).Flush()
		}
	}))
	defer app.Close()
	defer close(more)
	b := newBrowser(t, startBefore(t, app.Listener.Addr().String()).addr)
	go func() { more <- "first" }()
	response, err := b.http.Get("http://" + b.addr + "/feed")
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	lines := bufio.NewScanner(response.Body)
	for _, event := range []string{"first", "second", "third"} { // each is sent only after the one before was read
		if event != "first" {
			more <- event
		}
		if !lines.Scan() || lines.Text() != "data: "+event || !lines.Scan() {
			t.Fatalf("got %q, want %s", lines.Text(), event)
		}
	}
}

// TestLongBodiesPassUnharmed in both directions: 64 MB, far more than any buffer on the way.
func TestLongBodiesPassUnharmed(t *testing.T) {
	const long = 64 << 20
	random := func() io.Reader { return io.LimitReader(rand.NewChaCha8([32]byte{1}), long) }
	sum := func(r io.Reader) string {
		var h hash.Hash = sha256.New()
		n, err := io.Copy(h, r)
		return fmt.Sprintf("%d %x %v", n, h.Sum(nil), err)
	}
	app := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Method == http.MethodPut {
			io.WriteString(w, sum(r.Body))
			return
		}
		io.Copy(w, random())
	}))
	defer app.Close()
	b := newBrowser(t, startBefore(t, app.Listener.Addr().String()).addr)
	wanted := sum(random())
	request, _ := http.NewRequest(http.MethodPut, "http://"+b.addr+"/file", random())
	up, err := b.http.Do(request)
	if err != nil {
		t.Fatal(err)
	}
	defer up.Body.Close()
	if got, _ := io.ReadAll(up.Body); string(got) != wanted {
		t.Errorf("uploaded %s, want %s", got, wanted)
	}
	down, err := b.http.Get("http://" + b.addr + "/file")
	if err != nil {
		t.Fatal(err)
	}
	defer down.Body.Close()
	if got := sum(down.Body); got != wanted {
		t.Errorf("downloaded %s, want %s", got, wanted)
	}
}

func TestAppThatIsDownIs502(t *testing.T) {
	app := freeAddr(t)
	p := startBefore(t, app)
	response, err := http.Get("http://" + p.addr + "/page")
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	body, _ := io.ReadAll(response.Body)
	if response.StatusCode != http.StatusBadGateway || response.Header.Get("Content-Type") != "application/problem+json" ||
		!strings.Contains(string(body), `"code":"unavailable"`) || strings.Contains(string(body), app) {
		t.Errorf("%s %s", response.Status, body)
	}
	for line := range p.lines {
		if line["level"] == "ERROR" {
			if line["app"] != app || !strings.Contains(fmt.Sprint(line["msg"]), "--app") {
				t.Errorf("logged %v", line)
			}
			break
		}
	}
	get(t, http.DefaultClient, "http://"+p.addr+"/session") // all else works
}

// TestAClientThatLeavesIsNoFaultOfTheApp: nothing above debug is logged for it, and the app hears of it.
func TestAClientThatLeavesIsNoFaultOfTheApp(t *testing.T) {
	begun, gone := make(chan bool), make(chan bool)
	app := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		begun <- true
		<-r.Context().Done()
		gone <- true
	}))
	defer app.Close()
	p := startBefore(t, app.Listener.Addr().String())
	b := newBrowser(t, p.addr)
	ctx, leave := context.WithCancel(t.Context())
	go func() {
		<-begun
		leave()
	}()
	request, _ := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+p.addr+"/slow", nil)
	if _, err := b.http.Do(request); err == nil {
		t.Fatal("an answer came")
	}
	<-gone
	p.cmd.Process.Kill()
	for line := range p.lines {
		t.Errorf("logged %v", line)
	}
}

func TestTourIsOffBeforeAnAppUnlessAskedFor(t *testing.T) {
	for _, test := range []struct {
		args []string
		want bool
	}{
		{nil, true}, {[]string{"--app=http://127.0.0.1:3000"}, false}, {[]string{"--app=http://127.0.0.1:3000", "--tour"}, true},
		{[]string{"--tour=false"}, false}, {[]string{"--app="}, true},
	} {
		c, err := loadWith(t, test.args, nil)
		if err != nil || bool(c.tour) != test.want {
			t.Errorf("%q: tour %v, %v", test.args, c.tour, err)
		}
	}
	if c, err := loadWith(t, nil, []string{"SESHD_APP=http://127.0.0.1:3000", "SESHD_TOUR=true"}); err != nil || !bool(c.tour) {
		t.Errorf("by variables: tour %v, %v", c.tour, err)
	}
}

func TestAppIsAnAddressAndNothingElse(t *testing.T) {
	for _, text := range []string{"http://127.0.0.1:3000", "http://localhost:3000/", "https://app.internal", "http://[::1]:3000"} {
		var a appURL
		if err := a.set(text); err != nil || a.url() == nil {
			t.Errorf("%s: %v", text, err)
		}
	}
	for _, text := range []string{"localhost:3000", "3000", ":3000", "/app", "ftp://x", "http://", "http://:3000", "http://a/b", "http://u:p@a", "http://a?b", "http://a#b"} {
		var a appURL
		if err := a.set(text); err == nil || !strings.Contains(err.Error(), "want ") {
			t.Errorf("%s: %v, %v", text, (*url.URL)(&a), err)
		}
	}
}

// sessionCookie is the session cookie that a response sets.
func sessionCookie(t *testing.T, response *http.Response) string {
	t.Helper()
	for _, c := range response.Cookies() {
		if c.Name == "session" {
			return c.Value
		}
	}
	t.Fatalf("no session cookie in %q", response.Header["Set-Cookie"])
	return ""
}
