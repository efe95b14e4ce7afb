package main

import (
	"bytes"
	"context"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"syscall"
	"testing"
)

func TestBannerBeginsWithTheLiveView(t *testing.T) {
	port := &net.TCPAddr{IP: net.IPv6unspecified, Port: 40123}
	var b bytes.Buffer
	banner(&b, config{addr: ":0", tour: true, data: "/srv/seshd"}, port, true)
	first, rest, _ := strings.Cut(b.String(), "\n")
	if want := "  \x1b[1mhttp://localhost:40123/live\x1b[0m"; first != want {
		t.Errorf("first line %q, want %q", first, want)
	}
	if strings.Contains(rest, "\x1b[1m") {
		t.Error("another line is as bold")
	}
	for _, want := range []string{
		"http://localhost:40123/ ", "http://localhost:40123/cherries", "http://localhost:40123/blueberries",
		"http://localhost:40123/destroy-session", "wscat -c ws://localhost:40123/ws\n", " /srv/seshd\n",
	} {
		if !strings.Contains(rest, want) {
			t.Errorf("lacks %q:\n%s", want, rest)
		}
	}

	b.Reset()
	banner(&b, config{addr: "shop.example:80", data: "d"}, port, false)
	if text := b.String(); strings.Contains(text, "/live") || strings.Contains(text, "/cherries") || strings.Contains(text, "\x1b") {
		t.Errorf("shows pages that are off, or colour:\n%s", text)
	}

	b.Reset()
	banner(&b, config{addr: ":0", tlsCert: "cert.pem", tlsKey: "key.pem", tour: true}, port, false)
	if text := b.String(); !strings.Contains(text, "https://localhost:40123/live\n") || !strings.Contains(text, "wscat -c wss://localhost:40123/ws\n") || strings.Contains(text, "http:") {
		t.Errorf("shows plain addresses with TLS:\n%s", text)
	}
}

func TestBrowserHost(t *testing.T) {
	for asked, want := range map[string]string{
		":0": "localhost:5", "0.0.0.0:0": "localhost:5", "[::]:0": "localhost:5", "127.0.0.1:0": "localhost:5", "[::1]:0": "localhost:5",
		"10.0.0.7:0": "10.0.0.7:5", "shop.example:0": "shop.example:5", "[2001:db8::1]:0": "[2001:db8::1]:5",
	} {
		if got := browserHost(asked, &net.TCPAddr{Port: 5}); got != want {
			t.Errorf("%s: %s, want %s", asked, got, want)
		}
	}
}

func TestTakenPortsNameTheFlags(t *testing.T) {
	taken := func() string {
		l, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { l.Close() })
		return l.Addr().String()
	}
	one, two := taken(), taken()
	_, _, err := listen(t.Context(), config{addr: address(one), internalAddr: optionalAddress(two)}, given{})
	for _, want := range []string{"is taken", "--addr 127.0.0.1:", "--internal-addr 127.0.0.1:"} {
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%v lacks %q", err, want)
		}
	}

	err = explain("addr", ":8000", syscall.EADDRINUSE)
	if want := "port 8000 is taken: choose another with --addr :8010"; err.Error() != want {
		t.Errorf("%q, want %q", err, want)
	}
	err = explain("addr", ":65530", syscall.EADDRINUSE)
	if want := "--addr :65520"; !strings.HasSuffix(err.Error(), want) {
		t.Errorf("%q, want %q", err, want)
	}
}

func TestOneBadListenerLeavesNoneOpen(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	free := l.Addr().String()
	l.Close()
	if _, _, err := listen(t.Context(), config{addr: address(free), internalAddr: optionalAddress(free)}, given{}); err == nil || !strings.Contains(err.Error(), "same port") {
		t.Errorf("%v, want the clash named", err)
	}
	public, internal, err := listen(t.Context(), config{addr: address(free)}, given{})
	if err != nil {
		t.Fatalf("still taken: %v", err)
	}
	public.Close()
	if internal != nil {
		t.Error("an internal listener that nobody asked for")
	}
}

func TestSecondSignalQuits(t *testing.T) {
	signals := make(chan os.Signal)
	stopped, quit := make(chan struct{}), make(chan struct{})
	go onSignals(t.Context(), signals, slog.New(slog.DiscardHandler), func() { close(stopped) }, func() { close(quit) })
	signals <- syscall.SIGTERM
	<-stopped
	select {
	case <-quit:
		t.Fatal("quit at the first signal")
	default:
	}
	signals <- syscall.SIGTERM
	<-quit
}

func TestHealth(t *testing.T) {
	ready := true
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path != "/readyz" || !ready {
			http.Error(w, "draining", http.StatusServiceUnavailable)
		}
	}))
	defer server.Close()
	addr := server.Listener.Addr().String()
	_, port, _ := net.SplitHostPort(addr)
	for _, form := range []string{addr, ":" + port, "0.0.0.0:" + port} {
		if err := health(t.Context(), form); err != nil {
			t.Errorf("%s: %v", form, err)
		}
	}
	ready = false
	if err := health(t.Context(), addr); err == nil || !strings.Contains(err.Error(), "503") || !strings.Contains(err.Error(), "draining") {
		t.Errorf("not ready: %v", err)
	}
	server.Close()
	if err := health(t.Context(), addr); err == nil || !strings.Contains(err.Error(), "--internal-addr "+addr) {
		t.Errorf("nobody there: %v", err)
	}
	if err := health(context.Background(), ""); err == nil {
		t.Error("a listener that is off is ready")
	}
}

func TestRun(t *testing.T) {
	for _, test := range []struct {
		args []string
		code int
		want string
	}{
		{[]string{"version"}, 0, "seshd "},
		{[]string{"--version"}, 0, "seshd "},
		{[]string{"--help"}, 0, "--max-session-bytes size"},
		{[]string{"--adr", ":1"}, 1, "unknown flag --adr: the nearest is --addr"},
		{[]string{"health", "--data", "x"}, 1, "unknown flag --data"},
		{[]string{"serv"}, 1, `unknown command "serv": the nearest is "serve"`},
		{[]string{"serve", "now"}, 1, "takes flags only"},
		{[]string{"--tour", "false"}, 1, "--tour=false"},
		{[]string{"serve", "--store", "x"}, 1, "--store: want embedded, or a Redis"},
		{[]string{"--secret-key", "plum"}, 1, "want at least 32"},
	} {
		var stdout, stderr bytes.Buffer
		code := run(test.args, nil, &stdout, &stderr)
		text := stdout.String()
		if test.code != 0 {
			text = stderr.String()
		}
		if code != test.code || !strings.Contains(text, test.want) {
			t.Errorf("%q: exit %d, %q; want exit %d and %q", test.args, code, text, test.code, test.want)
		}
	}
}

func TestKeygen(t *testing.T) {
	seen := map[string]bool{}
	for range 3 {
		var out bytes.Buffer
		if code := run([]string{"keygen"}, nil, &out, &out); code != 0 {
			t.Fatalf("exit %d: %s", code, &out)
		}
		key := strings.TrimSuffix(out.String(), "\n")
		if err := new(cookieKeys).set(key); err != nil || strings.ContainsAny(key, ", \n") || seen[key] {
			t.Errorf("%q does not do as a key: %v", key, err)
		}
		seen[key] = true
	}
}
