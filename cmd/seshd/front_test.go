package main

import (
	"bytes"
	"crypto/tls"
	"encoding/json"
	"io"
	"net/http"
	"net/http/cookiejar"
	"strings"
	"testing"
	"time"

	"github.com/gorilla/websocket"
)

// front is a way to a server from outside: what a browser's requests go to and look like.
type front struct {
	url    string // as the browser has it in its address bar
	client *http.Client
	dialer *websocket.Dialer
	add    http.Header // what a proxy adds
}

func newFront(t *testing.T, url string, trust *tls.Config, add http.Header) *front {
	jar, _ := cookiejar.New(nil)
	transport := &http.Transport{TLSClientConfig: trust}
	t.Cleanup(transport.CloseIdleConnections)
	return &front{url, &http.Client{Jar: jar, Transport: transport, Timeout: patience}, &websocket.Dialer{TLSClientConfig: trust, HandshakeTimeout: patience}, add}
}

// visit is a first visit to a path, with the Set-Cookie lines that it got.
func (f *front) visit(t *testing.T, method, path, body string, headers ...string) (*http.Response, []string) {
	t.Helper()
	request, err := http.NewRequest(method, f.url+path, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	for name, values := range f.add {
		request.Header[name] = values
	}
	for i := 0; i < len(headers); i += 2 {
		request.Header.Add(headers[i], headers[i+1])
	}
	response, err := f.client.Do(request)
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	text, err := io.ReadAll(response.Body)
	if err != nil {
		t.Fatal(err)
	}
	response.Body = io.NopCloser(bytes.NewReader(text))
	return response, response.Header.Values("Set-Cookie")
}

// socket opens a WebSocket without a cookie, and closes it once it was let in.
func (f *front) socket(t *testing.T, origins ...string) (*http.Response, error) {
	t.Helper()
	header := f.add.Clone()
	if header == nil {
		header = http.Header{}
	}
	for _, origin := range origins {
		header.Add("Origin", origin)
	}
	conn, response, err := f.dialer.Dial(strings.Replace(f.url, "http", "ws", 1)+"/ws", header)
	if err == nil {
		defer conn.Close()
		conn.SetReadDeadline(time.Now().Add(patience))
		_, _, err = conn.ReadMessage()
	}
	return response, err
}

// fronts are the ways that a server can be reached: plainly, over its own TLS, and through proxies that speak TLS, of which one
// is none but for what it says.
func fronts(t *testing.T, flags ...string) map[string]*front {
	t.Helper()
	pair := newTestPair(t, "cherry")
	flags = append(flags, "--tour") // with TLS too
	plain := start(t, t.TempDir(), flags...)
	secure := start(t, t.TempDir(), append(newCertFiles(t, pair).flags(), flags...)...)
	behind := start(t, t.TempDir(), append([]string{"--trusted-proxies=127.0.0.0/8"}, flags...)...)
	ways := map[string]*front{
		"http":         newFront(t, "http://"+plain.addr, nil, nil),
		"https":        newFront(t, "https://"+secure.addr, trusting(pair), nil),
		"behind https": newFront(t, "http://"+behind.addr, nil, http.Header{"X-Forwarded-Proto": {"https"}, "X-Forwarded-For": {"198.51.100.1"}}),
	}
	for name, begin := range httpsProxies {
		ways["behind "+name] = begin(t, behind.addr).front
	}
	return ways
}

// write is a POST from pages of these origins, with the code of its refusal.
func (f *front) write(t *testing.T, origins ...string) (response *http.Response, code string) {
	t.Helper()
	headers := []string{"Content-Type", "application/json"}
	for _, origin := range origins {
		headers = append(headers, "Origin", origin)
	}
	response, _ = f.visit(t, "POST", "/session", `{"incr":{"n":1}}`, headers...)
	var problem struct{ Code string }
	json.NewDecoder(response.Body).Decode(&problem)
	return response, problem.Code
}
