package main

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"io/fs"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"
)

// acmeDomain is a name that leads to this machine for the CA of these tests, and for their clients.
const acmeDomain = "shop.example"

// testCA is Pebble, the ACME server that Let's Encrypt has for tests.
type testCA struct {
	*os.Process
	directory string
	roots     *x509.CertPool // of what it signs
}

// startCA starts one that gives certificates for so many seconds, and asks the domains' owners at these addresses.
func startCA(t *testing.T, seconds int, https, plain string) *testCA {
	t.Helper()
	api, management, dns, control := freeAddr(t), freeAddr(t), freeAddr(t), freeAddr(t)
	pair := newTestPair(t, "ca")
	files := newCertFiles(t, pair)
	config, err := json.Marshal(map[string]any{"pebble": map[string]any{
		"listenAddress": api, "managementListenAddress": management, "certificate": files.cert, "privateKey": files.key,
		"tlsPort": portOf(https), "httpPort": portOf(plain), "keyAlgorithm": "ecdsa",
		"profiles": map[string]any{"default": map[string]any{"validityPeriod": seconds}},
	}})
	if err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(t.TempDir(), "pebble.json")
	if err := os.WriteFile(file, config, 0o600); err != nil {
		t.Fatal(err)
	}
	t.Setenv("PEBBLE_VA_NOSLEEP", "1") // Pebble tries the patience of clients, by pauses and by refusals that mean nothing
	t.Setenv("PEBBLE_WFE_NONCEREJECT", "0")
	t.Setenv("SSL_CERT_FILE", files.cert) // which tells servers that they may trust Pebble's own certificate
	const from = ". .ci/tools installs it and sets ACME_TOOLS"
	tools := os.Getenv("ACME_TOOLS")
	startFrontend(t, control, filepath.Join(tools, "pebble-challtestsrv"), from, "-dnsserver", dns, "-management", control,
		"-defaultIPv4", "127.0.0.1", "-defaultIPv6", "", "-http01", "", "-https01", "", "-tlsalpn01", "", "-doh", "")
	ca := &testCA{directory: "https://" + localhost(api) + "/dir", roots: x509.NewCertPool()}
	ca.Process = startFrontend(t, api, filepath.Join(tools, "pebble"), from, "-config", file, "-dnsserver", dns)
	listens(t, management, func() {})
	transport := &http.Transport{TLSClientConfig: trusting(pair)}
	t.Cleanup(transport.CloseIdleConnections)
	ca.roots.AppendCertsFromPEM([]byte(get(t, &http.Client{Transport: transport, Timeout: patience}, "https://"+localhost(management)+"/roots/0")))
	return ca
}

func (ca *testCA) flags(addr string) []string {
	return []string{"--addr=" + addr, "--acme-domain=" + acmeDomain, "--acme-directory=" + ca.directory, "--acme-email=you@" + acmeDomain}
}

// front is how browsers reach a server that has its certificate from the CA.
func (ca *testCA) front(t *testing.T, addr string) *front {
	f := newHTTPSFront(t, acmeDomain, &tls.Config{RootCAs: ca.roots})
	dial := func(ctx context.Context, _, _ string) (net.Conn, error) {
		return new(net.Dialer).DialContext(ctx, "tcp", addr)
	}
	f.client.Transport.(*http.Transport).DialContext, f.dialer.NetDialContext = dial, dial
	return f
}

// certified waits until a server says that it has its certificate.
func certified(t *testing.T, p *process) {
	t.Helper()
	for line := range p.lines {
		if line["level"] == "ERROR" {
			t.Fatalf("%v", line)
		}
		if line["msg"] == "serving a certificate" {
			return
		}
	}
	t.Fatal("it ended without a certificate")
}

// served is the certificate that a handshake gets; it is good for the name.
func (ca *testCA) served(t *testing.T, addr string) *x509.Certificate {
	t.Helper()
	c, err := tls.Dial("tcp", addr, &tls.Config{RootCAs: ca.roots, ServerName: acmeDomain})
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	return c.ConnectionState().PeerCertificates[0]
}

