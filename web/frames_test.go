package web_test

import (
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/gorilla/websocket"

	"github.com/seshd/seshd/web"
)

var rfc3339 = regexp.MustCompile(`"expires":"(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ)"`)

// plain takes the time out of a frame, having checked its form.
func plain(t *testing.T, line string) string {
	t.Helper()
	match := rfc3339.FindStringSubmatch(line)
	if match == nil {
		t.Fatalf("no expires in RFC 3339 in %s", line)
	}
	if expires, err := time.Parse(time.RFC3339, match[1]); err != nil || expires.Before(time.Now()) {
		t.Errorf("expires %s is no time to come", match[1])
	}
	return strings.Replace(line, match[0], `"expires":"…"`, 1)
}

func TestFramesHaveExactlyTheirShape(t *testing.T) {
	b := start(t, setup{}).visit()
	x, first := b.enter("")
	same(t, plain(t, first.line), `{"type":"session","id":"`+b.id()+`","version":0,"data":{},"tabs":1,"expires":"…"}`)

	x.send(`{"set":{"b":"x","a":{"n":1.50}},"id":12}`)
	same(t, x.next().line, `{"type":"change","from":0,"version":1,"set":{"a":{"n":1.50},"b":"x"},"delete":[],"by":"tab"}`)
	same(t, x.next().line, `{"type":"ok","id":12,"version":1}`)

	b.do("DELETE", "/session/keys/b", "").want(200)
	same(t, x.next().line, `{"type":"change","from":1,"version":2,"set":{},"delete":["b"],"by":"http"}`)

	x.send(` { "get" : true } `)
	same(t, plain(t, x.next().line), `{"type":"session","id":"`+b.id()+`","version":2,"data":{"a":{"n":1.50}},"tabs":1,"expires":"…"}`)

	x.send(`{"ping":true}`)
	same(t, x.next().line, `{"type":"pong"}`)

	b.open("")
	same(t, x.next().line, `{"type":"tabs","tabs":2}`)

	x.send(`{"set":{"_a":1},"id":13}`)
	if f := x.next(); !regexp.MustCompile(`^\{"type":"error","id":13,"code":"forbidden_key","message":"[^{}]+"\}$`).MatchString(f.line) {
		t.Errorf("error frame: %s", f.line)
	}
	b.do("DELETE", "/session", "").want(204)
	if f := x.next(); !regexp.MustCompile(`^\{"type":"bye","code":"destroyed","message":"[^{}"]+"\}$`).MatchString(f.line) {
		t.Errorf("bye frame: %s", f.line)
	}
}

func TestOkAndErrorComeOnlyAsAsked(t *testing.T) {
	x, _ := start(t, setup{}).visit().enter("")
	x.send(`{"set":{"a":1}}`) // no id, no ok
	x.send(`{"ping":true}`)
	if a, b := x.next(), x.next(); a.Type != "change" || b.Type != "pong" {
		t.Errorf("a mutation without id gave %s and %s", a.line, b.line)
	}
	x.send(`{"incr":{"a":"x"}}`) // no id, an error all the same, without one
	if f := x.next(); f.Type != "error" || f.ID != nil {
		t.Errorf("got %s", f.line)
	}
	x.send(`{"if_version":9,"id":4}`)
	if f := x.next(); f.Code != "conflict" || string(f.ID) != "4" || f.Version != 1 {
		t.Errorf("a conflict carries id and current version: %s", f.line)
	}
}

