package main

import (
	"net/http/httptest"
	"testing"
)

func TestRedirectsKnowThePort(t *testing.T) {
	for _, test := range []struct{ port, host, want string }{
		{"443", "shop.example", "https://shop.example/cart?x=1"},
		{"443", "shop.example:8080", "https://shop.example/cart?x=1"},
		{"443", "[::1]:80", "https://[::1]/cart?x=1"},
		{"8443", "shop.example", "https://shop.example/cart?x=1"},
		{"8443", "shop.example:8080", "https://shop.example:8443/cart?x=1"},
		{"8443", "[::1]:8080", "https://[::1]:8443/cart?x=1"},
		{"8443", "", ""},
	} {
		request, answer := httptest.NewRequest("GET", "/cart?x=1", nil), httptest.NewRecorder()
		request.Host = test.host
		redirectTo(test.port)(answer, request)
		if got := answer.Header().Get("Location"); got != test.want {
			t.Errorf("%q beside port %s leads to %q, want %q", test.host, test.port, got, test.want)
		}
	}
}
