package main

import (
	"bytes"
	"crypto/hkdf"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"io/fs"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/gorilla/securecookie"
)

// Row 3: a session in a query is ignored, and the token is in no URL, body, frame, log line or file of the store.
func TestSecurity03TheTokenIsInTheCookieAlone(t *testing.T) {
	data := t.TempDir()
	p, b := startWithAPI(t, data, "--log-level=debug", "--secret-key="+cherryKey)
	log := p.journal()
	victim := visitor(t, p, `{"set":{"a":1}}`)
	secrets := map[string][]byte{}
	remember := func(name string) {
		_, value, _ := strings.Cut(victim.cookie(), "=")
		secrets[name+" cookie"] = []byte(value)
		for form, text := range formsOf(tokenIn(t, value)) {
			secrets[name+" token "+form] = text
		}
	}
	remember("first")
	_, value, _ := strings.Cut(victim.cookie(), "=")
	id := b.resolve(victim).ID
	for _, name := range []string{"session", "sid", "token", "PHPSESSID", "__Host-session", "cookie", "id"} {
		for _, what := range []string{value, id} {
			a := newBrowser(t, p.addr).do(t, "GET", "/session?"+name+"="+what, "")
			if strings.Contains(a.want(200).body, id) {
				t.Errorf("?%s= is believed", name)
			}
		}
	}

	var told strings.Builder
	tb := openTab(t, victim)
	for _, f := range []string{`{"get":true}`, `{"set":{"b":2},"id":1}`, `{"bad":1,"id":2}`} {
		tb.send(f)
	}
	for range 4 { // session, change, ok, error
		f, err := tb.next()
		if err != nil {
			t.Fatal(err)
		}
		told.WriteString(f.text)
	}
	for _, path := range []string{"/session", "/session/tabs", "/session/keys/a", "/nothing", "/session/keys/none"} {
		told.WriteString(victim.do(t, "GET", path, "").body)
	}
	told.WriteString(victim.do(t, "POST", "/session/ticket", "").body)
	b.rotate(victim)
	told.WriteString(tb.goes(t, 4001, "rotated").text)
	remember("rotated")
	b.login(victim, `{"user":"u"}`)
	remember("login")
	told.WriteString(b.do("POST", "/v1/resolve", "", "Cookie", victim.cookie()).body)
	told.WriteString(b.do("GET", "/v1/users/u/sessions", "").body)
	told.WriteString(b.do("GET", "/auth", "", "Cookie", victim.cookie()).header.Get("X-Session-Id"))
	for name, secret := range secrets {
		if strings.Contains(told.String(), string(secret)) {
			t.Errorf("a frame or body has the %s", name)
		}
	}
	p.signal(t, syscall.SIGTERM)
	<-log.ended
	hidden(t, log, data, secrets)
}

// hidden looks for secrets in the log and in every file of the data directory.
func hidden(t *testing.T, log *journal, data string, secrets map[string][]byte) {
	t.Helper()
	read := 0
	err := filepath.WalkDir(data, func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		content, err := os.ReadFile(path)
		read += len(content)
		for name, secret := range secrets {
			if bytes.Contains(content, secret) {
				t.Errorf("%s has %s", path, name)
			}
		}
		return err
	})
	if err != nil || read == 0 {
		t.Fatalf("%d bytes read: %v", read, err)
	}
	for name, secret := range secrets {
		if strings.Contains(log.text(), string(secret)) {
			t.Errorf("the log has %s", name)
		}
	}
	if !strings.Contains(log.text(), "session begun") {
		t.Error("the log is not the server's")
	}
}

// tokenIn opens a cookie as its server does: the tests know the key.
func tokenIn(t *testing.T, value string) []byte {
	t.Helper()
	key := func(label string) []byte {
		k, err := hkdf.Key(sha256.New, []byte(cherryKey), nil, label, 32)
		if err != nil {
			t.Fatal(err)
		}
		return k
	}
	codec := securecookie.New(key("seshd cookie authentication"), key("seshd cookie confidentiality"))
	codec.HashFunc(sha256.New)
	codec.SetSerializer(securecookie.NopEncoder{}) // not gob, row 19
	var payload []byte
	if err := codec.Decode("session", value, &payload); err != nil || len(payload) != 1+32+8 {
		t.Fatalf("%d bytes: %v", len(payload), err)
	}
	return payload[1:33]
}

func formsOf(secret []byte) map[string][]byte {
	return map[string][]byte{
		"raw": secret, "in hex": []byte(hex.EncodeToString(secret)), "in HEX": []byte(strings.ToUpper(hex.EncodeToString(secret))),
		"in base64": []byte(base64.RawStdEncoding.EncodeToString(secret)), "in base64url": []byte(base64.RawURLEncoding.EncodeToString(secret)),
	}
}

// Row 24: only the owner reads the data directory, and one server has it.
func TestSecurity24TheDataDirectoryIsTheOwners(t *testing.T) {
	data := filepath.Join(t.TempDir(), "data")
	p := start(t, data)
	visitor(t, p, `{"set":{"a":1}}`)
	for name, want := range map[string]fs.FileMode{"": 0o700, "db": 0o700, "secret-key": 0o600, "api-key": 0o600} {
		info, err := os.Stat(filepath.Join(data, name))
		if err != nil || info.Mode().Perm() != want {
			t.Errorf("%q: %v %v, want mode %o", name, info.Mode(), err, want)
		}
	}
	if out, err := command(t, data).CombinedOutput(); err == nil || !strings.Contains(string(out), "is in use by another server") {
		t.Errorf("a second server: %v %s", err, out)
	}
	if s := newBrowser(t, p.addr).do(t, http.MethodGet, "/session", ""); s.status != 200 {
		t.Error("the first one minds")
	}
}