func TestABadLineNeverEndsTheConnection(t *testing.T) {
	x, _ := start(t, setup{}).visit().enter("")
	deep := strings.Repeat("[", 65) + strings.Repeat("]", 65)
	for name, test := range map[string]struct{ line, code, id string }{
		"empty":                    {``, "invalid_json", ""},
		"not JSON":                 {`set fruit cherries`, "invalid_json", ""},
		"truncated":                {`{"set":{"a":1}`, "invalid_json", ""},
		"two objects":              {`{}{}`, "invalid_json", ""},
		"not an object":            {`[1]`, "invalid_json", ""},
		"null":                     {`null`, "invalid_json", ""},
		"a string":                 {`"{}"`, "invalid_json", ""},
		"invalid UTF-8":            {"{\"set\":{\"a\":\"\xff\"}}", "invalid_json", ""},
		"a surrogate as UTF-8":     {"{\"set\":{\"a\":\"\xed\xa0\x80\"}}", "invalid_json", ""},
		"NUL":                      {"{\"set\":{\"a\":\"\x00\"}}", "invalid_json", ""},
		"NUL after the object":     {"{}\x00", "invalid_json", ""},
		"NUL in a key":             {`{"set":{"a\u0000":1},"id":7}`, "bad_key", "7"},
		"60,000 open brackets":     {strings.Repeat("[", 60_000), "invalid_json", ""},
		"60,000 in an object":      {`{"id":6,"set":{"a":` + strings.Repeat("[", 30_000) + strings.Repeat("]", 30_000) + `}}`, "invalid_json", ""},
		"nesting of 65":            {`{"id":7,"set":{"a":` + deep + `}}`, "invalid_json", "7"},
		"duplicate members":        {`{"id":7,"set":{"a":1,"a":2}}`, "invalid_json", "7"},
		"duplicates by escape":     {`{"id":7,"set":{"a":1,"\u0061":2}}`, "invalid_json", "7"},
		"duplicate fields":         {`{"id":7,"set":{},"set":{}}`, "invalid_json", "7"},
		"duplicates deep in":       {`{"id":7,"set":{"k":[{"a":1,"a":2}]}}`, "invalid_json", "7"},
		"get with a mutation":      {`{"id":7,"get":true,"set":{"a":1}}`, "bad_request", "7"},
		"ping with a mutation":     {`{"ping":true,"id":7,"clear":true}`, "bad_request", "7"},
		"get with ping":            {`{"get":true,"ping":true}`, "bad_request", ""},
		"get that is not true":     {`{"get":1}`, "bad_request", ""},
		"half a surrogate pair":    {`{"set":{"\ud800":1},"id":7}`, "bad_key", "7"},
		"ping that is not true":    {`{"ping":false}`, "bad_request", ""},
		"unknown field":            {`{"id":7,"sett":{"a":1}}`, "bad_request", "7"},
		"unknown field before id":  {`{"sett":{"a":1},"id":7}`, "bad_request", "7"},
		"wrong type before the id": {`{"set":5,"id":7}`, "bad_request", "7"},
		"id 0":                     {`{"id":0}`, "bad_request", ""},
		"id 2^53":                  {`{"id":9007199254740992}`, "bad_request", ""},
		"id 1.0":                   {`{"id":1.0}`, "bad_request", ""},
		"id text":                  {`{"id":"7"}`, "bad_request", ""},
		"id null":                  {`{"id":null}`, "bad_request", ""},
		"id negative":              {`{"id":-1}`, "bad_request", ""},
	} {
		x.send(test.line)
		f := x.next()
		if f.Type != "error" || f.Code != test.code || string(f.ID) != test.id || f.Message == "" {
			t.Errorf("%s: want error %s with id %q, got %s", name, test.code, test.id, f.line)
		}
	}
	x.send(`{"ping":true}`)
	if f := x.next(); f.Type != "pong" {
		t.Errorf("after all that, a ping gave %s", f.line)
	}
}

func TestAQuestionMayBeEscaped(t *testing.T) {
	x, _ := start(t, setup{}).visit().enter("")
	for line, kind := range map[string]string{
		`{"g\u0065t":true}`: "session", `{"ge\u0074":true}`: "session", `{"\u0070\u0069\u006E\u0067":true}`: "pong", `{"pi\u006eg":true,"id":7}`: "error",
	} {
		x.send(line)
		if f := x.next(); f.Type != kind || f.Type == "error" && f.Code != "bad_request" {
			t.Errorf("%s gave %s", line, f.line)
		}
	}
}

func TestNestingOf64IsNotTooDeep(t *testing.T) {
	x, _ := start(t, setup{}).visit().enter("")
	inner := strings.Repeat("[", 62) + strings.Repeat("]", 62) // with the mutation and its set: 64
	if f := x.does(`{"id":1,"set":{"a":` + inner + `}}`); f.Type != "ok" {
		t.Errorf("got %s", f.line)
	}
}

// A limit that admits it shows that the brackets themselves cost no more than any bad line.
func TestAHundredThousandBracketsCostNoMoreThanAnyBadLine(t *testing.T) {
	s := start(t, setup{web: web.Options{MaxMessageBytes: 1 << 20}})
	x, _ := s.visit().enter("")
	for _, line := range []string{
		strings.Repeat("[", 100_000), strings.Repeat(`{"a":`, 100_000),
		`{"id":1,"set":{"a":` + strings.Repeat("[", 100_000) + strings.Repeat("]", 100_000) + "}}",
	} {
		begun := time.Now()
		x.send(line)
		if f := x.next(); f.Code != "invalid_json" {
			t.Errorf("got %s", f.line)
		}
		if took := time.Since(begun); took > 2*time.Second {
			t.Errorf("took %v", took)
		}
	}
}

func TestAFragmentedMessageIsOneLine(t *testing.T) {
	x, _ := start(t, setup{}).visit().enter("")
	w, err := x.conn.NextWriter(websocket.TextMessage)
	if err != nil {
		t.Fatal(err)
	}
	for _, part := range []string{`{"set":`, `{"fruit":"` + strings.Repeat("cherries", 1000), `"},"id":1}`} {
		if _, err := w.Write([]byte(part)); err != nil {
			t.Fatal(err)
		}
	}
	w.Close()
	if f := x.until("ok"); f.Version != 1 {
		t.Errorf("got %s", f.line)
	}
}

func TestANativePingGetsItsPong(t *testing.T) {
	x, _ := start(t, setup{}).visit().enter("")
	pong := make(chan string, 1)
	x.conn.SetPongHandler(func(data string) error { pong <- data; return nil })
	if err := x.conn.WriteControl(websocket.PingMessage, []byte("are you there"), time.Now().Add(patience)); err != nil {
		t.Fatal(err)
	}
	for range 100 { // it comes in the course of reading
		x.send(`{"ping":true}`)
		x.until("pong")
		select {
		case data := <-pong:
			same(t, data, "are you there")
			return
		default:
		}
	}
	t.Error("no pong")
}
