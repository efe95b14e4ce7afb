package main

import (
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// Row 20: the server API and the profiles want a key; proxies and probes have none.
func TestSecurity20WhatWantsAKey(t *testing.T) {
	const second = "another-key-of-the-api-for-rotation"
	p, b := startWithAPI(t, t.TempDir(), "--api-key="+second)
	guarded := [][2]string{
		{"POST", "/v1/resolve"}, {"GET", "/v1/sessions/x"}, {"POST", "/v1/sessions/x"}, {"DELETE", "/v1/sessions/x"}, {"PUT", "/v1/sessions/x"},
		{"POST", "/v1/sessions/x/login"}, {"POST", "/v1/sessions/x/rotate"}, {"POST", "/v1/sessions/x/logout"}, {"GET", "/v1/users/u/sessions"},
		{"DELETE", "/v1/users/u/sessions"}, {"GET", "/v1/events"}, {"GET", "/v1/openapi.json"}, {"GET", "/v1/"}, {"GET", "/v1/nothing"}, {"OPTIONS", "/v1/resolve"},
		{"GET", "/debug/pprof/"}, {"GET", "/debug/pprof/heap"}, {"GET", "/debug/pprof/cmdline"}, {"POST", "/debug/pprof/symbol"}, {"HEAD", "/v1/sessions/x"},
	}
	for _, g := range guarded {
		for name, value := range map[string]string{
			"none": "", "wrong": "Bearer wrong", "no key": "Bearer ", "no scheme": plumKey, "another scheme": "Basic " + plumKey, "longer": "Bearer " + plumKey + "x",
			"shorter": "Bearer " + plumKey[1:], "both": "Bearer " + plumKey + "," + second, "spaces": "Bearer  " + plumKey,
		} {
			r := b.request(g[0], g[1], nil, "Authorization", value)
			if value == "" {
				r.Header.Del("Authorization")
			}
			response, err := b.http.Do(r)
			if err != nil {
				t.Fatal(err)
			}
			if a := read(t, response); a.status != 401 || a.header.Get("WWW-Authenticate") != "Bearer" {
				t.Errorf("%s %s with %s: %d %s", g[0], g[1], name, a.status, a.body)
			}
		}
		for _, key := range []string{plumKey, second} {
			if g[1] == "/v1/events" {
				continue // goes on for ever
			}
			if a := b.do(g[0], g[1], "", "Authorization", "bearer "+key); a.status == 401 {
				t.Errorf("%s %s with a good key: %s", g[0], g[1], a.body)
			}
		}
		if a := newBrowser(t, p.addr).do(t, g[0], g[1], "", "Authorization", "Bearer "+plumKey); a.status != 404 {
			t.Errorf("the public listener answers %s %s with %d", g[0], g[1], a.status)
		}
	}
	b.key = ""
	for _, path := range []string{"/auth", "/livez", "/readyz", "/metrics"} {
		b.do("GET", path, "").want(200)
	}
}

func TestSecurity20AKeyIsDrawnWhereNoneIsGiven(t *testing.T) {
	data := t.TempDir()
	p := start(t, data)
	key, err := os.ReadFile(filepath.Join(data, "api-key"))
	if err != nil {
		t.Fatal(err)
	}
	b := newBackend(t, p)
	b.do("GET", "/v1/openapi.json", "").want(http.StatusUnauthorized)
	b.key = strings.TrimSpace(string(key))
	b.do("GET", "/v1/openapi.json", "").want(200)
	if len(b.key) < 43 {
		t.Errorf("a key of %d characters", len(b.key))
	}
}

func TestSecurity20TheInternalListenerIsOnLoopback(t *testing.T) {
	for _, s := range settings {
		if s.name != internalAddrSetting {
			continue
		}
		host, _, err := net.SplitHostPort(s.def)
		if ip := net.ParseIP(host); err != nil || ip == nil || !ip.IsLoopback() {
			t.Errorf("--%s is %s", s.name, s.def)
		}
	}
}
