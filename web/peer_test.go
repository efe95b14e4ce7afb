package web

import (
	"bytes"
	"crypto/tls"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"strings"
	"testing"
	"time"
)

// behind makes a request as it comes from a peer, with headers as pairs of name and value.
func behind(remote string, headers ...string) *http.Request {
	r := httptest.NewRequest("GET", "/", nil)
	r.RemoteAddr = remote
	for i := 0; i < len(headers); i += 2 {
		r.Header.Add(headers[i], headers[i+1])
	}
	return r
}

var proxies = trustedProxies{netip.MustParsePrefix("10.0.0.0/8"), netip.MustParsePrefix("fd00::/8"), netip.MustParsePrefix("192.0.2.7/32")}

func TestTheClientsAddressIsWhatTrustedProxiesSaw(t *testing.T) {
	const proxy = "10.0.0.1:5000"
	for _, test := range []struct {
		remote string
		lines  []string // of X-Forwarded-For
		want   string
	}{
		{"203.0.113.5:1", nil, "203.0.113.5"},
		{"203.0.113.5:1", []string{"198.51.100.1"}, "203.0.113.5"}, // from nobody in particular
		{"11.0.0.1:1", []string{"198.51.100.1"}, "11.0.0.1"},
		{proxy, nil, "10.0.0.1"},
		{proxy, []string{""}, "10.0.0.1"},
		{proxy, []string{"198.51.100.1"}, "198.51.100.1"},
		{proxy, []string{"1.1.1.1, 198.51.100.1"}, "198.51.100.1"}, // the client made the first one up
		{proxy, []string{"1.1.1.1", "198.51.100.1"}, "198.51.100.1"},
		{proxy, []string{"1.1.1.1, 198.51.100.1", "10.2.3.4 ,192.0.2.7"}, "198.51.100.1"},
		{proxy, []string{"10.9.9.9"}, "10.9.9.9"}, // a client among the proxies' own
		{proxy, []string{"10.9.9.9, 10.8.8.8"}, "10.9.9.9"},
		{proxy, []string{"198.51.100.1, nonsense"}, "10.0.0.1"},
		{proxy, []string{"198.51.100.1, nonsense, 10.1.1.1"}, "10.1.1.1"},
		{proxy, []string{"198.51.100.1,,10.1.1.1"}, "10.1.1.1"},
		{proxy, []string{"198.51.100.1,"}, "10.0.0.1"},
		{proxy, []string{"unknown"}, "10.0.0.1"},
		{proxy, []string{"::1; DROP TABLE, 300.1.1.1"}, "10.0.0.1"},
		{proxy, []string{"198.51.100.1:4711"}, "198.51.100.1"},
		{proxy, []string{"[2001:db8::1]:4711"}, "2001:db8::1"},
		{proxy, []string{"2001:db8::1%eth0"}, "2001:db8::1"},
		{proxy, []string{"::ffff:198.51.100.1"}, "198.51.100.1"},
		{proxy, []string{"198.51.100.1, ::ffff:10.1.1.1"}, "198.51.100.1"}, // mapped, and trusted as what it is
		{proxy, []string{strings.Repeat("9.9.9.9, ", 3000) + "198.51.100.1"}, "198.51.100.1"},
		{proxy, []string{strings.Repeat("10.9.9.9, ", 3000) + "10.1.1.1"}, "10.9.9.9"},
		{"[::ffff:10.0.0.1]:5000", []string{"198.51.100.1"}, "198.51.100.1"},
		{"[fd00::1%eth0]:5000", []string{"198.51.100.1"}, "198.51.100.1"},
		{"[2001:db8::2]:5000", []string{"198.51.100.1"}, "2001:db8::2"},
		{"@", []string{"198.51.100.1"}, "invalid IP"}, // a Unix socket
	} {
		r := behind(test.remote)
		r.Header["X-Forwarded-For"] = test.lines
		if got := proxies.peerOf(r).addr.String(); got != test.want {
			t.Errorf("%s, %.60q: %s, want %s", test.remote, test.lines, got, test.want)
		}
	}
}

