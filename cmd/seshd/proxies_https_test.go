package main

import (
	"bufio"
	"cmp"
	"context"
	"crypto/tls"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/gorilla/websocket"
)

// httpsProxies are the proxies that speak HTTPS before one server, each on the very file of docs/deploy. What they take is the
// address of the server, and edits of the file.
var httpsProxies = map[string]func(t *testing.T, server string, edits ...string) *httpsProxy{
	"nginx": nginxWithHTTPS,
	"caddy": caddyWithHTTPS,
}

// httpsProxy is a way to a server, by a proxy that speaks HTTPS.
type httpsProxy struct {
	*front
	plain  string // where it redirects from HTTP; empty where that is the proxy's own doing
	reload func(edits ...string)
}

func nginxWithHTTPS(t *testing.T, server string, edits ...string) *httpsProxy {
	t.Helper()
	pair, addr, plain := newTestPair(t, "cherry"), freeAddr(t), freeAddr(t)
	files := newCertFiles(t, pair)
	edits = append([]string{"listen 80;", "listen " + plain + ";", "listen 443 ", "listen " + addr + " ", "127.0.0.1:8000", server,
		"/etc/ssl/certs/shop.example.pem", files.cert, "/etc/ssl/private/shop.example.key", files.key, "shop.example", "localhost"}, edits...)
	p := &httpsProxy{front: newHTTPSFront(t, localhost(addr), trusting(pair)), plain: plain}
	reload := runNginx(t, addr, deployed(t, "nginx.conf", edits...))
	p.reload = func(more ...string) { reload(deployed(t, "nginx.conf", append(edits, more...)...)) }
	return p
}

func caddyWithHTTPS(t *testing.T, server string, edits ...string) *httpsProxy {
	t.Helper()
	pair, addr := newTestPair(t, "cherry"), freeAddr(t)
	files := newCertFiles(t, pair)
	edits = append([]string{"\nshop.example {", "\nhttps://" + localhost(addr) + " {\n\ttls " + files.cert + " " + files.key, "127.0.0.1:8000", server}, edits...)
	p := &httpsProxy{front: newHTTPSFront(t, localhost(addr), trusting(pair))}
	reload := runCaddy(t, addr, deployed(t, "Caddyfile", edits...))
	p.reload = func(more ...string) { reload(deployed(t, "Caddyfile", append(edits, more...)...)) }
	return p
}

// newHTTPSFront is how browsers come: by HTTP/2, and for WebSockets by HTTP/1.1.
func newHTTPSFront(t *testing.T, host string, trust *tls.Config) *front {
	f := newFront(t, "https://"+host, trust, nil)
	f.client.Transport.(*http.Transport).ForceAttemptHTTP2 = true
	f.dialer.TLSClientConfig, f.dialer.Jar = trust.Clone(), f.client.Jar // the transport adds HTTP/2 to its own
	return f
}

// eachHTTPSProxy runs a test behind each of them, before a server that was started as the file says, with an app behind.
func eachHTTPSProxy(t *testing.T, test func(t *testing.T, begin func(edits ...string) *httpsProxy)) {
	for name, begin := range httpsProxies {
		t.Run(name, func(t *testing.T) {
			p := start(t, t.TempDir(), withoutLimits("--trusted-proxies=127.0.0.1", "--app=http://"+newMirror(t).addr)...)
			test(t, func(edits ...string) *httpsProxy { return begin(t, p.addr, edits...) })
		})
	}
}

// open opens a tab that stays, as a page of the site does.
func (f *front) open(t *testing.T, query string) *tab {
	t.Helper()
	conn, _, err := f.dialer.Dial(strings.Replace(f.url, "http", "ws", 1)+"/ws?"+query, http.Header{"Origin": {f.url}})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	return &tab{conn: conn}
}

// follow opens the event stream. What it returns is the next line that says something.
func (f *front) follow(t *testing.T) (response *http.Response, next func() string) {
	t.Helper()
	request, err := http.NewRequestWithContext(t.Context(), http.MethodGet, f.url+"/session/events", nil)
	if err != nil {
		t.Fatal(err)
	}
	request.Header = http.Header{"Accept-Encoding": {"gzip, br, zstd"}, "Accept": {"text/event-stream"}}
	response, err = f.client.Do(request)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { response.Body.Close() })
	lines := bufio.NewScanner(response.Body)
	return response, func() string {
		t.Helper()
		for lines.Scan() {
			if text, found := strings.CutPrefix(lines.Text(), "data: "); found {
				return text
			}
		}
		t.Fatalf("the event stream ended: %v", cmp.Or(lines.Err(), io.EOF))
		return ""
	}
}