func TestAServerGetsItsCertificateFromACA(t *testing.T) {
	addr, data := freeAddr(t), t.TempDir()
	ca := startCA(t, 3600, addr, freeAddr(t))
	p := start(t, data, ca.flags(addr)...)
	certified(t, p) // before anybody came
	f := ca.front(t, addr)
	if response, lines := f.visit(t, "GET", "/session", ""); len(lines) != 1 || !strings.HasPrefix(lines[0], "__Host-session=") || response.ProtoMajor != 2 {
		t.Errorf("by %s come the cookies %q", response.Proto, lines)
	}
	if response, _ := f.visit(t, "GET", "/cherries", ""); response.StatusCode != http.StatusNotFound {
		t.Errorf("the tour is answered %s", response.Status)
	}
	if _, err := f.socket(t, f.url); err != nil {
		t.Error(err)
	}
	if c, err := tls.Dial("tcp", addr, &tls.Config{ServerName: "evil.example", InsecureSkipVerify: true}); err == nil {
		c.Close()
		t.Error("a name that was not asked for is served")
	}
	first := ca.served(t, addr)
	onlyForTheOwner(t, filepath.Join(data, acmeCache))

	// A restart asks for nothing: there is nobody to ask.
	p.signal(t, syscall.SIGTERM)
	if code := p.exit(t); code != 0 {
		t.Errorf("exit %d", code)
	}
	ca.Kill()
	certified(t, start(t, data, ca.flags(addr)...))
	if again := ca.served(t, addr); !again.Equal(first) {
		t.Errorf("after the restart %v is served, not %v", again.SerialNumber, first.SerialNumber)
	}
}

func onlyForTheOwner(t *testing.T, dir string) {
	t.Helper()
	files := 0
	err := filepath.WalkDir(dir, func(path string, entry fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		info, err := entry.Info()
		if err == nil && info.Mode().Perm()&0o077 != 0 {
			t.Errorf("%s has the mode %v", path, info.Mode())
		}
		if !entry.IsDir() {
			files++
		}
		return err
	})
	if err != nil || files == 0 {
		t.Errorf("%d files in %s: %v", files, dir, err)
	}
}

// What lives for twelve seconds is renewed after eight.
func TestACertificateIsRenewedUnderATab(t *testing.T) {
	addr := freeAddr(t)
	ca := startCA(t, 20, addr, freeAddr(t)) // it is renewed when a third is left, which is time for a busy machine
	p := start(t, t.TempDir(), ca.flags(addr)...)
	certified(t, p)
	tb := ca.front(t, addr).open(t, "")
	want(t, tb, "session")
	first := ca.served(t, addr)
	look := time.NewTicker(50 * time.Millisecond)
	defer look.Stop()
	for began := time.Now(); ca.served(t, addr).Equal(first); <-look.C {
		if time.Since(began) > patience {
			t.Fatal("the certificate is not renewed")
		}
	}
	if err := tb.send(`{"set":{"fruit":"cherries"},"id":1}`); err != nil {
		t.Fatal(err)
	}
	want(t, tb, "ok")
}

// Where the CA finds nothing at the port of HTTPS it asks by plain HTTP, of the listener that leads browsers away from there.
func TestTheListenerForRedirectsAnswersTheCA(t *testing.T) {
	addr, plain := freeAddr(t), freeAddr(t)
	ca := startCA(t, 3600, freeAddr(t), plain)
	certified(t, start(t, t.TempDir(), append(ca.flags(addr), "--redirect-addr="+plain)...))

	client := &http.Client{CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }, Timeout: patience}
	for method, want := range map[string]int{"GET": http.StatusPermanentRedirect, "POST": http.StatusBadRequest} {
		request, err := http.NewRequest(method, "http://"+plain+"/cart?x=1", nil)
		if err != nil {
			t.Fatal(err)
		}
		for host, to := range map[string]string{acmeDomain: "https://" + acmeDomain + "/cart?x=1", plain: "https://" + addr + "/cart?x=1"} {
			request.Host = host
			response, err := client.Do(request)
			if err != nil {
				t.Fatal(err)
			}
			response.Body.Close()
			if where := response.Header.Get("Location"); response.StatusCode != want || where != to && method == "GET" {
				t.Errorf("%s to %s is answered %s, to %q", method, host, response.Status, where)
			}
		}
	}
}

// Whoever gets no certificate is told why, and serves on for the day that there is one.
func TestACertificateThatCannotBeHadIsInTheLog(t *testing.T) {
	addr := freeAddr(t)
	nobody := &testCA{directory: "https://" + freeAddr(t) + "/dir"}
	p := start(t, t.TempDir(), nobody.flags(addr)...)
	for line := range p.lines {
		if line["level"] == "ERROR" {
			if text, _ := line["error"].(string); line["domain"] != acmeDomain || line["ca"] != nobody.directory || !strings.Contains(text, "refused") {
				t.Errorf("%v", line)
			}
			break
		}
	}
	if c, err := tls.Dial("tcp", addr, &tls.Config{ServerName: acmeDomain, InsecureSkipVerify: true}); err == nil {
		c.Close()
		t.Error("it is served all the same")
	}
	if err := health(t.Context(), p.internal); err != nil {
		t.Error(err)
	}
}
