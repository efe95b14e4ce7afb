package web_test

import (
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/seshd/seshd/web"
)

func TestAWrongMethodIs405WithAllow(t *testing.T) {
	b := start(t, setup{web: web.Options{Tour: true}}).visit()
	for path, allow := range map[string]string{
		"/session": "GET, HEAD, POST, PATCH, DELETE", "/session/keys/a": "GET, HEAD, PUT, DELETE", "/session/tabs": "GET, HEAD",
		"/session/events": "GET", "/session/ticket": "POST", "/ws": "GET", "/seshd.js": "GET, HEAD", "/seshd-events.js": "GET, HEAD",
		"/": "GET, HEAD", "/cherries": "GET, HEAD", "/live": "GET, HEAD", "/shop": "GET, HEAD",
	} {
		for _, method := range []string{"GET", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE", "BREW"} {
			if strings.Contains(allow, method) {
				continue
			}
			a := b.do(method, path, "")
			a.problem(405, "method_not_allowed")
			if got := a.header.Get("Allow"); got != allow {
				t.Errorf("%s: Allow %q, want %q", a.what, got, allow)
			}
			if strings.HasPrefix(path, "/session") {
				a.guarded()
			}
		}
	}
}

func TestWhatIsNotThereIs404(t *testing.T) {
	b := start(t, setup{web: web.Options{Tour: true}}).visit()
	for _, path := range []string{"/nothing", "/v1/resolve", "/v1/sessions/" + b.id(), "/auth", "/metrics", "/livez", "/readyz", "/debug/pprof/", "/live/nothing", "/shop/nothing", "/ws/x"} {
		b.get(path).problem(404, "not_found")
	}
	for _, path := range []string{"/session/", "/session/nothing", "/session/keys", "/session/keys/", "/session/keys/a/b", "/session/keys/../x", "/session/events/x", "/session//keys/a"} {
		b.get(path).guarded().problem(404, "not_found")
		b.do("PUT", path, `1`).guarded().problem(404, "not_found")
	}
}

func TestThe404PageLinksThePagesThereAre(t *testing.T) {
	b := start(t, setup{web: web.Options{Tour: true}}).visit()
	a := b.get("/<script>", "Accept", "text/html,*/*;q=0.8").want(404)
	if got := a.header.Get("Content-Type"); got != "text/html; charset=utf-8" {
		t.Errorf("Content-Type %q", got)
	}
	for _, page := range []string{"/live", "/shop", "/", "/cherries", "/blueberries", "/destroy-session"} {
		if !strings.Contains(a.body, `href="`+page+`"`) {
			t.Errorf("%s is not linked", page)
		}
	}
	if strings.Contains(a.body, "<script>") {
		t.Error("the path is not escaped")
	}
	without := start(t, setup{}).visit()
	if a := without.get("/x", "Accept", "text/html").want(404); strings.Contains(a.body, "cherries") {
		t.Error("links to what is not there")
	}
}

// Whoever follows the type of a problem is told what its code means, by the listener that said it.
func TestTheTypeOfAProblemLeadsToItsSection(t *testing.T) {
	s := start(t, setup{})
	b, inside := s.visit(), s.visit()
	inside.s = &server{url: s.internal}
	for _, at := range []*browser{b, inside} {
		kind := at.get("/nothing").problem(404, "not_found")["type"]
		if want := at.s.url + "/session/problems#not_found"; kind != want {
			t.Fatalf("type %q, want %q", kind, want)
		}
		page := at.get("/session/problems").want(200)
		if !strings.Contains(page.body, `<h3 id="not_found">not_found</h3>`) || !strings.Contains(page.body, "<code>/session</code>") {
			t.Errorf("%s:\n%s", page.what, page.body)
		}
		if strings.Contains(page.body, "`") || strings.Contains(page.body, "](") || strings.Contains(page.body, "**") {
			t.Errorf("Markdown that is not understood:\n%s", page.body)
		}
	}
	b.get("/session/problems").guarded()
	request, _ := http.NewRequest("GET", s.url+"/nothing", nil)
	request.Host = "shop.example:8000"
	if kind := b.send(request).problem(404, "not_found")["type"]; kind != "http://shop.example:8000/session/problems#not_found" {
		t.Errorf("type %q", kind)
	}
	conn, err := net.Dial("tcp", strings.TrimPrefix(s.url, "http://"))
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	conn.SetDeadline(time.Now().Add(patience))
	conn.Write([]byte("GET /nothing HTTP/1.0\r\n\r\n")) // which names no host
	if text, err := io.ReadAll(conn); err != nil || !strings.Contains(string(text), `"type":"/session/problems#not_found"`) {
		t.Errorf("%s %v", text, err)
	}
}

func TestABodyOfAnotherTypeIs415(t *testing.T) {
	s := start(t, setup{web: web.Options{APIKeys: []string{apiKey}}})
	b := s.visit()
	for _, kind := range []string{"text/plain", "application/x-www-form-urlencoded", "multipart/form-data; boundary=x", "application/merge-patch+json", "application/jsonx", "json", "application/json, text/plain", ";"} {
		b.post(`{"set":{"a":1}}`, "Content-Type", kind).guarded().problem(415, "unsupported_media_type")
		b.do("PUT", "/session/keys/a", `1`, "Content-Type", kind).guarded().problem(415, "unsupported_media_type")
	}
	b.do("POST", "/session", "").problem(415, "unsupported_media_type") // none at all
	cookie := "session=" + b.cookie().Value
	for _, kind := range []string{"text/plain", "application/x-www-form-urlencoded", "multipart/form-data; boundary=x"} { // which need none
		b.do("POST", "/session/ticket", `a=b`, "Content-Type", kind).guarded().problem(415, "unsupported_media_type")
		s.api("POST", "/v1/resolve", `a=b`, "Content-Type", kind, "Cookie", cookie).problem(415, "unsupported_media_type")
		b.do("POST", "/session/ticket", "", "Content-Type", kind).want(200)
		s.api("POST", "/v1/resolve", "", "Content-Type", kind, "Cookie", cookie).want(200)
	}
	b.do("POST", "/session/ticket", `{}`).want(200)
	s.api("POST", "/v1/resolve", `{}`, "Cookie", cookie).want(200)
	b.post(`{"set":{"a":1}}`, "Content-Type", "application/json; charset=utf-8").want(200)
	b.post(`{"set":{"a":1}}`, "Content-Type", "Application/JSON").want(200)
}

func TestRefusalsAreProblemsAndGuarded(t *testing.T) {
	b := start(t, setup{}).visit()
	b.post(`{"set":{"s":"x"}}`).want(200)
	b.post(`{`).guarded().problem(400, "invalid_json")
	b.post(`{"x":1}`).guarded().problem(400, "bad_request")
	b.post(`{"set":{"a/b":1}}`).guarded().problem(400, "bad_key")
	b.post(`{"set":{"_a":1}}`).guarded().problem(403, "forbidden_key")
	b.post(`{"set":{"a":1}}`, "Origin", "https://evil.example").guarded().problem(403, "foreign_origin")
	b.post(`{"incr":{"s":1}}`).guarded().problem(422, "not_a_number")
	b.post(`{"append":{"s":[1]}}`).guarded().problem(422, "not_an_array")
	b.post(`{"if_version":7}`).guarded().problem(409, "conflict")
	b.get("/session/tabs?client=me").guarded().problem(400, "bad_request")
	b.get("/session/tabs?client=").guarded().problem(400, "bad_request")
}