// Pages come by HTTP/2, WebSockets by HTTP/1.1 beside it, and an event reaches its stream before anything else is sent on it.
func TestTabsAndEventStreamsThroughHTTPS(t *testing.T) {
	eachHTTPSProxy(t, func(t *testing.T, begin func(...string) *httpsProxy) {
		p := begin()
		if response, _ := p.visit(t, "GET", "/session", ""); response.ProtoMajor != 2 {
			t.Errorf("GET /session by %s", response.Proto)
		}
		tb := p.open(t, "")
		want(t, tb, "session")
		response, next := p.follow(t)
		if response.ProtoMajor != 2 || response.Header.Get("Content-Type") != "text/event-stream" || response.Header.Get("Content-Encoding") != "" ||
			response.Header.Get("Cache-Control") != "no-store" {
			t.Errorf("the event stream comes by %s with %v", response.Proto, response.Header)
		}
		if first := next(); !strings.HasPrefix(first, `{"type":"session"`) {
			t.Errorf("the first event is %s", first)
		}
		if err := tb.send(`{"set":{"fruit":"cherries"},"id":1}`); err != nil {
			t.Fatal(err)
		}
		want(t, tb, "ok")
		for event := next(); !strings.Contains(event, "cherries"); event = next() {
		}
		if response, code := p.write(t, p.url); response.StatusCode != http.StatusOK {
			t.Errorf("a page of the site may not write: %s %s", response.Status, code)
		}
		tb.told(t, "n", "1")
	})
}

// What is sent goes through, up to the limits of seshd and its app, which are the ones that refuse.
func TestUploadsThroughHTTPS(t *testing.T) {
	const maxMessage, upload = 64 << 10, 3 << 20
	eachHTTPSProxy(t, func(t *testing.T, begin func(...string) *httpsProxy) {
		p := begin()
		const around = `{"set":{"a":""}}`
		largest := strings.Replace(around, `""`, `"`+strings.Repeat("x", maxMessage-len(around))+`"`, 1)
		if response, _ := p.visit(t, "POST", "/session", largest, "Content-Type", "application/json"); response.StatusCode != http.StatusOK {
			t.Errorf("%d bytes: %s", len(largest), response.Status)
		}
		response, _ := p.visit(t, "POST", "/session", largest+" ", "Content-Type", "application/json")
		if text, _ := io.ReadAll(response.Body); response.StatusCode != http.StatusRequestEntityTooLarge || !strings.Contains(string(text), `"too_large"`) {
			t.Errorf("%d bytes: %s %s", len(largest)+1, response.Status, text)
		}
		response, _ = p.visit(t, "POST", "/upload", strings.Repeat("x", upload))
		var r reflection
		if err := json.NewDecoder(response.Body).Decode(&r); err != nil || r.Body != upload {
			t.Errorf("the app got %d bytes of %d: %s %v", r.Body, upload, response.Status, err)
		}
	})
}

// seshd takes the client's address, scheme and host from the proxy, and nothing from the client.
func TestServersKnowTheirClientsThroughHTTPS(t *testing.T) {
	eachHTTPSProxy(t, func(t *testing.T, begin func(...string) *httpsProxy) {
		p := begin()
		dialer := &net.Dialer{LocalAddr: &net.TCPAddr{IP: net.IPv4(127, 0, 0, 8)}}
		p.client.Transport.(*http.Transport).DialContext = func(ctx context.Context, network, addr string) (net.Conn, error) {
			return dialer.DialContext(ctx, "tcp4", addr)
		}
		response, _ := p.visit(t, "GET", "/page", "", "X-Forwarded-For", "192.0.2.1", "X-Forwarded-For", "127.0.0.1", "X-Forwarded-Proto", "http",
			"X-Forwarded-Host", "evil.example", "Forwarded", "for=192.0.2.1;proto=http")
		var r reflection
		if err := json.NewDecoder(response.Body).Decode(&r); err != nil {
			t.Fatal(response.Status, err)
		}
		if from, proto := r.Header.Get("X-Forwarded-For"), r.Header.Get("X-Forwarded-Proto"); from != "127.0.0.8" || proto != "https" || "https://"+r.Host != p.url {
			t.Errorf("the app is told of a visit from %s to %s by %s", from, r.Host, proto)
		}
	})
}

