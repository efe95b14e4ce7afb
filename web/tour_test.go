package web_test

import (
	"strings"
	"testing"

	"github.com/seshd/seshd/web"
)

var touring = setup{web: web.Options{Tour: true}}

func TestTheTourIsRightToTheByte(t *testing.T) {
	b := start(t, touring).browser()
	x, _ := func() (*tab, frame) { b.get("/session"); return b.enter("") }()
	id := b.id()

	hello := b.get("/").want(200)
	same(t, hello.body, "hello")
	same(t, hello.header.Get("Content-Type"), "text/html; charset=utf-8")
	same(t, hello.header.Get("Link"), `</live>; rel="alternate"`)
	same(t, x.next().line, `{"type":"change","from":0,"version":1,"set":{"start":true},"delete":[],"by":"code"}`)

	cherries := b.get("/cherries").want(200)
	same(t, cherries.body, "{\n  \"response\": \"cherries\",\n  \"session\": {\n    \"fruit\": \"cherries\",\n    \"start\": true\n  }\n}\n")
	same(t, cherries.header.Get("Content-Type"), "application/json")
	same(t, x.next().line, `{"type":"change","from":1,"version":2,"set":{"fruit":"cherries"},"delete":[],"by":"code"}`)

	same(t, b.get("/blueberries").want(200).body, "{\n  \"response\": \"blueberries\",\n  \"session\": {\n    \"fruit\": \"blueberries\",\n    \"start\": true\n  }\n}\n")
	same(t, x.next().line, `{"type":"change","from":2,"version":3,"set":{"fruit":"blueberries"},"delete":[],"by":"code"}`)

	same(t, b.get("/destroy-session").want(200).body, "{\n  \"response\": \"session destroyed\",\n  \"session\": {}\n}\n")
	same(t, x.next().line, `{"type":"change","from":3,"version":4,"set":{},"delete":["fruit","start"],"by":"code"}`)
	same(t, b.id(), id) // id, cookie and tabs stay
	x.send(`{"ping":true}`)
	same(t, x.next().line, `{"type":"pong"}`)
	if a := b.get("/cherries"); a.header.Get("Set-Cookie") != "" {
		t.Error("the cookie was replaced")
	}
}

func TestTheTourShowsExactNumbersAndNoEscapes(t *testing.T) {
	b := start(t, touring).visit()
	b.post(`{"set":{"n":9007199254740993,"x":1e400,"html":"<b>&</b>","deep":{"a":[1,{}],"b":[]}}}`).want(200)
	want := `{
  "response": "cherries",
  "session": {
    "deep": {
      "a": [
        1,
        {}
      ],
      "b": []
    },
    "fruit": "cherries",
    "html": "<b>&</b>",
    "n": 9007199254740993,
    "x": 1e400
  }
}
`
	same(t, b.get("/cherries").want(200).body, want)
}

func TestTheTourKeepsPrivateKeysToItselfAndClearsThemToo(t *testing.T) {
	s := start(t, setup{web: web.Options{Tour: true}, routes: writePrivate})
	b := s.visit()
	b.get("/private").want(200)
	same(t, b.get("/cherries").body, "{\n  \"response\": \"cherries\",\n  \"session\": {\n    \"fruit\": \"cherries\",\n    \"open\": 1\n  }\n}\n")
	x, first := b.enter("")
	b.get("/destroy-session").want(200)
	f := x.until("change")
	if f.Version != first.Version+1 || strings.Contains(f.line, "_secret") {
		t.Errorf("not one commit without private keys: %s", f.line)
	}
	if data, err := s.handleOf(b).Data(t.Context()); err != nil || len(data) != 0 {
		t.Errorf("left: %v %v", data, err)
	}
}

func TestTheTourWritesNothingForAPrefetchOrHead(t *testing.T) {
	b := start(t, touring).visit()
	tag := b.get("/session").header.Get("ETag")
	for _, path := range []string{"/", "/cherries", "/blueberries", "/destroy-session"} {
		for _, purpose := range []string{"prefetch", "prefetch;prerender", "prerender", "prefetch;anonymous-client-ip"} {
			b.get(path, "Sec-Purpose", purpose).problem(503, "unavailable")
		}
		if a := b.do("HEAD", path, "").want(200); a.body != "" {
			t.Errorf("HEAD %s: %q", path, a.body)
		}
		b.do("POST", path, "").problem(405, "method_not_allowed")
	}
	same(t, b.get("/session").header.Get("ETag"), tag)
}

func TestTheTourIsThereOnlyWhereItIsOn(t *testing.T) {
	b := start(t, setup{}).visit()
	for _, path := range []string{"/", "/cherries", "/blueberries", "/destroy-session", "/live", "/live/live.js", "/shop"} {
		b.get(path).problem(404, "not_found")
	}
}

func TestThePagesLoadFromHereAndNowhereElse(t *testing.T) {
	b := start(t, touring).browser()
	for path, kind := range map[string]string{"/live": "text/html; charset=utf-8", "/shop": "text/html; charset=utf-8", "/live/live.js": "text/javascript; charset=utf-8", "/live/live.css": "text/css; charset=utf-8"} {
		a := b.get(path).want(200)
		same(t, a.header.Get("Content-Type"), kind)
		policy := a.header.Get("Content-Security-Policy")
		for _, rule := range []string{"default-src 'none'", "script-src 'self'", "frame-ancestors 'none'"} {
			if !strings.Contains(policy, rule) {
				t.Errorf("%s: policy %q", path, policy)
			}
		}
		if strings.Contains(policy, "unsafe") || a.header.Get("Set-Cookie") != "" {
			t.Errorf("%s: %v", path, a.header)
		}
	}
}

// The shop is there to be read: all of it in one file, and not long.
func TestTheShopIsReadInOneGo(t *testing.T) {
	const most = 150
	if lines := strings.Count(start(t, touring).browser().get("/shop").want(200).body, "\n"); lines > most {
		t.Errorf("the shop has %d lines, %d are allowed", lines, most)
	}
}
