package web

import (
	"encoding/json"
	"net/http/httptest"
	"strconv"
	"strings"
	"testing"

	"github.com/seshd/seshd/session"
)

// What the body of a login says is what its members say, each under its exact name; all else is refused.
func FuzzLoginBody(f *testing.F) {
	for _, body := range []string{
		`{"user":"u42","keep":["cart","draft.*"],"combine":{"cart":"sum"},"shared":true,"device":"0011223344556677"}`,
		`{"user":"a","USER":"b"}`, `{"u\u0073er":"a"}`, `{"uſer":"a"}`, `{"keep":null}`, `{"keep":[1]}`, `{"shared":"true"}`, `null`, `[]`, `{`, ``, `{"user":{}}`,
	} {
		f.Add([]byte(body))
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		compact, err := session.Compact(text)
		if err != nil {
			return
		}
		var body loginBody
		if decodeMembers(compact, &body) != "" {
			return
		}
		var members map[string]json.RawMessage
		if err := json.Unmarshal(text, &members); err != nil {
			t.Fatalf("%q was taken for JSON", text)
		}
		for name := range members {
			switch name {
			case "user", "keep", "combine", "shared", "device":
			default:
				t.Errorf("%q was taken for a member", name)
			}
		}
		var user string
		if json.Unmarshal(members["user"], &user); user != body.User {
			t.Errorf("%q is user %q", text, body.User)
		}
		login := session.Login{User: body.User, Keep: body.Keep, Combine: body.Combine, Shared: body.Shared}
		if err := login.Check(); err == nil && strings.TrimSpace(body.User) != body.User {
			t.Errorf("user %q", body.User)
		}
	})
}

// The story begins after the number of Last-Event-ID, or is refused.
func FuzzStoryFrom(f *testing.F) {
	for _, text := range []string{"0", "18446744073709551615", "18446744073709551616", "-1", "+1", "1_0", "0x1", " 1", "1\n", "é"} {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		if text == "" { // begins now
			return
		}
		r := httptest.NewRequest("GET", "/v1/events", nil)
		r.Header["Last-Event-Id"] = []string{text}
		after, err := new(App).storyFrom(r)
		if err == nil && strings.TrimLeft(text, "0") != strings.TrimLeft(strconv.FormatUint(after, 10), "0") {
			t.Errorf("%q was read as %d", text, after)
		}
		if err != nil && session.CodeOf(err) != session.BadRequest {
			t.Errorf("%q: %v", text, err)
		}
	})
}
