package connect

import (
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

func TestLinesBecomeFrames(t *testing.T) {
	for line, want := range map[string]string{
		`get`:                      `{"get":true}`,
		` ping `:                   `{"ping":true}`,
		`{"get":true}`:             `{"get":true}`,
		`set a 1`:                  `{"set":{"a":1},"id":9}`,
		`set a  <b> c`:             `{"set":{"a":"<b> c"},"id":9}`,
		`set set set`:              `{"set":{"set":"set"},"id":9}`,
		`set a {"b":[1.50]}`:       `{"set":{"a":{"b":[1.50]}},"id":9}`,
		`incr a`:                   `{"incr":{"a":1},"id":9}`,
		`incr a -2.5`:              `{"incr":{"a":-2.5},"id":9}`,
		`delete a "b`:              `{"delete":["a","\"b"],"id":9}`,
		`{}`:                       `{"id":9}`,
		` { } `:                    `{"id":9}`,
		`{"set":{"id":1} }`:        `{"set":{"id":1} ,"id":9}`,
		`{"set":{"a":1},"id":3}`:   `{"set":{"a":1},"id":3}`,
		`{"set":{"a":1},"id":"x"}`: `{"set":{"a":1},"id":"x"}`,
		`{"set":`:                  `{"set":`,
		`[1]`:                      `[1]`,
		`hello there`:              `hello there`,
	} {
		c, err := newCommand(line, 9)
		if err != nil || string(c.text) != strings.Replace(want, "} ,", "},", 1) {
			t.Errorf("%s: %s, %v", line, c.text, err)
		}
	}
	for _, line := range []string{"set", "set a", "incr", "incr a b", "incr a 1 2", "delete", "get a", "ping 1"} {
		if c, err := newCommand(line, 9); err == nil {
			t.Errorf("%s: %s", line, c.text)
		}
	}
}

func TestConditions(t *testing.T) {
	state := readMessage([]byte(`{"type":"session","version":3,"data":{"n":1.0,"big":9007199254740993,"s":"1","type":null,"o":{"a":[1,{"b":2}]}}}`))
	change := readMessage([]byte(`{"type":"change","from":3,"version":5,"set":{"fruit":"plums"},"delete":["n"]}`))
	nothing := readMessage([]byte(`{"type":"change","from":5,"version":5,"set":{},"delete":[]}`))
	for _, test := range []struct {
		text string
		m    message
		want bool
	}{
		{"version=3", state, true},
		{"version=4", state, false},
		{"version=4", change, true},
		{"type=change", change, true},
		{"type=change", nothing, false},
		{"type=session", change, false},
		{"fruit=plums", change, true},
		{`fruit="plums"`, change, true},
		{"fruit=plum", change, false},
		{"n=1", state, true},
		{"n=1", change, false},
		{"s=1", state, false},
		{`s="1"`, state, true},
		{"big=9007199254740993", state, true},
		{"big=9007199254740992", state, false},
		{`"type"=null`, state, true},
		{`o={"a":[1.0,{"b":2}]}`, state, true},
		{`o={"a":[1,{"b":3}]}`, state, false},
		{`o={"a":[1]}`, state, false},
	} {
		c, err := newCondition(test.text)
		if err != nil {
			t.Errorf("%s: %v", test.text, err)
		} else if got := c.saidBy(test.m); got != test.want {
			t.Errorf("%s of %s: %v", test.text, test.m.Type, got)
		}
	}
	for _, text := range []string{"", "a", "=1", "type=", "type=x", "version=", "version=0", "version=-1", `"a`, `"a"`, `""=1`} {
		if _, err := newCondition(text); err == nil {
			t.Errorf("%q is taken", text)
		}
	}
}

func TestTargets(t *testing.T) {
	for text, want := range map[string]string{
		"http://localhost:8000":                 "ws://localhost:8000/ws",
		"localhost:8000":                        "ws://localhost:8000/ws",
		":8000":                                 "ws://localhost:8000/ws",
		"https://shop.example/":                 "wss://shop.example/ws",
		"wss://shop.example/live/ws":            "wss://shop.example/live/ws",
		"ws://localhost:8000/ws?ticket=s3cret":  "ws://localhost:8000/ws",
		"ws://localhost:8000/ws/?ticket=s3cret": "ws://localhost:8000/ws",
	} {
		target, ticket, err := newTarget(text)
		if err != nil || target.String() != want || (ticket == "s3cret") != strings.Contains(text, "ticket") {
			t.Errorf("%s: %v %q %v", text, target, ticket, err)
		}
	}
	target, _, _ := newTarget("localhost?x=1")
	if got := target.dialed("c", "t", "s", 3); got != "ws://localhost/ws?client=c&since=s%3A3&ticket=t&x=1" {
		t.Error(got)
	}
	for _, text := range []string{"", "http://", "ftp://localhost", "http://[::1?ticket=s3cret", "http://a:s3cret@localhost", "localhost?client=1"} {
		if _, _, err := newTarget(text); err == nil || strings.Contains(err.Error(), "s3cret") {
			t.Errorf("%q: %v", text, err)
		}
	}
}

func TestJarKeepsTheCookieAsBrowsersDo(t *testing.T) {
	path := filepath.Join(t.TempDir(), "jar")
	foreign := "shop.example\tTRUE\t/cart\tTRUE\t0\ta\tb"
	if err := os.WriteFile(path, []byte("# a note\r\n"+foreign+"\r\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	here := &url.URL{Scheme: "http", Host: "localhost:8000", Path: "/ws"}
	set := func(c *http.Cookie) string {
		t.Helper()
		j, err := newJar(path, here, "")
		if err != nil {
			t.Fatal(err)
		}
		if c.Name != "" {
			j.SetCookies(here, []*http.Cookie{c})
		}
		names := []string{}
		for _, c := range j.Cookies(here) {
			names = append(names, c.Name+"="+c.Value)
		}
		if text, err := os.ReadFile(path); err != nil || j.err != nil || !strings.Contains(string(text), foreign) {
			t.Errorf("%v %v %s", err, j.err, text)
		}
		return strings.Join(names, " ")
	}
	for _, step := range []struct {
		cookie http.Cookie
		want   string
	}{
		{http.Cookie{}, ""},
		{http.Cookie{Name: "session", Value: "one", Path: "/", HttpOnly: true, MaxAge: 100}, "session=one"},
		{http.Cookie{Name: "session", Value: "two", Path: "/", HttpOnly: true, MaxAge: 100}, "session=two"},
		{http.Cookie{Name: "old", Value: "x", Path: "/", Expires: time.Unix(1, 0)}, "session=two"},
		{http.Cookie{Name: "secure", Value: "x", Path: "/", Secure: true}, "session=two"},
		{http.Cookie{Name: "elsewhere", Value: "x", Path: "/wsx"}, "session=two"},
		{http.Cookie{Name: "wide", Value: "x", Domain: "example"}, "session=two wide=x"},
		{http.Cookie{Name: "session", Path: "/", MaxAge: -1}, "wide=x"},
	} {
		if got := set(&step.cookie); got != step.want {
			t.Errorf("after %v: %q, want %q", &step.cookie, got, step.want)
		}
	}
	if info, err := os.Stat(path); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("mode %v, %v", info.Mode(), err)
	}
}

func TestShownMovesNoCursor(t *testing.T) {
	if got := shown("a\x1b[31m\u009b\u202eb\x7f\nc", 100); got != `a\u001b[31m\u009b\u202eb\u007f\u000ac` {
		t.Error(got)
	}
	if got := shown("ärger", 2); got != "är…" {
		t.Error(got)
	}
}