func TestHTTPSIsWhatTrustedProxiesSay(t *testing.T) {
	for _, test := range []struct {
		remote string
		lines  []string // of X-Forwarded-Proto
		want   bool
	}{
		{"10.0.0.1:1", []string{"https"}, true},
		{"10.0.0.1:1", []string{"HTTPS"}, true},
		{"10.0.0.1:1", []string{"wss"}, true},
		{"10.0.0.1:1", []string{"http, https"}, true},
		{"10.0.0.1:1", []string{"http", "https"}, true},
		{"10.0.0.1:1", []string{"https, http"}, false}, // the client said the first one
		{"10.0.0.1:1", []string{"https", "http"}, false},
		{"10.0.0.1:1", []string{"https,"}, false},
		{"10.0.0.1:1", []string{"httpsx"}, false},
		{"10.0.0.1:1", []string{"ws"}, false},
		{"10.0.0.1:1", nil, false},
		{"203.0.113.5:1", []string{"https"}, false},
		{"@", []string{"https"}, false},
	} {
		r := behind(test.remote)
		r.Header["X-Forwarded-Proto"] = test.lines
		if got := proxies.peerOf(r).secure; got != test.want {
			t.Errorf("%s, %q: %v", test.remote, test.lines, got)
		}
	}
	r := behind("203.0.113.5:1", "X-Forwarded-Proto", "http")
	r.TLS = new(tls.ConnectionState)
	if !proxies.peerOf(r).secure || !isSecure(r) {
		t.Error("TLS to ourselves is HTTPS, whatever anybody says")
	}
}

func TestWhatIsNotIdentifiedIsTakenAsItComes(t *testing.T) {
	r := behind("203.0.113.5:1", "X-Forwarded-Proto", "https", "X-Forwarded-For", "1.1.1.1")
	if isSecure(r) || clientAddr(r).String() != "203.0.113.5" {
		t.Errorf("%v %v", isSecure(r), clientAddr(r))
	}
}

func TestALimitCountsAWholeNetworkOfIPv6(t *testing.T) {
	for addr, want := range map[string]string{
		"198.51.100.1": "198.51.100.1", "::ffff:198.51.100.1": "198.51.100.1",
		"2001:db8:1:2:3:4:5:6": "2001:db8:1:2::/64", "2001:db8:1:2::": "2001:db8:1:2::/64", "fe80::1%eth0": "fe80::/64",
	} {
		if got := addressKey(netip.MustParseAddr(addr)); got != want {
			t.Errorf("%s: %s, want %s", addr, got, want)
		}
	}
	if got := addressKey(netip.Addr{}); got == "" {
		t.Errorf("no address: %s", got)
	}
}

// warningsOf is what an app logs of requests.
func warningsOf(t *testing.T, requests ...*http.Request) string {
	t.Helper()
	var out bytes.Buffer
	app := newApp(t)
	app.options.TrustedProxies = proxies
	app.log = slog.New(slog.NewTextHandler(&out, &slog.HandlerOptions{Level: slog.LevelWarn}))
	for _, r := range requests {
		app.ServeHTTP(httptest.NewRecorder(), r)
	}
	return out.String()
}

func TestAProxyThatIsNotTrustedIsLoggedLoudly(t *testing.T) {
	for name, r := range map[string]*http.Request{
		"X-Forwarded-Proto": behind("203.0.113.5:1", "X-Forwarded-Proto", "https"),
		"Forwarded":         behind("203.0.113.5:1", "Forwarded", `for=1.1.1.1;Proto="https";by=x`),
	} {
		got := warningsOf(t, r)
		for _, want := range []string{"level=WARN", "plain HTTP", "not Secure", "--trusted-proxies", "peer=203.0.113.5"} {
			if !strings.Contains(got, want) {
				t.Errorf("%s: %q lacks %q", name, got, want)
			}
		}
	}
	if got := warningsOf(t, behind("10.0.0.1:1", "Forwarded", "proto=https")); !strings.Contains(got, "let the proxy set X-Forwarded-Proto") {
		t.Errorf("a trusted proxy with another header: %q", got)
	}
	for _, r := range []*http.Request{
		behind("203.0.113.5:1"), behind("203.0.113.5:1", "X-Forwarded-Proto", "http"), behind("203.0.113.5:1", "Forwarded", "proto=http"),
		behind("10.0.0.1:1", "X-Forwarded-Proto", "https"),
	} {
		if got := warningsOf(t, r); got != "" {
			t.Errorf("%v: %s", r.Header, got)
		}
	}
	again := behind("203.0.113.5:1", "X-Forwarded-Proto", "https")
	if got := warningsOf(t, again, again, again); strings.Count(got, "level=WARN") != 1 {
		t.Errorf("three requests in a minute: %s", got)
	}
}

func TestAReminderComesOnceAMinuteForEver(t *testing.T) {
	var m reminder
	now := time.Now()
	for minute := range 3 {
		at := now.Add(time.Duration(minute) * warnEvery)
		if !m.due(at) || m.due(at) || m.due(at.Add(warnEvery-1)) {
			t.Errorf("minute %d", minute)
		}
	}
}
