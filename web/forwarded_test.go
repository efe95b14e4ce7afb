package web_test

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"net/url"
	"testing"

	"github.com/seshd/seshd/web"
)

// The app behind is told of the client that the proxy before us saw, and of nobody that a client made up.
func TestTheAppBehindHearsOfTheClientBeforeTheProxy(t *testing.T) {
	app := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		fmt.Fprintf(w, "%s %s", r.Header["X-Forwarded-For"], r.Header["X-Forwarded-Proto"])
	}))
	defer app.Close()
	target, err := url.Parse(app.URL)
	if err != nil {
		t.Fatal(err)
	}
	says := []string{"X-Forwarded-For", "1.1.1.1, 198.51.100.1", "X-Forwarded-Proto", "https"}
	s := start(t, setup{web: web.Options{App: target, TrustedProxies: []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8")}}})
	same(t, s.browser().get("/page", says...).want(200).body, "[198.51.100.1] [https]")
	s = start(t, setup{web: web.Options{App: target}})
	same(t, s.browser().get("/page", says...).want(200).body, "[127.0.0.1] [http]")
}
