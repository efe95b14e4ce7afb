package web_test

import (
	"strings"
	"testing"
)

func TestIfNoneMatchAnswers304(t *testing.T) {
	b := start(t, setup{}).visit()
	b.post(`{"set":{"a":1}}`).want(200)
	tag := b.get("/session").header.Get("ETag")
	same(t, tag, `"`+b.id()+`:1"`)
	for _, header := range []string{tag, "W/" + tag, `"other", ` + tag, `"x",` + tag + `,"y"`, "*"} {
		for _, path := range []string{"/session", "/session/keys/a"} {
			a := b.get(path, "If-None-Match", header).want(304).guarded()
			if a.body != "" || a.header.Get("ETag") != tag {
				t.Errorf("If-None-Match %s: %q %q", header, a.header.Get("ETag"), a.body)
			}
		}
	}
	for _, header := range []string{`"` + b.id() + `:0"`, `"1"`, b.id() + ":1", `"` + strings.Repeat("0", 32) + `:1"`} {
		b.get("/session", "If-None-Match", header).want(200)
	}
	b.post(`{"set":{"a":2}}`).want(200)
	b.get("/session", "If-None-Match", tag).want(200)
}

func TestIfMatchIsIfVersionAndAnswers412(t *testing.T) {
	b := start(t, setup{}).visit()
	id := b.id()
	b.post(`{"set":{"a":1}}`, "If-Match", `"`+id+`:0"`).want(200)
	b.post(`{"set":{"a":2}}`, "If-Match", `"1"`).want(200)
	for _, old := range []string{`"1"`, `"` + id + `:1"`, `"` + strings.Repeat("0", 32) + `:2"`} {
		for _, a := range []answer{
			b.post(`{"set":{"a":3}}`, "If-Match", old),
			b.do("PATCH", "/session", `{"a":3}`, "Content-Type", "application/merge-patch+json", "If-Match", old),
			b.do("PUT", "/session/keys/a", `3`, "If-Match", old),
			b.do("DELETE", "/session/keys/a", "", "If-Match", old),
			b.do("DELETE", "/session", "", "If-Match", old),
		} {
			if p := a.guarded().problem(412, "conflict"); p["version"] != 2.0 {
				t.Errorf("%s with If-Match %s: want the current version, got %s", a.what, old, a.body)
			}
		}
	}
	same(t, b.get("/session/keys/a").body, "2\n")
	b.post(`{"set":{"a":3}}`, "If-Match", "*").want(200)
	b.do("PUT", "/session/keys/a", `4`, "If-Match", `"3"`).want(200)
	b.do("DELETE", "/session/keys/a", "", "If-Match", `"4"`).want(200)
	b.do("DELETE", "/session", "", "If-Match", `"5"`).want(204)
}

func TestIfMatchHoldsForWhoeverHasNoSessionToEnd(t *testing.T) {
	s := start(t, setup{})
	for tag, code := range map[string]string{`"1"`: "conflict", `"` + strings.Repeat("0", 32) + `:0"`: "conflict", `"one"`: "bad_request"} {
		status := map[string]int{"conflict": 412, "bad_request": 400}[code]
		p := s.browser().do("DELETE", "/session", "", "If-Match", tag).guarded().problem(status, code)
		if code == "conflict" && p["version"] != 0.0 {
			t.Errorf("If-Match %s: %v", tag, p)
		}
	}
	for _, tag := range []string{`"0"`, "*"} {
		s.browser().do("DELETE", "/session", "", "If-Match", tag).want(204)
	}
}

