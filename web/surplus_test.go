package web_test

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/seshd/seshd/web"
)

// lingering opens connections that say nothing, and waits until the server has taken them: the last is asked last.
func (s *server) lingering(n int) []net.Conn {
	s.t.Helper()
	conns := make([]net.Conn, n)
	for i := range conns {
		c, err := net.Dial("tcp", strings.TrimPrefix(s.url, "http://"))
		if err != nil {
			s.t.Fatal(err)
		}
		s.t.Cleanup(func() { c.Close() })
		conns[i] = c
	}
	return conns
}

func TestAConnectionOverTheLimitIsToldSo(t *testing.T) {
	s := start(t, setup{web: web.Options{MaxConnections: 3, Tour: true}})
	b := s.visit()
	x, _ := b.enter("")       // the second, beside that of the visit, which is kept alive
	last := s.lingering(1)[0] // and the third
	late := s.browser()       // has no connection yet
	for _, path := range []string{"/session", "/", "/nothing", "/ws"} {
		a := late.get(path)
		names(t, a.problem(503, "unavailable")["detail"], 3)
		if !strings.Contains(a.body, "--max-connections") || a.header.Get("Retry-After") == "" || a.header.Get("Set-Cookie") != "" {
			t.Errorf("%s: %v %s", path, a.header, a.body)
		}
	}
	f := late.open("").bye("unavailable", 4253)
	names(t, f.Message, 3)
	if !strings.Contains(f.Message, "--max-connections") {
		t.Errorf("got %s", f.line)
	}
	if _, response, err := late.dial("", "Origin", "https://evil.example"); err == nil || response.StatusCode != http.StatusForbidden {
		t.Errorf("a foreign origin: %v %v", response, err)
	}
	if f := x.does(`{"set":{"a":1},"id":1}`); f.Type != "ok" {
		t.Errorf("who is in stays: %s", f.line)
	}
	b.get("/session").want(200)

	// Whoever leaves makes room, a WebSocket too.
	last.Close()
	s.untilServed(late)
	x.conn.Close()
	s.untilServed(s.browser())
}

// untilServed asks until the server has noticed that somebody left.
func (s *server) untilServed(b *browser) {
	s.t.Helper()
	for began := time.Now(); b.get("/session").status != http.StatusOK; {
		if time.Since(began) > patience {
			s.t.Fatal("no room was made")
		}
	}
}

func TestAPageOfAnAllowedOriginReadsThatThereAreTooManyConnections(t *testing.T) {
	const shop = "https://shop.example"
	s := start(t, setup{web: web.Options{MaxConnections: 1, AllowedOrigins: []string{shop}}})
	s.visit()
	late := s.browser()
	for _, a := range []answer{late.get("/session", "Origin", shop), late.post(`{}`, "Origin", shop), late.get("/session/keys/a", "Origin", shop)} {
		a.guarded().problem(503, "unavailable")
		same(t, a.header.Get("Access-Control-Allow-Origin"), shop)
		same(t, a.header.Get("Access-Control-Allow-Credentials"), "true")
	}
	if a := late.get("/nothing", "Origin", shop); a.header.Get("Access-Control-Allow-Origin") != "" {
		t.Errorf("%s: %v", a.what, a.header)
	}
}

func TestAConnectionOverTheLimitIsClosedAfterItsAnswer(t *testing.T) {
	s := start(t, setup{web: web.Options{MaxConnections: 1}})
	s.visit()
	c := s.lingering(1)[0]
	fmt.Fprint(c, "GET /session HTTP/1.1\r\nHost: x\r\n\r\n")
	c.SetReadDeadline(time.Now().Add(patience))
	in := bufio.NewReader(c)
	response, err := http.ReadResponse(in, nil)
	if err != nil || response.StatusCode != http.StatusServiceUnavailable || !response.Close {
		t.Fatalf("%v %v", response, err)
	}
	if _, err := io.ReadAll(in); err != nil {
		t.Errorf("the end after the answer: %v", err)
	}
}

func TestFarOverTheLimitAConnectionIsClosedAtOnce(t *testing.T) {
	s := start(t, setup{web: web.Options{MaxConnections: 1}})
	b := s.visit()
	flood := s.lingering(web.SurplusRoom + 10)
	closed := 0
	for _, c := range flood[web.SurplusRoom:] {
		c.SetReadDeadline(time.Now().Add(patience))
		if _, err := c.Read(make([]byte, 1)); err != nil && !isTimeout(err) {
			closed++
		}
	}
	if closed != 10 {
		t.Errorf("%d of 10 were closed", closed)
	}
	b.get("/session").want(200) // by the connection it has
	names(t, fmt.Sprint(s.browserOn(flood[0]).get("/session").problem(503, "unavailable")["detail"]), 1)
}

// browserOn is a browser that speaks on one connection.
func (s *server) browserOn(c net.Conn) *browser {
	b := s.browser()
	b.http.Transport.(*http.Transport).DialContext = func(context.Context, string, string) (net.Conn, error) { return c, nil }
	return b
}

func isTimeout(err error) bool {
	timeout, ok := err.(net.Error)
	return ok && timeout.Timeout()
}
