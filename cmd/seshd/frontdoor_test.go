package main

import (
	"crypto/tls"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/cookiejar"
	"strings"
	"testing"
	"time"

	"github.com/gorilla/websocket"
)

func TestSecurity04CookieAttributes(t *testing.T) {
	const maxCookie = 4096 // of name, value and attributes, which browsers take (RFC 6265, 6.1)
	for name, f := range fronts(t) {
		wantName, want := "session", "Path=/; Max-Age=2592000; HttpOnly; SameSite=Lax"
		if name != "http" {
			wantName, want = "__Host-session", "Path=/; Max-Age=2592000; HttpOnly; Secure; SameSite=Lax"
		}
		check := func(path string, lines []string) {
			t.Helper()
			if len(lines) != 1 || len(lines[0]) > maxCookie {
				t.Fatalf("%s %s: Set-Cookie %q", name, path, lines)
			}
			cookie, attributes, _ := strings.Cut(lines[0], "; ")
			gotName, value, _ := strings.Cut(cookie, "=")
			if gotName != wantName || attributes != want || value == "" {
				t.Errorf("%s %s: %s\nwant %s=…; %s", name, path, lines[0], wantName, want)
			}
		}
		for _, path := range []string{"/session", "/session/tabs", "/cherries"} {
			f.client.Jar, _ = cookiejar.New(nil)
			_, lines := f.visit(t, "GET", path, "")
			check(path, lines)
		}
		response, err := f.socket(t)
		if err != nil {
			t.Fatal(err)
		}
		check("/ws", response.Header.Values("Set-Cookie"))
		_, lines := f.visit(t, "DELETE", "/session", "")
		if len(lines) != 1 || !strings.HasPrefix(lines[0], wantName+"=; Path=/; Max-Age=0; HttpOnly;") || strings.Contains(lines[0], "Secure") != (name != "http") {
			t.Errorf("%s: the cookie is removed by %q", name, lines)
		}
	}
	// Nobody in particular may say that there is HTTPS.
	f := newFront(t, "http://"+start(t, t.TempDir(), "--trusted-proxies=192.0.2.1").addr, nil, http.Header{"X-Forwarded-Proto": {"https"}})
	if _, lines := f.visit(t, "GET", "/session", ""); len(lines) != 1 || !strings.HasPrefix(lines[0], "session=") || strings.Contains(lines[0], "Secure") {
		t.Errorf("not trusted: %q", lines)
	}
}

func TestAProxyThatWasNotNamedIsInTheLog(t *testing.T) {
	p := start(t, t.TempDir())
	newFront(t, "http://"+p.addr, nil, http.Header{"X-Forwarded-Proto": {"https"}}).visit(t, "GET", "/session", "")
	for line := range p.lines {
		if text := fmt.Sprint(line["msg"]); strings.Contains(text, "--trusted-proxies") {
			if line["level"] != "WARN" || line["peer"] != "127.0.0.1" {
				t.Errorf("%v", line)
			}
			return
		}
	}
	t.Error("it ended without the warning")
}

func TestSecurity11Origin(t *testing.T) {
	for name, f := range fronts(t, "--allowed-origins=https://shop.example,http://app.example:3000") {
		_, host, _ := strings.Cut(f.url, "://")
		_, port, _ := net.SplitHostPort(host)
		own, other := "http://"+host, "https://"+host
		if name != "http" {
			own, other = other, own
		}
		for _, origins := range [][]string{nil, {own}, {"https://shop.example"}, {"http://app.example:3000"}} {
			if _, err := f.socket(t, origins...); err != nil {
				t.Errorf("%s: %q is not let in: %v", name, origins, err)
			}
			if response, _ := f.write(t, origins...); response.StatusCode != http.StatusOK {
				t.Errorf("%s: %q may not write: %s", name, origins, response.Status)
			}
		}
		for _, origins := range [][]string{
			{other}, {"https://evil.example"}, {"null"}, {""}, {"http://127.0.0.1"}, {"https://127.0.0.1"}, {"https://127.0.0.1:1"}, {"http://localhost:" + port},
			{own + ".evil.example"}, {own + "1"}, {own + "/"}, {own + "@evil.example"}, {strings.Replace(own, "://", "://evil.", 1)},
			{strings.Replace(own, "://", "://evil", 1)}, {host}, {own, own}, {own + ", https://evil.example"}, {"https://evil.example/" + own},
			{"http://shop.example"}, {"https://shop.example:8443"}, {"https://shop.example.evil.example"}, {"https://evilshop.example"},
			{"https://x.shop.example"}, {"https://shop.example."}, {"http://app.example"}, {"https://app.example:3000"},
		} {
			response, err := f.socket(t, origins...)
			if !errors.Is(err, websocket.ErrBadHandshake) || response.StatusCode != http.StatusForbidden {
				t.Errorf("%s: /ws from %q: %v %v", name, origins, response, err)
			}
			response, code := f.write(t, origins...)
			if response.StatusCode != http.StatusForbidden || code != "foreign_origin" {
				t.Errorf("%s: POST from %q: %s %s", name, origins, response.Status, code)
			}
		}
	}
}

