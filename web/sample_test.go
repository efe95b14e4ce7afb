package web

import (
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"github.com/seshd/seshd/session"
)

// Cookies that a released seshd made open: they are out there for as long as they live.
func TestSampleCookies(t *testing.T) {
	samples := map[byte][]string{ // by the version of their payload: over HTTP, over HTTPS
		1: {
			"MTc5NTQyMjY1NHxxV0lzbXA4R2p3ZGNDdWI2aVFGakFydFRtZ1E3aFRveHktZWFhb09ud05SaFFVTlhKZWxmR3Z4YTdjQnh4RVBnX2pKZ192RFhXdkRjfHiWGd9lzIW5gvHdM2sI1KaHwOTppEuyz_R-Cz637o1C",
			"MTc5NTQyMjY1NHxiX05yVWhya0NXUTM5YWYyb3FoQWlRYU5MSFY5X2VMODlGNHh4TmVFekktYnQzOTBBeWJuZzFiRlF4VnhHTjNSZUNrRFpFcWJDLW44fGPskwJp8c6w7bbI6qT49Zvhfxdq4rxEttgKwLY3Hitc",
		},
	}
	const lifetime = 100 * 365 * 24 * time.Hour // so that the samples have not ended
	jar := newCookieJar([]string{"another secret of at least 32 bytes", "a secret of at least 32 bytes, this is one"}, lifetime, http.SameSiteLaxMode)
	for version := byte(1); version <= cookiePayload; version++ {
		for i, value := range samples[version] {
			r := httptest.NewRequest("GET", "/", nil)
			r.AddCookie(&http.Cookie{Name: cookieNameFor(i == 1), Value: value})
			token, issued, ok := jar.open(r, i == 1)
			if !ok || token != (session.Token{1, 2, 3}) || issued.UnixMilli() != 1_767_323_045_006 {
				t.Errorf("cookie %d of version %d: %v, %v", i, version, issued, ok)
			}
		}
	}
}

// A payload that a newer seshd made counts as none, as every cookie does that is not ours.
func TestACookieOfAVersionToCome(t *testing.T) {
	jar := newCookieJar([]string{"a secret of at least 32 bytes, this is one"}, time.Hour, http.SameSiteLaxMode)
	payload := make([]byte, payloadBytes)
	payload[0] = cookiePayload + 1
	value, err := jar.codecs[0].Encode(cookieName, payload)
	if err != nil {
		t.Fatal(err)
	}
	r := httptest.NewRequest("GET", "/", nil)
	r.AddCookie(&http.Cookie{Name: cookieName, Value: value})
	if _, _, ok := jar.open(r, false); ok {
		t.Error("it was adopted")
	}
}
