package main

import (
	"bytes"
	"net/http"
	"strings"
	"syscall"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/gorilla/websocket"
)

// A collector gets one span of each mutation, whichever way it came, and nothing else.
func TestAMutationIsOneSpan(t *testing.T) {
	const parent, handshake = "0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331", "4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7"
	header := func(span string) []string { return []string{"traceparent", "00-" + span + "-01"} }
	c := startCollector(t)
	t.Setenv("OTEL_EXPORTER_OTLP_ENDPOINT", c.url)
	p, b := startWithAPI(t, t.TempDir())
	v := newBrowser(t, p.addr)

	v.do(t, "POST", "/session", `{"set":{"a":1}}`, header(parent)...).want(200)
	id := b.resolve(v).ID
	x, y := openTab(t, v), openTabWithin(t, v, "00-"+handshake+"-01")
	both := func() { want(t, x, "change"); want(t, y, "change") }
	x.send(`{"incr":{"a":1},"id":1}`)
	both()
	want(t, x, "ok")
	y.send(`{"if_version":7,"set":{"a":1},"id":1}`)
	if f, _ := y.until("error"); f.Code != "conflict" {
		t.Fatalf("got %s", f.text)
	}
	y.conn.Close()
	for x.tabs != 1 {
		want(t, x, "tabs")
	}
	b.do("POST", "/v1/sessions/"+id, `{"set":{"_p":1}}`, header(parent)...).want(200)
	want(t, x, "change")
	v.do(t, "GET", "/cherries", "", header(parent)...).want(200)
	want(t, x, "change")
	v.do(t, "POST", "/session", `{"set":{"fruit":"cherries"}}`, "Idempotency-Key", clientID+":1").want(200) // changes nothing
	v.do(t, "POST", "/session", `{"set":{"fruit":"plums"}}`, "Idempotency-Key", clientID+":1").want(200)
	v.do(t, "POST", "/session", `no JSON`).want(400)
	v.do(t, "POST", "/session", `{}`, "Origin", "http://evil.example").want(403)
	b.do("POST", "/v1/sessions/"+strings.Repeat("0", 32), `{}`).want(404)
	v.do(t, "GET", "/session", "").want(200)

	p.signal(t, syscall.SIGTERM)
	x.goes(t, 1012, "restarting")
	x.conn.Close()
	if code := p.exit(t); code != 0 {
		t.Fatalf("exit %d", code)
	}
	if diff := cmp.Diff([]traced{
		{Source: "http", Result: "ok", After: 1, Commits: 1, Parent: parent},
		{Source: "tab", Result: "ok", Before: 1, After: 2, Tabs: 2, Commits: 1},
		{Source: "tab", Result: "conflict", Link: handshake},
		{Source: "api", Result: "ok", Before: 2, After: 3, Tabs: 1, Commits: 1, Parent: parent},
		{Source: "code", Result: "ok", Before: 3, After: 4, Tabs: 1, Commits: 1, Parent: parent},
		{Source: "http", Result: "ok", Before: 4, After: 4, Commits: 1}, // what it remembers is stored
		{Source: "http", Result: "duplicate", Before: 4, After: 4},
		{Source: "http", Result: "invalid_json"},
		{Source: "api", Result: "no_such_session"},
	}, c.all()); diff != "" {
		t.Error(diff)
	}
	for _, service := range c.services {
		if service != "seshd" {
			t.Errorf("the service is called %q", service)
		}
	}
	cookies, err := http.ParseCookie(v.cookie())
	if err != nil {
		t.Fatal(err)
	}
	for _, cookie := range cookies {
		if bytes.Contains(c.raw, []byte(cookie.Value)) {
			t.Error("a cookie is in the traces")
		}
	}
	if !bytes.Contains(c.raw, []byte(id)) {
		t.Error("the public id is not in the traces")
	}
	attributes := map[string]bool{}
	for _, span := range c.spans {
		for _, have := range span.Attributes {
			attributes[have.Key] = true
		}
	}
	if diff := cmp.Diff(map[string]bool{"session.id": true, "seshd.source": true, "seshd.result": true, "seshd.version.before": true,
		"seshd.version.after": true, "seshd.tabs": true}, attributes); diff != "" {
		t.Error(diff)
	}
}

// openTabWithin opens a tab whose handshake names a trace, as a proxy's does.
func openTabWithin(t *testing.T, b *browser, traceparent string) *tab {
	t.Helper()
	dialer := websocket.Dialer{Jar: b.http.Jar, HandshakeTimeout: patience}
	conn, _, err := dialer.DialContext(t.Context(), "ws://"+b.addr+"/ws", http.Header{"Traceparent": {traceparent}})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	tb := &tab{conn: conn}
	want(t, tb, "session")
	return tb
}

// A collector that is down costs a line of the log.
func TestTracesThatNobodyTakes(t *testing.T) {
	t.Setenv("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", "http://127.0.0.1:1/v1/traces")
	t.Setenv("OTEL_EXPORTER_OTLP_TRACES_TIMEOUT", "100")
	p := start(t, t.TempDir())
	visitor(t, p, `{"set":{"a":1}}`)
	log := p.journal()
	p.signal(t, syscall.SIGTERM)
	log.has(t, "traces are not delivered", "error", "*")
	<-log.ended
	p.cmd.Wait()
	if code := p.cmd.ProcessState.ExitCode(); code != 0 {
		t.Errorf("exit %d", code)
	}
}
