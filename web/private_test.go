package web_test

import (
	"strings"
	"testing"

	"github.com/seshd/seshd/session"
)

func TestPrivateKeysAreSeenByNoRoute(t *testing.T) {
	s := start(t, setup{routes: writePrivate})
	b := s.visit()
	id := b.id()
	x, _ := b.enter("")
	events := b.events("")
	hidden := func(what, text string) {
		t.Helper()
		if strings.Contains(text, "treasure") || strings.Contains(text, "_secret") {
			t.Errorf("%s shows a private key: %s", what, text)
		}
	}
	hidden("an event", events.next().data)
	b.get("/private").want(200)
	f := x.until("change")
	same(t, f.line, `{"type":"change","from":0,"version":1,"set":{"open":1},"delete":[],"by":"code"}`)
	same(t, events.next().data, f.line)
	x.send(`{"get":true}`)
	hidden("get", x.next().line)
	_, since := b.enter("since=" + id + ":0")
	hidden("resume", since.line)
	_, whole := b.enter("")
	hidden("a first frame", whole.line)
	hidden("GET /session", b.get("/session").body)
	hidden("GET /session/tabs", b.get("/session/tabs").body)
	hidden("POST", b.post(`{"set":{"a":1}}`).body)

	// There or not, the answer is the same but for the name.
	there := b.get("/session/keys/_secret").problem(404, "no_such_key")["detail"].(string)
	not := b.get("/session/keys/_secreu").problem(404, "no_such_key")["detail"].(string)
	same(t, strings.Replace(there, "_secret", "_secreu", 1), not)
	b.get("/session/keys/%5Fsecret").problem(404, "no_such_key")
	hidden("clear", b.post(`{"clear":true}`).want(200).body)
	if data, err := s.handleOf(b).Data(t.Context()); err != nil || string(data["_secret"]) != `"hidden treasure"` {
		t.Errorf("clear by a browser removed a private key: %v %v", data, err)
	}
}

func TestPrivateKeysAreWrittenByNoRoute(t *testing.T) {
	s := start(t, setup{routes: writePrivate})
	b := s.visit()
	b.get("/private").want(200)
	x, _ := b.enter("")
	for _, m := range []string{
		`{"set":{"_secret":1}}`, `{"delete":["_secret"]}`, `{"delete":["_never"]}`, `{"merge":{"_secret":null}}`, `{"append":{"_secret":[1]}}`,
		`{"incr":{"_n":1}}`, `{"set":{"ok":1,"_x":1}}`, `{"set":{"\u005fx":1}}`, `{"clear":true,"set":{"_x":1}}`,
	} {
		b.post(m).problem(403, "forbidden_key")
		if f := x.does(strings.Replace(m, "{", `{"id":5,`, 1)); f.Code != "forbidden_key" {
			t.Errorf("%s by a tab: %s", m, f.line)
		}
	}
	for _, path := range []string{"/session/keys/_secret", "/session/keys/%5Fsecret", "/session/keys/_"} {
		b.do("PUT", path, `1`).problem(403, "forbidden_key")
		b.do("DELETE", path, "").problem(403, "forbidden_key")
	}
	if data, _ := s.handleOf(b).Data(t.Context()); string(data["_secret"]) != `"hidden treasure"` || len(data) != 2 {
		t.Errorf("the session is now %v", data)
	}
}

func TestAChangeOfAPrivateKeyIsAnEmptyChange(t *testing.T) {
	s := start(t, setup{routes: writePrivate})
	b := s.visit()
	b.get("/private").want(200)
	x, _ := b.enter("")
	if _, err := s.handleOf(b).Set(t.Context(), "_secret", "other"); err != nil {
		t.Fatal(err)
	}
	same(t, x.next().line, `{"type":"change","from":1,"version":2,"set":{},"delete":[],"by":"code"}`)
	if _, err := s.handleOf(b).Delete(t.Context(), "_secret"); err != nil {
		t.Fatal(err)
	}
	same(t, x.next().line, `{"type":"change","from":2,"version":3,"set":{},"delete":[],"by":"code"}`)
}

func TestTabReadAndTabWriteNarrowWhatTabsSeeAndWrite(t *testing.T) {
	s := start(t, setup{session: session.Options{TabRead: session.Globs{"cart*", "name"}, TabWrite: session.Globs{"cart.*"}}})
	b := s.visit()
	b.post(`{"set":{"cart.a":1}}`).want(200)
	b.post(`{"set":{"cart":1}}`).problem(403, "forbidden_key")
	b.post(`{"set":{"name":1}}`).problem(403, "forbidden_key")
	go s.handleOf(b).Set(t.Context(), "role", "admin")
	x, f := b.enter("since=" + b.id() + ":1")
	for f.Version != 2 {
		f = x.next()
	}
	if len(f.Set) != 0 {
		t.Errorf("got %s", f.line)
	}
	b.get("/session/keys/role").problem(404, "no_such_key")
	b.post(`{"clear":true}`).want(200)
	data, _ := s.handleOf(b).Data(t.Context())
	if string(data["role"]) != `"admin"` || len(data) != 1 {
		t.Errorf("clear removes what the tab may write: %v", data)
	}
}
