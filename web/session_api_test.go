package web_test

import (
	"strings"
	"testing"
)

// guarded checks what every answer under /session carries.
func (a answer) guarded() answer {
	a.t.Helper()
	if got := a.header.Get("Cache-Control"); got != "no-store" {
		a.t.Errorf("%s (%d): Cache-Control %q", a.what, a.status, got)
	}
	if !strings.Contains(strings.Join(a.header.Values("Vary"), ","), "Cookie") {
		a.t.Errorf("%s (%d): Vary %q", a.what, a.status, a.header.Values("Vary"))
	}
	return a
}

func TestGetSessionGivesTheWholeSession(t *testing.T) {
	b := start(t, setup{}).browser()
	first := b.get("/session").want(200).guarded()
	id := first.id()
	same(t, plain(t, first.body), `{"id":"`+id+`","version":0,"data":{},"tabs":0,"expires":"…"}`+"\n")
	same(t, first.header.Get("ETag"), `"`+id+`:0"`)
	same(t, first.header.Get("Content-Type"), "application/json")
	if len(first.header.Values("Set-Cookie")) != 1 {
		t.Error("the cookie is set where there was none")
	}
	b.post(`{"set":{"z":[1],"a":null}}`).want(200)
	b.enter("")
	second := b.get("/session").want(200).guarded()
	same(t, plain(t, second.body), `{"id":"`+id+`","version":1,"data":{"a":null,"z":[1]},"tabs":1,"expires":"…"}`+"\n")
	if second.header.Get("Set-Cookie") != "" {
		t.Error("the cookie is set where there was one")
	}
}

func TestPostSessionAnswersWithWhatTheMutationDid(t *testing.T) {
	b := start(t, setup{}).visit()
	b.post(`{"set":{"old":1,"n":1,"cart":{"a":1}}}`).want(200)
	a := b.post(`{"id":3,"set":{"fruit":"cherries"},"delete":["old","never"],"incr":{"n":1},"merge":{"cart":{"b":2}}}`).want(200).guarded()
	same(t, a.body, `{"id":"`+b.id()+`","version":2,"set":{"cart":{"a":1,"b":2},"fruit":"cherries","n":2},"delete":["old"]}`+"\n")
	same(t, a.header.Get("Content-Type"), "application/json")
	same(t, b.post(`{"clear":true}`).want(200).body, `{"id":"`+b.id()+`","version":3,"set":{},"delete":["cart","fruit","n"]}`+"\n")
	same(t, b.post(`{}`).want(200).body, `{"id":"`+b.id()+`","version":3,"set":{},"delete":[]}`+"\n")
}

func TestPatchSessionIsAMerge(t *testing.T) {
	b := start(t, setup{}).visit()
	patch := func(body string) answer {
		return b.do("PATCH", "/session", body, "Content-Type", "application/merge-patch+json").guarded()
	}
	b.post(`{"set":{"cart":{"a":1},"gone":1}}`).want(200)
	a := patch(`{"cart":{"b":2,"a":null},"gone":null,"new":true}`).want(200)
	same(t, a.body, `{"id":"`+b.id()+`","version":2,"set":{"cart":{"b":2},"new":true},"delete":["gone"]}`+"\n")
	patch(`{"_secret":1}`).problem(403, "forbidden_key")
	patch(`{"a/b":1}`).problem(400, "bad_key")
	patch(`{"a":1,"a":2}`).problem(400, "invalid_json")
	patch(`[1]`).problem(400, "bad_request")
	b.do("PATCH", "/session", `{"a":1}`).problem(415, "unsupported_media_type")
}

func TestDeleteSessionDestroysIt(t *testing.T) {
	b := start(t, setup{}).visit()
	id := b.id()
	b.post(`{"set":{"a":1}}`).want(200)
	old := b.cookie()
	a := b.do("DELETE", "/session", "").want(204).guarded()
	if set := a.header.Get("Set-Cookie"); !strings.HasPrefix(set, "session=; ") || !strings.Contains(set, "Max-Age=0") {
		t.Errorf("the cookie is expired: %q", set)
	}
	if b.cookie() != nil || a.body != "" {
		t.Error("the browser keeps its cookie")
	}
	b.setCookie(old.Value)
	after := b.get("/session").want(200)
	if after.id() == id || !strings.Contains(after.body, `"version":0,"data":{}`) {
		t.Errorf("after destruction: %s", after.body)
	}
	b.do("DELETE", "/session", "").want(204)
	b.do("DELETE", "/session", "").want(204)                       // again is no error
	b.s.browser().do("DELETE", "/session", "").want(204).guarded() // nor without a session
}

