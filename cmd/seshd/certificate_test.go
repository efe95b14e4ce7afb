package main

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"log/slog"
	"math/big"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// testPair is a certificate for this machine and its key, both PEM.
type testPair struct{ cert, key []byte }

func newTestPair(t *testing.T, name string) testPair {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(time.Now().UnixNano()), Subject: pkix.Name{CommonName: name},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
		DNSNames: []string{"localhost"}, IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)},
	}
	cert, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		t.Fatal(err)
	}
	private, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	return testPair{
		pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: cert}),
		pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: private}),
	}
}

// certFiles is where a pair lies.
type certFiles struct{ cert, key string }

func newCertFiles(t *testing.T, p testPair) certFiles {
	t.Helper()
	dir := t.TempDir()
	f := certFiles{filepath.Join(dir, "cert.pem"), filepath.Join(dir, "key.pem")}
	f.write(t, p)
	return f
}

// write replaces the files, each in one step.
func (f certFiles) write(t *testing.T, p testPair) {
	t.Helper()
	for path, text := range map[string][]byte{f.key: p.key, f.cert: p.cert} {
		if err := os.WriteFile(path+".new", text, 0o600); err != nil {
			t.Fatal(err)
		}
		if err := os.Rename(path+".new", path); err != nil {
			t.Fatal(err)
		}
	}
}

func (f certFiles) flags() []string { return []string{"--tls-cert=" + f.cert, "--tls-key=" + f.key} }

// trusting is how a client speaks TLS that knows these certificates and no other.
func trusting(pairs ...testPair) *tls.Config {
	roots := x509.NewCertPool()
	for _, p := range pairs {
		roots.AppendCertsFromPEM(p.cert)
	}
	return &tls.Config{RootCAs: roots}
}

// served is the name in the certificate that a handshake gets, long after the last one.
func (c *certificate) served(t *testing.T) string {
	t.Helper()
	c.next = time.Time{}
	pair, err := c.get(nil)
	if err != nil {
		t.Fatal(err)
	}
	return pair.Leaf.Subject.CommonName
}

func TestACertificateIsReadAgainWhenItsFilesChange(t *testing.T) {
	cherry, plum := newTestPair(t, "cherry"), newTestPair(t, "plum")
	files := newCertFiles(t, cherry)
	var out bytes.Buffer
	c := &certificate{certFile: files.cert, keyFile: files.key, log: slog.New(slog.NewTextHandler(&out, nil))}
	if err := c.load(); err != nil {
		t.Fatal(err)
	}
	wants := func(name string, errors int) {
		t.Helper()
		for range 3 {
			if got := c.served(t); got != name {
				t.Errorf("%s is served, want %s", got, name)
			}
		}
		if got := strings.Count(out.String(), "level=ERROR"); got != errors {
			t.Errorf("%d errors logged, want %d:\n%s", got, errors, &out)
		}
	}
	wants("cherry", 0)
	files.write(t, plum)
	wants("plum", 0)
	files.write(t, testPair{cherry.cert, plum.key}) // halfway through a renewal
	wants("plum", 1)
	files.write(t, cherry)
	wants("cherry", 1)
	files.write(t, testPair{[]byte("nonsense"), cherry.key})
	wants("cherry", 2)
	if err := os.Remove(files.cert); err != nil {
		t.Fatal(err)
	}
	wants("cherry", 3)
	files.write(t, plum)
	wants("plum", 3)
}

func TestTheFilesAreLookedAtOnceASecond(t *testing.T) {
	files := newCertFiles(t, newTestPair(t, "cherry"))
	c := &certificate{certFile: files.cert, keyFile: files.key, log: slog.New(slog.DiscardHandler)}
	if err := c.load(); err != nil {
		t.Fatal(err)
	}
	now := time.Now()
	c.renew(now)
	files.write(t, newTestPair(t, "plum"))
	before := c.pair.Load()
	c.renew(now.Add(certificateCheck - 1))
	if c.pair.Load() != before {
		t.Error("looked at again within the second")
	}
	c.renew(now.Add(certificateCheck))
	if c.pair.Load() == before {
		t.Error("not looked at after a second")
	}
}

func TestAPairThatCannotBeServedIsRefusedAtTheStart(t *testing.T) {
	cherry, plum := newTestPair(t, "cherry"), newTestPair(t, "plum")
	for name, test := range map[string]struct {
		pair testPair
		want string
	}{
		"of two pairs": {testPair{cherry.cert, plum.key}, "private key does not match"},
		"no PEM":       {testPair{[]byte("x"), plum.key}, "both PEM"},
		"no key":       {testPair{cherry.cert, cherry.cert}, "both PEM"},
	} {
		files := newCertFiles(t, test.pair)
		_, err := tlsConfig(config{tlsCert: optionalFile(files.cert), tlsKey: optionalFile(files.key)}, slog.New(slog.DiscardHandler))
		if err == nil || !strings.Contains(err.Error(), test.want) || !strings.Contains(err.Error(), "--tls-cert") {
			t.Errorf("%s: %v, want %q", name, err, test.want)
		}
	}
	_, err := tlsConfig(config{tlsCert: "/none/cert.pem", tlsKey: "/none/key.pem"}, slog.New(slog.DiscardHandler))
	if err == nil || !strings.Contains(err.Error(), "--tls-cert: stat /none/cert.pem: no such file") {
		t.Errorf("no such file: %v", err)
	}
}

func TestAServerRenewsItsCertificateWhileItRuns(t *testing.T) {
	cherry, plum := newTestPair(t, "cherry"), newTestPair(t, "plum")
	files := newCertFiles(t, cherry)
	p := start(t, t.TempDir(), files.flags()...)
	name := func() string {
		t.Helper()
		c, err := tls.Dial("tcp", p.addr, trusting(cherry, plum))
		if err != nil {
			t.Fatal(err)
		}
		defer c.Close()
		return c.ConnectionState().PeerCertificates[0].Subject.CommonName
	}
	if got := name(); got != "cherry" {
		t.Fatalf("%s is served", got)
	}
	files.write(t, plum)
	for began := time.Now(); name() != "plum"; {
		if time.Since(began) > patience {
			t.Fatal("the new certificate is never served")
		}
	}
	if err := health(t.Context(), p.internal); err != nil { // the internal listener is plain
		t.Error(err)
	}
	if c, err := tls.Dial("tcp", p.addr, &tls.Config{RootCAs: trusting(plum).RootCAs, MaxVersion: tls.VersionTLS11}); err == nil {
		c.Close()
		t.Error("TLS 1.1 is spoken")
	}
}