// halfOpenings are the ways to begin something and not go on.
var halfOpenings = []string{
	"",
	"GET /session HTTP/1.1\r\nHost: x\r\nX-Slow: ",
	"GET /ws HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\n",
	"POST /session HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: 100\r\n\r\n{\"set\":",
	"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03", // a TLS handshake
}

func TestSecurity21HalfOpenConnectionsHoldUpNobody(t *testing.T) {
	const connections, writes = 200, 100
	pair := newTestPair(t, "cherry")
	for name, flags := range map[string][]string{
		"http":               nil,
		"https":              newCertFiles(t, pair).flags(),
		"http with a limit":  {"--max-connections=2000"},
		"https with a limit": append(newCertFiles(t, pair).flags(), "--max-connections=2000"),
	} {
		t.Run(name, func(t *testing.T) {
			p := start(t, t.TempDir(), withoutLimits(flags...)...)
			scheme, trust, begin := "ws", (*tls.Config)(nil), halfOpenings[:4]
			if strings.HasPrefix(name, "https") {
				scheme, trust, begin = "wss", trusting(pair), []string{halfOpenings[0], halfOpenings[4]}
			}
			hanging := make([]net.Conn, connections)
			for i := range hanging {
				c, err := net.Dial("tcp", p.addr)
				if err != nil {
					t.Fatal(err)
				}
				defer c.Close()
				if _, err := io.WriteString(c, begin[i%len(begin)]); err != nil {
					t.Fatal(err)
				}
				hanging[i] = c
			}
			// Connections are accepted in the order they come: the honest one is behind all of these.
			dialer := websocket.Dialer{TLSClientConfig: trust, HandshakeTimeout: patience}
			began := time.Now()
			conn, _, err := dialer.Dial(scheme+"://"+p.addr+"/ws", nil)
			if err != nil {
				t.Fatal(err)
			}
			defer conn.Close()
			honest := &tab{conn: conn}
			var longest time.Duration
			for i := range writes {
				sent := time.Now()
				if err := honest.send(fmt.Sprintf(`{"set":{"n":%d},"id":%d}`, i, i+1)); err != nil {
					t.Fatal(err)
				}
				want(t, honest, "ok")
				longest = max(longest, time.Since(sent))
			}
			t.Logf("%d writes took %v, the longest %v", writes, time.Since(began).Round(time.Millisecond), longest.Round(time.Microsecond))
			for i, c := range hanging {
				if !stillOpen(c) {
					t.Fatalf("connection %d (%.40q) was closed before the writes were over: they show nothing", i, begin[i%len(begin)])
				}
			}
		})
	}
}

// stillOpen says whether the other side has not closed a connection yet, whatever it has said.
func stillOpen(c net.Conn) bool {
	c.SetReadDeadline(time.Now().Add(time.Millisecond)) // what was sent to a connection of this machine is here already
	_, err := io.Copy(io.Discard, c)
	var timeout net.Error
	return errors.As(err, &timeout) && timeout.Timeout()
}

func TestAServerWithAllItsConnectionsSaysSo(t *testing.T) {
	p := start(t, t.TempDir(), "--max-connections=2")
	b := newBrowser(t, p.addr)
	if _, err := b.session(); err != nil { // by a connection that is kept
		t.Fatal(err)
	}
	honest := openTab(t, b)
	f := newFront(t, "http://"+p.addr, nil, nil)
	response, _ := f.visit(t, "GET", "/session", "")
	var problem struct{ Code, Detail string }
	json.NewDecoder(response.Body).Decode(&problem)
	if response.StatusCode != http.StatusServiceUnavailable || problem.Code != "unavailable" || !strings.Contains(problem.Detail, "2 connections") ||
		!strings.Contains(problem.Detail, "--max-connections") || response.Header.Get("Retry-After") == "" || !response.Close {
		t.Errorf("%s %+v %v", response.Status, problem, response.Header)
	}
	conn, _, err := websocket.DefaultDialer.Dial("ws://"+p.addr+"/ws", nil)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	if bye, err := (&tab{conn: conn}).next(); err != nil || bye.Type != "bye" || bye.Code != "unavailable" || !strings.Contains(bye.Message, "--max-connections") {
		t.Errorf("%s %v", bye.text, err)
	}
	if _, _, err := conn.ReadMessage(); !websocket.IsCloseError(err, 4253) {
		t.Errorf("closed by %v, want 4253", err)
	}
	if err := honest.send(`{"set":{"a":1},"id":1}`); err != nil {
		t.Fatal(err)
	}
	want(t, honest, "ok")
}