func TestKeysAreReadAndWrittenOneByOne(t *testing.T) {
	b := start(t, setup{}).visit()
	path := "/session/keys/fruit"
	b.get(path).guarded().problem(404, "no_such_key")
	same(t, b.do("PUT", path, ` {"name" : "cherries"} `).guarded().want(200).body, `{"id":"`+b.id()+`","version":1,"set":{"fruit":{"name":"cherries"}},"delete":[]}`+"\n")
	a := b.get(path).guarded().want(200)
	same(t, a.body, `{"name":"cherries"}`+"\n")
	same(t, a.header.Get("Content-Type"), "application/json")
	same(t, b.do("DELETE", path, "").guarded().want(200).body, `{"id":"`+b.id()+`","version":2,"set":{},"delete":["fruit"]}`+"\n")
	same(t, b.do("DELETE", path, "").guarded().want(200).body, `{"id":"`+b.id()+`","version":2,"set":{},"delete":[]}`+"\n")
	b.do("PUT", path, `null`).want(200)
	same(t, b.get(path).want(200).body, "null\n")
	b.do("PUT", path, `nonsense`).problem(400, "invalid_json")
	b.do("PUT", path, `1 2`).problem(400, "invalid_json")
	b.do("PUT", path, ` `).problem(400, "invalid_json")
	b.do("PUT", path, `1`, "Content-Type", "text/plain").problem(415, "unsupported_media_type")
}

func TestAnyKeyHasItsPath(t *testing.T) {
	b := start(t, setup{}).visit()
	for path, key := range map[string]string{
		"a+b": "a+b", "a%2Bb": "a+b", "a%20b": "a b", "caf%C3%A9": "café", "%e2%82%ac": "€", "100%25": "100%", "a%3Fb": "a?b", "a%23b": "a#b",
		"%22q%22": `"q"`, "back%5Cslash": `back\slash`, "a;b": "a;b", "a=b&c": "a=b&c", "...": "...", "%2E%2E%2E": "...", ".a": ".a", "a%3Ab": "a:b",
		"keys": "keys", "%7Bkey%7D": "{key}", "*": "*", "~": "~", "%252F": "%2F", "%F0%9F%8D%92": "🍒",
		strings.Repeat("k", 128): strings.Repeat("k", 128),
	} {
		b.do("PUT", "/session/keys/"+path, `"`+path+`"`).want(200)
		if got := b.get("/session/keys/" + path).want(200).body; got != `"`+path+`"`+"\n" {
			t.Errorf("%s: got %s", path, got)
		}
		if data := b.get("/session").body; !strings.Contains(data, quote(key)+`:"`+path+`"`) {
			t.Errorf("%s is not key %s: %s", path, key, data)
		}
		b.do("DELETE", "/session/keys/"+path, "").want(200)
		b.get("/session/keys/"+path).problem(404, "no_such_key")
	}
}

func quote(key string) string {
	return `"` + strings.NewReplacer(`\`, `\\`, `"`, `\"`).Replace(key) + `"`
}

func TestWhatIsNoKeyIsABadKey(t *testing.T) {
	b := start(t, setup{}).visit()
	for _, path := range []string{
		"..", ".", "%2E%2E", "%2e", "a%2Fb", "%2F", "%00", "a%0Ab", "%7F", "%C2%85", "%FF", "%ED%A0%80", strings.Repeat("k", 129), strings.Repeat("%C3%A9", 65),
	} {
		b.get("/session/keys/"+path).guarded().problem(400, "bad_key")
		b.do("PUT", "/session/keys/"+path, `1`).guarded().problem(400, "bad_key")
		b.do("DELETE", "/session/keys/"+path, "").guarded().problem(400, "bad_key")
	}
	same(t, b.get("/session").header.Get("ETag"), `"`+b.id()+`:0"`)
}

func TestHeadWritesNothing(t *testing.T) {
	s := start(t, setup{})
	b := s.visit()
	b.post(`{"set":{"a":1}}`).want(200)
	for _, path := range []string{"/session", "/session/keys/a", "/session/tabs"} {
		a := b.do("HEAD", path, "").want(200).guarded()
		if a.body != "" {
			t.Errorf("HEAD %s has a body", path)
		}
		same(t, a.header.Get("Content-Type"), "application/json")
	}
	b.do("HEAD", "/session/keys/b", "").want(404).guarded()
	b.do("HEAD", "/session/ticket", "").want(405).guarded()
	same(t, b.get("/session").header.Get("ETag"), `"`+b.id()+`:1"`)
}

// However a value is written, it nests no deeper than a mutation could hold it.
func TestNestingIsCountedAsInAMutation(t *testing.T) {
	b := start(t, setup{}).visit()
	for n, status := range map[int]int{62: 200, 63: 400, 64: 400} {
		value := strings.Repeat("[", n) + strings.Repeat("]", n)
		for _, a := range []answer{
			b.post(`{"merge":{"a":` + value + `}}`),
			b.do("PATCH", "/session", `{"a":`+value+`}`, "Content-Type", "application/merge-patch+json"),
			b.do("PUT", "/session/keys/a", value),
		} {
			if a.want(status); status != 200 {
				a.problem(status, "invalid_json")
			}
		}
	}
}
