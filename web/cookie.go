package web

import (
	"crypto/hkdf"
	"crypto/sha256"
	"encoding/binary"
	"fmt"
	"net/http"
	"time"

	"github.com/gorilla/securecookie"

	"github.com/seshd/seshd/session"
)

const (
	cookieName       = "session"
	secureCookieName = "__Host-session" // browsers take it over HTTPS only, without Domain and with Path=/

	// MinSecretBytes is how long a cookie key must be. securecookie itself takes any length.
	MinSecretBytes = 32

	// A flood of cookies is not worth a MAC each. Ours have some 200 bytes; a browser has one of ours, and perhaps some
	// that a sister domain planted before it.
	maxCookieValue = 512
	maxCookies     = 16

	cookiePayload = 1                              // the version byte of the payload
	payloadBytes  = 1 + len(session.Token{}) + 8   // version, token, time of issue in Unix milliseconds
	labelSign     = "seshd cookie authentication"  // HKDF labels keep the two keys
	labelEncrypt  = "seshd cookie confidentiality" // of one secret apart
)

// CheckSecret says whether a text can be a cookie key.
func CheckSecret(secret string) error {
	if len(secret) < MinSecretBytes {
		return fmt.Errorf("a cookie key has at least %d bytes, this one has %d: make one with seshd keygen", MinSecretBytes, len(secret))
	}
	return nil
}

// cookieJar seals tokens into cookies and opens them again. It is static after construction.
type cookieJar struct {
	codecs   []securecookie.Codec // the first seals, all open
	lifetime time.Duration
	sameSite http.SameSite
}

func newCookieJar(secrets []string, lifetime time.Duration, sameSite http.SameSite) *cookieJar {
	jar := &cookieJar{lifetime: lifetime, sameSite: sameSite}
	for _, secret := range secrets {
		if err := CheckSecret(secret); err != nil {
			panic("web: " + err.Error())
		}
		codec := securecookie.New(deriveKey(secret, labelSign), deriveKey(secret, labelEncrypt))
		codec.HashFunc(sha256.New)
		codec.SetSerializer(securecookie.NopEncoder{})
		codec.MaxAge(int((lifetime + time.Second - 1) / time.Second)) // else it is 30 days, whatever the lifetime
		jar.codecs = append(jar.codecs, codec)
	}
	return jar
}

func deriveKey(secret, label string) []byte {
	key, err := hkdf.Key(sha256.New, []byte(secret), nil, label, 32)
	if err != nil {
		panic("web: " + err.Error()) // only for lengths that HKDF cannot give
	}
	return key
}

// open yields the token of the first of a request's cookies that verifies, of those for HTTPS or of those for plain HTTP.
// A cookie that does not is as good as none.
func (j *cookieJar) open(r *http.Request, secure bool) (session.Token, time.Time, bool) {
	name := cookieNameFor(secure)
	tried := 0
	for _, c := range r.CookiesNamed(name) {
		if len(c.Value) > maxCookieValue {
			continue
		}
		if tried++; tried > maxCookies {
			break
		}
		var payload []byte
		if securecookie.DecodeMulti(name, c.Value, &payload, j.codecs...) != nil ||
			len(payload) != payloadBytes || payload[0] != cookiePayload {
			continue
		}
		token := session.Token(payload[1 : 1+len(session.Token{})])
		issued := time.UnixMilli(int64(binary.BigEndian.Uint64(payload[1+len(token):])))
		if left := time.Until(issued.Add(j.lifetime)); left > 0 {
			return token, issued, true
		}
	}
	return session.Token{}, time.Time{}, false
}

// seal makes the cookie of a token.
func (j *cookieJar) seal(secure bool, token session.Token, issued time.Time) (*http.Cookie, error) {
	payload := append(make([]byte, 0, payloadBytes), cookiePayload)
	payload = append(payload, token[:]...)
	payload = binary.BigEndian.AppendUint64(payload, uint64(issued.UnixMilli()))
	c := j.blank(secure)
	value, err := j.codecs[0].Encode(c.Name, payload)
	if err != nil {
		return nil, fmt.Errorf("seal cookie: %w", err)
	}
	c.Value = value
	c.MaxAge = max(1, int(time.Until(issued.Add(j.lifetime)).Round(time.Second)/time.Second))
	return c, nil
}

// expired makes the cookie that removes the one there is.
func (j *cookieJar) expired(secure bool) *http.Cookie {
	c := j.blank(secure)
	c.MaxAge = -1
	return c
}

func (j *cookieJar) blank(secure bool) *http.Cookie {
	return &http.Cookie{
		Name: cookieNameFor(secure), Path: "/", HttpOnly: true, SameSite: j.sameSite,
		Secure: secure, Partitioned: secure && j.sameSite == http.SameSiteNoneMode,
	}
}

func cookieNameFor(secure bool) string {
	if secure {
		return secureCookieName
	}
	return cookieName
}
