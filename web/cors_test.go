package web_test

import (
	"net/http"
	"strings"
	"testing"
)

func (a answer) varies(name string) bool {
	for _, value := range a.header.Values("Vary") {
		for part := range strings.SplitSeq(value, ",") {
			if strings.EqualFold(strings.TrimSpace(part), name) {
				return true
			}
		}
	}
	return false
}

func TestAnAllowedOriginMayReadEveryAnswerUnderSession(t *testing.T) {
	s := start(t, allowing)
	b := s.visit()
	const shop = "https://shop.example"
	for _, a := range []answer{
		b.get("/session", "Origin", shop), b.post(`{"set":{"a":1}}`, "Origin", shop), b.post(`{`, "Origin", shop),
		b.do("PATCH", "/session", `{"a":2}`, "Content-Type", "application/merge-patch+json", "Origin", shop),
		b.get("/session/keys/a", "Origin", shop), b.get("/session/keys/none", "Origin", shop), b.do("PUT", "/session/keys/a", `3`, "Origin", shop),
		b.do("DELETE", "/session/keys/a", "", "Origin", shop), b.get("/session/tabs", "Origin", shop), b.do("POST", "/session/ticket", "", "Origin", shop),
		b.get("/session/nothing", "Origin", shop), b.do("PUT", "/session", "1", "Origin", shop), b.do("HEAD", "/session", "", "Origin", shop),
		b.get("/session", "Origin", shop, "Session-Id", "other"), b.get("/session", "Origin", shop, "If-None-Match", "*"),
		b.do("DELETE", "/session", "", "Origin", shop),
	} {
		a.guarded()
		for name, want := range map[string]string{
			"Access-Control-Allow-Origin": shop, "Access-Control-Allow-Credentials": "true", "Access-Control-Expose-Headers": "ETag, Retry-After",
		} {
			if got := a.header.Values(name); len(got) != 1 || got[0] != want {
				t.Errorf("%s (%d): %s is %q", a.what, a.status, name, got)
			}
		}
		if !a.varies("Origin") {
			t.Errorf("%s: Vary %q", a.what, a.header.Values("Vary"))
		}
	}
	e := b.events("", "Origin", shop)
	same(t, e.response.Header.Get("Access-Control-Allow-Origin"), shop)
}

func TestNoOtherOriginGetsAnyOfIt(t *testing.T) {
	s := start(t, allowing)
	b := s.visit()
	for name, origins := range foreignOrigins(s) {
		var headers []string
		for _, origin := range origins {
			headers = append(headers, "Origin", origin)
		}
		if len(origins) == 2 {
			continue // no browser reads the answer to two
		}
		preflight := append([]string{"Access-Control-Request-Method", "POST"}, headers...)
		for _, a := range []answer{b.get("/session", headers...), b.post(`{}`, headers...), b.do("OPTIONS", "/session", "", preflight...)} {
			for header := range a.header {
				if strings.HasPrefix(header, "Access-Control-") {
					t.Errorf("%s: %s gave %s: %s", name, a.what, header, a.header.Get(header))
				}
			}
			if !a.varies("Origin") {
				t.Errorf("%s: %s: Vary %q", name, a.what, a.header.Values("Vary"))
			}
		}
	}
}

func TestAPreflightGets204WithWhatIsUsedHere(t *testing.T) {
	b := start(t, allowing).browser()
	for _, path := range []string{"/session", "/session/keys/a", "/session/keys/a%2Bb", "/session/tabs", "/session/ticket", "/session/events"} {
		a := b.do("OPTIONS", path, "", "Origin", "http://app.example:3000", "Access-Control-Request-Method", "PUT",
			"Access-Control-Request-Headers", "content-type,if-match,idempotency-key,session-id").want(http.StatusNoContent).guarded()
		same(t, a.header.Get("Access-Control-Allow-Origin"), "http://app.example:3000")
		same(t, a.header.Get("Access-Control-Allow-Credentials"), "true")
		for _, method := range []string{"GET", "POST", "PUT", "PATCH", "DELETE"} {
			if !strings.Contains(a.header.Get("Access-Control-Allow-Methods"), method) {
				t.Errorf("%s: methods %q", path, a.header.Get("Access-Control-Allow-Methods"))
			}
		}
		for _, header := range []string{"Content-Type", "If-Match", "If-None-Match", "Idempotency-Key", "Session-Id", "Last-Event-ID"} {
			if !strings.Contains(a.header.Get("Access-Control-Allow-Headers"), header) {
				t.Errorf("%s: headers %q", path, a.header.Get("Access-Control-Allow-Headers"))
			}
		}
		if a.header.Get("Set-Cookie") != "" || a.body != "" {
			t.Error("a preflight is no visit")
		}
	}
}

func TestTheClientIsOpenToAll(t *testing.T) {
	b := start(t, setup{}).browser()
	for path, part := range map[string]string{"/seshd.js": "export const open =", "/seshd-events.js": "export const over ="} {
		a := b.get(path, "Origin", "https://anywhere.example").want(200)
		same(t, a.header.Get("Access-Control-Allow-Origin"), "*")
		same(t, a.header.Get("Cross-Origin-Resource-Policy"), "cross-origin")
		same(t, a.header.Get("Cache-Control"), "no-cache")
		if !strings.HasPrefix(a.header.Get("Content-Type"), "text/javascript") || a.header.Get("Set-Cookie") != "" || !strings.Contains(a.body, part) {
			t.Errorf("%s: got %v", path, a.header)
		}
	}
}
