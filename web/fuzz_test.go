package web

import (
	"bytes"
	"encoding/json"
	"net/http/httptest"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/gorilla/mux"

	"github.com/seshd/seshd/hub"
	"github.com/seshd/seshd/session"
)

// A line is one of three things or an error, and whatever it is has an answer that is a line of JSON.
func FuzzDecodeFrame(f *testing.F) {
	for _, line := range []string{
		`{"get":true}`, `{"ping":true}`, ` {"get" : true}`, `{"get":true,"id":1}`, `{"ping":false}`, `{}`, `[]`, ``, "\x00", "{\"a\":\"\xff\"}",
		`{"set":{"a":1,"b":[1,{"c":null}]},"delete":["d"],"merge":{"e":{"f":null}},"incr":{"g":1e400},"append":{"h":[1]},"clear":true,"if_version":7,"id":12}`,
		`{"id":7,"set":{"a":1,"a":2}}`, `{"set":{"\u0000":1},"id":9007199254740992}`, strings.Repeat("[", 100), `{"set":{"\ud800":"\u2028<&>"}}`,
	} {
		f.Add([]byte(line))
	}
	f.Fuzz(func(t *testing.T, line []byte) {
		frame, err := decodeFrame(line)
		if err == nil && frame.get && frame.ping {
			t.Error("get and ping at once")
		}
		if frame.mutation.ID > session.MaxMutationID {
			t.Errorf("id %d", frame.mutation.ID)
		}
		if err != nil {
			answer := errorFrame(frame.mutation.ID, err)
			if !json.Valid(answer) || bytes.ContainsRune(answer, '\n') {
				t.Errorf("answer %q", answer)
			}
			return
		}
		for key := range frame.mutation.Keys {
			if session.CheckKey(key) != nil {
				t.Errorf("key %q was let through", key)
			}
		}
		if !json.Valid(line) {
			t.Errorf("%q was taken for JSON", line)
		}
	})
}

// A since is the id and a number of 64 bits, or the id of another session, or absent.
func FuzzSince(f *testing.F) {
	id, _ := session.ParseID(strings.Repeat("0a", 16))
	for _, text := range []string{id.String() + ":0", id.String() + ":18446744073709551616", id.String(), ":", "", id.String() + ":-1", id.String() + ":1:2", "\x00"} {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		j := hub.Join{Handle: session.Handle{ID: id}}
		resume(text, &j)
		of, number, _ := strings.Cut(text, ":")
		if j.Since != nil && (of != id.String() || strings.TrimLeft(number, "0") != strings.TrimLeft(strconv.FormatUint(*j.Since, 10), "0")) {
			t.Errorf("%q was read as %d", text, *j.Since)
		}
		if j.Former != (session.ID{}) && (j.Since != nil || of != j.Former.String()) {
			t.Errorf("%q was read as of session %s", text, j.Former)
		}
		other := hub.Join{}
		if resume(text, &other); other.Since != nil && of != other.Handle.ID.String() {
			t.Errorf("%q resumes another session", text)
		}
	})
}

// Conditions leave a mutation with what the headers say, or refuse; a sender never comes without an id.
func FuzzConditions(f *testing.F) {
	const client = "6f2b8f9e-0c7d-4a55-9a44-0f3f8f7a1b01"
	id := strings.Repeat("00", 16)
	for _, pair := range [][2]string{
		{"", client + ":1"}, {`"7"`, client + ":9007199254740991"}, {`"` + id + `:3"`, `"` + client + `:2"`}, {"*", client}, {`W/"1"`, ":"}, {`""1""`, client + ":0"}, {`"`, `"`},
	} {
		f.Add(pair[0], pair[1], uint64(0))
		f.Add(pair[0], pair[1], uint64(1))
	}
	f.Fuzz(func(t *testing.T, match, key string, id uint64) {
		r := httptest.NewRequest("POST", "/session", nil)
		r.Header.Set("If-Match", match)
		r.Header.Set("Idempotency-Key", key)
		m := session.Mutation{ID: id}
		sender, err := conditions(r, &visitor{}, &m)
		if err != nil {
			if code := session.CodeOf(err); code != session.BadRequest && code != session.Conflict {
				t.Errorf("refused with %s", code)
			}
			return
		}
		if sender != (session.SenderID{}) && (m.ID == 0 || m.ID > session.MaxMutationID || id != 0 && m.ID != id) {
			t.Errorf("Idempotency-Key %q with id %d gave %d", key, id, m.ID)
		}
		if match != "" && match != "*" && m.IfVersion == nil {
			t.Errorf("If-Match %q was overlooked", match)
		}
		if m.IfVersion != nil && !strings.Contains(match, strconv.FormatUint(*m.IfVersion, 10)) {
			t.Errorf("If-Match %q was read as %d", match, *m.IfVersion)
		}
	})
}

// No value opens but those that were sealed, and those open to what was sealed in them.
func FuzzOpenCookie(f *testing.F) {
	jar := newCookieJar([]string{"a secret of at least 32 bytes, this is one"}, time.Hour, 0)
	token := session.Token{1, 2, 3} // the same in every process that fuzzes
	sealed, err := jar.seal(false, token, time.Now())
	if err != nil {
		f.Fatal(err)
	}
	f.Add(sealed.Value)
	f.Add(sealed.Value[:len(sealed.Value)-1])
	f.Add(sealed.Value + "=")
	f.Add(strings.ToLower(sealed.Value))
	f.Add("")
	f.Add("MTIz")
	f.Add(sealed.Value + "; session=" + sealed.Value)
	f.Fuzz(func(t *testing.T, value string) {
		r := httptest.NewRequest("GET", "/", nil)
		r.Header["Cookie"] = []string{"session=" + value}
		got, at, ok := jar.open(r, false)
		if !ok {
			return
		}
		if got != token || at.After(time.Now()) || time.Since(at) > jar.lifetime {
			t.Errorf("%q opened to something else", value)
		}
	})
}

// A key of a path is what its escapes say, and a key.
func FuzzKeyOf(f *testing.F) {
	for _, path := range []string{"a", "a+b", "a%2Bb", "%2F", "%", "%zz", "..", "%2e%2e", "%FF", "é"} {
		f.Add(path)
	}
	f.Fuzz(func(t *testing.T, path string) {
		r := httptest.NewRequest("GET", "/", nil)
		key, err := keyOf(mux.SetURLVars(r, map[string]string{"key": path}))
		if err == nil && session.CheckKey(key) != nil {
			t.Errorf("%q gave the key %q", path, key)
		}
	})
}
