package web_test

import (
	"crypto/tls"
	"fmt"
	"net/http"
	"net/http/cookiejar"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/gorilla/websocket"

	"github.com/seshd/seshd/web"
)

// startTLS starts a server that speaks TLS itself, and makes a browser that trusts it and may speak HTTP/2.
func startTLS(t *testing.T, o web.Options) (*server, *browser) {
	t.Helper()
	lender := httptest.NewUnstartedServer(nil) // of its certificate
	lender.EnableHTTP2 = true
	lender.StartTLS()
	t.Cleanup(lender.Close)
	o.TLS = &tls.Config{Certificates: lender.TLS.Certificates, MinVersion: tls.VersionTLS12}
	s := start(t, setup{web: o})
	s.url = strings.Replace(s.url, "http://", "https://", 1)
	client := lender.Client()
	client.Jar, _ = cookiejar.New(nil)
	client.Timeout = patience
	t.Cleanup(client.CloseIdleConnections)
	return s, &browser{t, s, client.Jar, client}
}

// openTLS opens a tab as browsers do, who offer HTTP/1.1 alone for it.
func (b *browser) openTLS() *tab {
	b.t.Helper()
	config := b.http.Transport.(*http.Transport).TLSClientConfig.Clone()
	config.NextProtos = nil
	dialer := websocket.Dialer{Jar: b.jar, TLSClientConfig: config, HandshakeTimeout: patience}
	conn, response, err := dialer.Dial(strings.Replace(b.s.url, "https", "wss", 1)+"/ws", http.Header{"Origin": {b.s.url}})
	if err != nil {
		b.t.Fatal(err, response)
	}
	b.t.Cleanup(func() { conn.Close() })
	return &tab{b.t, conn, response}
}

func TestATLSServerServesRequestsTabsAndEvents(t *testing.T) {
	s, b := startTLS(t, web.Options{MaxConnections: 100})
	response, err := b.http.Get(s.url + "/session")
	if err != nil {
		t.Fatal(err)
	}
	response.Body.Close()
	if set := response.Header.Get("Set-Cookie"); response.ProtoMajor != 2 || !strings.HasPrefix(set, "__Host-session=") || !strings.Contains(set, "; Secure;") {
		t.Errorf("%s, %s", response.Proto, set)
	}
	x := b.openTLS()
	x.until("session")
	e := b.events("")
	if got := e.next(); e.response.ProtoMajor != 2 || got.kind != "session" {
		t.Errorf("events over %s: %+v", e.response.Proto, got)
	}
	if f := x.does(`{"set":{"fruit":"cherries"},"id":1}`); f.Type != "ok" {
		t.Errorf("got %s", f.line)
	}
	for got := e.next(); got.kind != "change"; got = e.next() {
		if got.kind == "end" {
			t.Fatal("the stream ended without the change")
		}
	}
	s.drain()
	x.bye("restarting", 1012)
	for got := e.next(); got.kind != "bye"; got = e.next() {
		if got.kind == "end" {
			t.Fatal("no bye")
		}
	}
}

func TestOverTLSAConnectionOverTheLimitIsToldSoToo(t *testing.T) {
	_, b := startTLS(t, web.Options{MaxConnections: 1})
	x := b.openTLS()
	x.until("session")
	for range 3 {
		names(t, fmt.Sprint(b.get("/session").problem(503, "unavailable")["detail"]), 1)
	}
	names(t, b.openTLS().bye("unavailable", 4253).Message, 1)
}

func TestTheInternalListenerStaysPlain(t *testing.T) {
	s, _ := startTLS(t, web.Options{})
	response, err := http.Get(s.internal + "/readyz")
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	if response.StatusCode != http.StatusOK {
		t.Errorf("status %d", response.StatusCode)
	}
	http.DefaultClient.CloseIdleConnections()
}