// A reload of the proxy under tabs and writes loses nothing: a tab that is cut comes back where it was.
func TestAProxyIsReloadedUnderTabs(t *testing.T) {
	const mark = "X-Reloaded"
	marks := map[string][2]string{
		"nginx": {"proxy_pass http://seshd;", "proxy_pass http://seshd; add_header " + mark + " yes always;"},
		"caddy": {"\treverse_proxy ", "\theader " + mark + " yes\n\treverse_proxy "},
	}
	eachHTTPSProxy(t, func(t *testing.T, begin func(...string) *httpsProxy) {
		p := begin()
		p.write(t, p.url)
		tb := p.open(t, "")
		want(t, tb, "session")
		_, name, _ := strings.Cut(t.Name(), "/")
		p.reload(marks[name][0], marks[name][1])
		count := 1
		for began := time.Now(); ; {
			response, code := p.write(t, p.url)
			if response.StatusCode != http.StatusOK {
				t.Fatalf("a write is answered %s %s", response.Status, code)
			}
			if count++; response.Header.Get(mark) != "" {
				break
			}
			if time.Since(began) > patience {
				t.Fatal("the new file is never read")
			}
		}
		for integer(tb.data["n"]) < count {
			if _, err := tb.next(); err != nil {
				t.Logf("the tab was cut: %v", err)
				where := url.Values{"since": {fmt.Sprintf("%s:%d", strings.Trim(tb.session, `"`), tb.version)}}
				tb.conn = p.open(t, where.Encode()).conn
			}
		}
		if got := integer(tb.data["n"]); got != count {
			t.Errorf("the tab has %d of %d writes", got, count)
		}
	})
}

// nginx cuts a tab that is silent for longer than proxy_read_timeout.
func TestTheReadTimeoutOfNginxIsTheOneInTheFile(t *testing.T) {
	server := start(t, t.TempDir(), "--trusted-proxies=127.0.0.1")
	p := nginxWithHTTPS(t, server.addr, "proxy_read_timeout 120s", "proxy_read_timeout 1s")
	tb := p.open(t, "")
	want(t, tb, "session")
	if f, err := tb.next(); !websocket.IsCloseError(err, websocket.CloseAbnormalClosure) {
		t.Errorf("it was cut by %s %v", f.text, err)
	}
}

func TestNginxRedirectsToHTTPS(t *testing.T) {
	server := start(t, t.TempDir(), "--trusted-proxies=127.0.0.1")
	p := nginxWithHTTPS(t, server.addr)
	client := &http.Client{CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }, Timeout: patience}
	response, err := client.Get("http://" + localhost(p.plain) + "/cart?x=1")
	if err != nil {
		t.Fatal(err)
	}
	response.Body.Close()
	if to := response.Header.Get("Location"); response.StatusCode != http.StatusPermanentRedirect || to != "https://localhost/cart?x=1" {
		t.Errorf("%s to %s", response.Status, to)
	}
}

// signOfLife is how often seshd says something to a tab or an event stream that nobody writes to.
const signOfLife = 25 * time.Second

// silences are the settings, in any of the files, that end a connection on which nothing is said, in the words of each proxy.
var silences = regexp.MustCompile(`(?m)^\s*((?:proxy_|client_body_|grpc_)?(?:read|send|idle|write|stream)_?(?:t|T)imeout)\b:?\s+(\S+?);?(?:\s|$)`)

// No proxy loses patience with a silent tab before the second sign of life.
func TestProxiesWaitForSignsOfLife(t *testing.T) {
	files, err := filepath.Glob(filepath.Join(repoRoot(t), "docs/deploy", "*"))
	if err != nil {
		t.Fatal(err)
	}
	found := map[string]bool{}
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		for _, setting := range silences.FindAllStringSubmatch(string(text), -1) {
			name := filepath.Base(file)
			found[name] = true
			if span, err := time.ParseDuration(setting[2]); err != nil || span < 2*signOfLife {
				t.Errorf("%s: %s is %s, want %v at least (%v)", name, setting[1], setting[2], 2*signOfLife, err)
			}
		}
	}
	for _, name := range []string{"nginx.conf", "nginx-auth.conf", "nginx-nodes.conf"} { // without one, nginx takes 60 s
		if !found[name] {
			t.Errorf("no time-out is found in %s", name)
		}
	}
}