func TestAMalformedIfMatchIsABadRequestAndWritesNothing(t *testing.T) {
	b := start(t, setup{}).visit()
	for _, bad := range []string{`1`, `0`, `"one"`, `""`, `"`, `"-1"`, `W/"0"`, `""0""`, `"0`, `"18446744073709551616"`, `"0", "1"`} {
		a := b.post(`{"set":{"a":1}}`, "If-Match", bad)
		if a.status != 400 && a.status != 412 {
			t.Errorf("If-Match %s: %d %s", bad, a.status, a.body)
		}
		b.do("DELETE", "/session", "", "If-Match", bad)
	}
	if tag := b.get("/session").header.Get("ETag"); !strings.HasSuffix(tag, `:0"`) {
		t.Errorf("something was written: %s", tag)
	}
}

func TestAnIdempotencyKeyIsClientAndId(t *testing.T) {
	b := start(t, setup{}).visit()
	send := func(key string) answer { return b.post(`{"incr":{"n":1}}`, "Idempotency-Key", key).guarded() }
	same(t, send(client1+":1").want(200).body, `{"id":"`+b.id()+`","version":1,"set":{"n":1},"delete":[]}`+"\n")
	same(t, send(client1+":1").want(200).body, `{"id":"`+b.id()+`","version":1,"set":{"n":1},"delete":[],"duplicate":true}`+"\n")
	send(`"` + client1 + `:2"`).want(200) // as the draft of the header writes it
	same(t, b.get("/session/keys/n").body, "2\n")
	for _, bad := range []string{client1, client1 + ":", client1 + ":0", client1 + ":-1", client1 + ":9007199254740992", client1 + ":x", "me:1", ":1", client1[1:] + ":1", client1 + ":1:2"} {
		send(bad).problem(400, "bad_request")
	}
	b.post(`{"incr":{"n":1},"id":4}`, "Idempotency-Key", client1+":3").problem(400, "bad_request")
	b.post(`{"incr":{"n":1},"id":3}`, "Idempotency-Key", client1+":3").want(200)
	b.do("PUT", "/session/keys/n", `9`, "Idempotency-Key", client1+":3").want(200) // a duplicate
	b.do("DELETE", "/session/keys/n", "", "Idempotency-Key", client1+":3").want(200)
	same(t, b.get("/session/keys/n").body, "3\n")
}

func TestARequestThatNamesAnotherSessionDoesNothing(t *testing.T) {
	s := start(t, setup{})
	b, other := s.visit(), s.visit()
	b.post(`{"set":{"a":1}}`, "Session-Id", b.id()).want(200)
	for who, x := range map[string]*browser{"another's cookie": b, "no cookie": s.browser()} {
		for _, a := range []answer{
			x.get("/session", "Session-Id", other.id()),
			x.post(`{"set":{"a":2}}`, "Session-Id", other.id()),
			x.do("PATCH", "/session", `{"a":2}`, "Content-Type", "application/merge-patch+json", "Session-Id", other.id()),
			x.do("PUT", "/session/keys/a", `2`, "Session-Id", other.id()),
			x.do("DELETE", "/session/keys/a", "", "Session-Id", other.id()),
			x.do("DELETE", "/session", "", "Session-Id", other.id()),
			x.get("/session/keys/a", "Session-Id", other.id()),
			x.get("/session/tabs", "Session-Id", other.id()),
			x.get("/session/events", "Session-Id", other.id()),
			x.do("POST", "/session/ticket", "", "Session-Id", other.id()),
			x.get("/session", "Session-Id", "nonsense"),
		} {
			a.guarded().problem(409, "other_session")
			if a.header.Get("Set-Cookie") != "" {
				t.Errorf("%s, %s: a cookie was set", who, a.what)
			}
		}
	}
	same(t, b.get("/session/keys/a").body, "1\n")
}

func TestAfterDestructionTheOldNameIsAnotherSession(t *testing.T) {
	b := start(t, setup{}).visit()
	id, old := b.id(), b.cookie().Value
	b.do("DELETE", "/session", "").want(204)
	b.setCookie(old)
	a := b.post(`{"set":{"a":1}}`, "Session-Id", id)
	a.problem(409, "other_session")
	if a.header.Get("Set-Cookie") != "" {
		t.Error("a cookie was set")
	}
}
