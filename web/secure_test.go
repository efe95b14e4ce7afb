package web_test

import (
	"net/http"
	"net/http/cookiejar"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/gorilla/websocket"

	"github.com/seshd/seshd/web"
)

// overTLS serves the app of a server by HTTPS too.
func overTLS(t *testing.T, s *server) *browser {
	t.Helper()
	secure := httptest.NewTLSServer(s.app)
	t.Cleanup(secure.Close)
	client := secure.Client()
	client.Jar, _ = cookiejar.New(nil)
	t.Cleanup(client.CloseIdleConnections)
	return &browser{t, &server{t: t, url: secure.URL}, client.Jar, client}
}

func TestOverTLSTheCookieIsHostOnlyAndSecure(t *testing.T) {
	for mode, attributes := range map[http.SameSite]string{
		0:                     "Path=/; Max-Age=2592000; HttpOnly; Secure; SameSite=Lax",
		http.SameSiteNoneMode: "Path=/; Max-Age=2592000; HttpOnly; Secure; SameSite=None; Partitioned",
	} {
		b := overTLS(t, start(t, setup{web: web.Options{SameSite: mode}}))
		first := b.get("/session").want(200)
		value, got, _ := strings.Cut(first.header.Get("Set-Cookie"), "; ")
		if !strings.HasPrefix(value, "__Host-session=") {
			t.Errorf("got %s", value)
		}
		same(t, got, attributes)
		same(t, b.id(), first.id())
		gone := b.do("DELETE", "/session", "").want(204).header.Get("Set-Cookie")
		if !strings.HasPrefix(gone, "__Host-session=; Path=/; Max-Age=0;") || !strings.Contains(gone, "Secure") {
			t.Errorf("got %s", gone)
		}
	}
}

func TestACookieOfPlainHTTPIsNoneOverTLS(t *testing.T) {
	s := start(t, setup{})
	plain := s.visit()
	b := overTLS(t, s)
	for _, name := range []string{"session", "__Host-session"} { // the name is sealed in with the value
		if b.get("/session", "Cookie", name+"="+plain.cookie().Value).id() == plain.id() {
			t.Errorf("adopted as %s", name)
		}
	}
}

func TestOverTLSOriginsAndTicketsAreHTTPS(t *testing.T) {
	b := overTLS(t, start(t, setup{}))
	b.post(`{"set":{"a":1}}`, "Origin", b.s.url).want(200)
	p := b.post(`{"set":{"a":1}}`, "Origin", strings.Replace(b.s.url, "https", "http", 1)).problem(403, "foreign_origin")
	if p["type"] != b.s.url+"/session/problems#foreign_origin" {
		t.Errorf("type %q", p["type"])
	}
	if k := b.ticket(); !strings.HasPrefix(k.URL, strings.Replace(b.s.url, "https", "wss", 1)+"/ws?ticket=") {
		t.Errorf("got %+v", k)
	}
	dialer := websocket.Dialer{Jar: b.jar, TLSClientConfig: b.http.Transport.(*http.Transport).TLSClientConfig}
	url := strings.Replace(b.s.url, "https", "wss", 1) + "/ws"
	if _, response, err := dialer.Dial(url, http.Header{"Origin": {strings.Replace(b.s.url, "https", "http", 1)}}); err == nil || response.StatusCode != 403 {
		t.Errorf("another scheme: %v %v", response, err)
	}
	conn, response, err := dialer.Dial(url, http.Header{"Origin": {b.s.url}})
	if err != nil {
		t.Fatal(err, response)
	}
	defer conn.Close()
	x := &tab{t, conn, response}
	same(t, string(x.next().ID), `"`+b.id()+`"`)
	x.conn.WriteMessage(websocket.CloseMessage, nil)
}
