package web

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/seshd/seshd/session"
)

// TestAFloodOfCookiesIsNotTried: what cannot be ours costs nothing, and buries nothing; too many that could be are given up.
func TestAFloodOfCookiesIsNotTried(t *testing.T) {
	jar := newCookieJar([]string{strings.Repeat("k", 32)}, time.Hour, http.SameSiteLaxMode)
	ours, err := jar.seal(false, session.NewToken(), time.Now())
	if err != nil {
		t.Fatal(err)
	}
	if len(ours.Value) > maxCookieValue {
		t.Fatalf("our own cookie has %d bytes", len(ours.Value))
	}
	for name, test := range map[string]struct {
		before string
		n      int
		opens  bool
	}{
		"long ones":       {strings.Repeat("x", maxCookieValue+1), 50, true},
		"a few planted":   {ours.Value[1:], maxCookies - 1, true},
		"a flood of them": {ours.Value[1:], maxCookies, false},
	} {
		r := httptest.NewRequest("GET", "/", nil)
		for range test.n {
			r.AddCookie(&http.Cookie{Name: ours.Name, Value: test.before})
		}
		r.AddCookie(ours)
		if _, _, opens := jar.open(r, false); opens != test.opens {
			t.Errorf("%s: opens %v, want %v", name, opens, test.opens)
		}
	}
}
