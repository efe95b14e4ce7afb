package main

import (
	"net"
	"strings"
	"testing"

	"github.com/seshd/seshd/session/redisstore/redistest"
)

// TestRedisOverTLS: with a user and a password, and a certificate of a CA that this machine is told to trust.
func TestRedisOverTLS(t *testing.T) {
	files := newCertFiles(t, newTestPair(t, "redis"))
	addr := freeAddr(t)
	_, port, _ := net.SplitHostPort(addr)
	redis := redistest.Start(t, "--tls-port", port, "--tls-cert-file", files.cert, "--tls-key-file", files.key, "--tls-auth-clients", "no")
	redis.Do("ACL", "SETUSER", "shop", "on", ">nobodys business", "~seshd:*", "&seshd:*", "+@all")

	_, err := command(t, t.TempDir(), "--store=rediss://shop:nobodys%20business@"+addr, "--secret-key="+cookieKey).CombinedOutput()
	if err == nil {
		t.Error("it starts on a Redis whose certificate nobody vouches for")
	}
	t.Setenv("SSL_CERT_FILE", files.cert)
	out, err := command(t, t.TempDir(), "--store=rediss://shop:another@"+addr, "--secret-key="+cookieKey).CombinedOutput()
	if err == nil || !strings.Contains(string(out), "WRONGPASS") || strings.Contains(string(out), "another@") {
		t.Errorf("with a wrong password: %v, %s", err, out)
	}
	p1, _ := startAt(t, "rediss://shop:nobodys%20business@"+addr)
	p2, _ := startAt(t, "rediss://shop:nobodys%20business@"+addr)
	v := visitor(t, p1, `{"set":{"fruit":"cherries"}}`)
	tb := openTab(t, v.at(t, p2))
	if _, err := v.post(`{"set":{"fruit":"plums"}}`, ""); err != nil {
		t.Fatal(err)
	}
	if f := want(t, tb, "change"); string(f.Set["fruit"]) != `"plums"` {
		t.Errorf("the tab on the other server was told %s", f.text)
	}
}
