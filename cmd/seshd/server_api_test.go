package main

import (
	"encoding/json"
	"os"
	"slices"
	"sort"
	"strings"
	"sync"
	"testing"

	"github.com/gorilla/websocket"
)

func websocketClosed(err error, code int) bool { return websocket.IsCloseError(err, code) }

// operations lists what is described, as "METHOD path".
var operations = sync.OnceValue(func() (all []string) {
	for operation := range describedAnswers() {
		all = append(all, operation)
	}
	return all
})

// describedAnswers are the statuses of each operation in the description.
var describedAnswers = sync.OnceValue(func() map[string][]string {
	text, _ := os.ReadFile("../../web/openapi.json")
	var doc struct {
		Paths map[string]map[string]json.RawMessage
	}
	json.Unmarshal(text, &doc)
	all := map[string][]string{}
	for path, item := range doc.Paths {
		for method, operation := range item {
			var o struct{ Responses map[string]any }
			if json.Unmarshal(operation, &o) != nil {
				continue // parameters
			}
			for status := range o.Responses {
				all[strings.ToUpper(method)+" "+path] = append(all[strings.ToUpper(method)+" "+path], status)
			}
		}
	}
	return all
})

// Every operation that is described gives every answer that is described, as described (its transport sees to that). What
// no client can bring about, a store that fails and a rate that no test may rely on, is left to other tests.
func TestEveryAnswerOfTheAPIIsAsDescribed(t *testing.T) {
	p, b := startWithAPI(t, t.TempDir(), "--max-session-bytes=4KiB", "--max-message-bytes=8KiB")
	const none = "/v1/sessions/00000000000000000000000000000000"
	stale, other, twoDevices, user := visitor(t, p, `{"set":{"a":1,"text":"x"}}`), visitor(t, p, `{"set":{"a":1}}`), visitor(t, p, `{}`), visitor(t, p, `{"set":{"a":1}}`)
	fresh := stale.twin(t)
	id := "/v1/sessions/" + b.rotate(fresh).ID
	b.login(twoDevices, `{"user":"two","shared":true}`)
	second := newBrowser(t, p.addr)
	second.session()
	two := "/v1/sessions/" + b.login(second, `{"user":"two","shared":true}`).ID
	b.login(user, `{"user":"u"}`)

	cookie := func(v *browser) []string { return []string{"Cookie", v.cookie()} }
	large := `"` + strings.Repeat("x", 5000) + `"`
	lines, empty := []string{"Content-Type", "application/x-ndjson"}, `{"seshd":"export","format":1}`+"\n"+`{"end":{"sessions":0,"tokens":0}}`+"\n"
	for _, step := range []struct {
		method, path, body string
		headers            []string
		status             int
		code               string
	}{
		{"POST", "/v1/resolve", "", cookie(fresh), 200, ""},
		{"POST", "/v1/resolve", "", cookie(newBrowser(t, p.addr)), 404, "no_such_session"},
		{"POST", "/v1/resolve", "", cookie(stale), 404, "no_such_session"},
		{"GET", id, "", nil, 200, ""},
		{"GET", id, "", cookie(fresh), 200, ""},
		{"GET", id, "", cookie(other), 200, ""},
		{"HEAD", id, "", nil, 200, ""},
		{"GET", id, "", []string{"If-None-Match", "*"}, 200, ""}, // who is logged in may have changed, and the version not
		{"POST", "/v1/resolve", "", append(cookie(fresh), "If-None-Match", "*"), 200, ""},
		{"GET", none, "", nil, 404, "no_such_session"},
		{"GET", "/v1/sessions/nonsense", "", nil, 404, "no_such_session"},
		{"GET", id, "", cookie(stale), 409, "stale_cookie"},
		{"POST", id, `{"set":{"_p":1},"incr":{"a":1.5},"append":{"l":[1]},"delete":["gone"],"merge":{"m":{"x":null}}}`, nil, 200, ""},
		{"POST", id, `{"set":{"b":1},"id":1}`, []string{"Idempotency-Key", clientID + ":1"}, 200, ""},
		{"POST", id, `{"set":{"b":1},"id":1}`, []string{"Idempotency-Key", clientID + ":1"}, 200, ""},
		{"POST", id, `{"unknown":1}`, nil, 400, "bad_request"},
		{"POST", id, `{"set":{"a/b":1}}`, nil, 400, "bad_key"},
		{"POST", id, `{"a":1,"a":2}`, nil, 400, "invalid_json"},
		{"POST", id, `{}`, []string{"If-Match", "7"}, 400, "bad_request"},
		{"POST", none, `{}`, nil, 404, "no_such_session"},
		{"POST", id, `{"if_version":9}`, nil, 409, "conflict"},
		{"POST", id, `{}`, cookie(stale), 409, "stale_cookie"},
		{"POST", id, `{}`, []string{"If-Match", `"9"`}, 412, "conflict"},
		{"POST", id, `{"set":{"big":` + large + `}}`, nil, 413, "too_large"},
		{"POST", id, `{"set":{"big":` + large + large + `}}`, nil, 413, "too_large"},
		{"POST", id, `{}`, []string{"Content-Type", "text/plain"}, 415, "unsupported_media_type"},
		{"POST", id, `{"incr":{"text":1}}`, nil, 422, "not_a_number"},
		{"POST", id, `{"append":{"text":[1]}}`, nil, 422, "not_an_array"},
		{"DELETE", id, "", []string{"If-Match", "7"}, 400, "bad_request"},
		{"DELETE", id, "", []string{"If-Match", `"9"`}, 412, "conflict"},
		{"DELETE", none, "", nil, 404, "no_such_session"},
		{"DELETE", id, "", cookie(stale), 409, "stale_cookie"},

		{"POST", id + "/login", `{}`, nil, 400, "bad_request"},
		{"POST", id + "/login", `{"user":"u","combine":{"a/b":"sum"}}`, nil, 400, "bad_key"},
		{"POST", id + "/login", `{"user":"u",`, nil, 400, "invalid_json"},
		{"POST", none + "/login", `{"user":"u"}`, nil, 404, "no_such_session"},
		{"POST", id + "/login", `{"user":"u"}`, cookie(other), 409, "other_session"},
		{"POST", id + "/login", `{"user":"u"}`, cookie(stale), 409, "stale_cookie"},
		{"POST", id + "/login", `{"user":` + large + large + `}`, nil, 413, "too_large"},
		{"POST", id + "/login", `{"user":"u"}`, []string{"Content-Type", "text/plain"}, 415, "unsupported_media_type"},
		{"POST", id + "/login", `{"user":"u"}`, nil, 200, ""},
		{"POST", two + "/rotate", "", nil, 400, "bad_request"},
		{"POST", none + "/rotate", "", nil, 404, "no_such_session"},
		{"POST", id + "/rotate", "", cookie(other), 409, "other_session"},
		{"POST", id + "/rotate", `{"device":` + large + large + `}`, nil, 413, "too_large"},
		{"POST", id + "/rotate", `{}`, []string{"Content-Type", "text/plain"}, 415, "unsupported_media_type"},
		{"POST", id + "/rotate", "", nil, 200, ""},
		{"POST", two + "/logout", "", nil, 400, "bad_request"},
		{"POST", id + "/logout", `{"scope":"everything"}`, nil, 400, "bad_request"},
		{"POST", none + "/logout", "", nil, 404, "no_such_session"},
		{"POST", id + "/logout", "", cookie(other), 409, "other_session"},
		{"POST", id + "/logout", `{"scope":` + large + large + `}`, nil, 413, "too_large"},
		{"POST", id + "/logout", `{}`, []string{"Content-Type", "text/plain"}, 415, "unsupported_media_type"},
		{"POST", id + "/logout", `{"scope":"this","clear_site_data":true}`, nil, 200, ""},
		{"DELETE", "/v1/sessions/" + b.resolve(other).ID, "", nil, 204, ""},

		{"GET", "/v1/users/two/sessions", "", nil, 200, ""},
		{"GET", "/v1/users/nobody/sessions", "", nil, 200, ""},
		{"GET", "/v1/users/%0a/sessions", "", nil, 400, "bad_request"},
		{"DELETE", "/v1/users/%0a/sessions", "", nil, 400, "bad_request"},
		{"DELETE", "/v1/users/two/sessions", "", nil, 204, ""},
		{"GET", "/v1/events", "", []string{"Last-Event-ID", "x"}, 400, "bad_request"},
		{"GET", "/v1/backup", "", nil, 200, ""},
		{"GET", "/v1/export", "", nil, 200, ""},
		{"POST", "/v1/import", empty, lines, 200, ""},
		{"POST", "/v1/import", "", lines, 400, "bad_request"},
		{"POST", "/v1/import", empty, nil, 415, "unsupported_media_type"},
		{"GET", "/v1/openapi.json", "", nil, 200, ""},
		{"GET", "/auth", "", cookie(user), 200, ""},
		{"GET", "/auth", "", nil, 200, ""},
		{"GET", "/auth?require=user", "", cookie(user), 200, ""},
		{"GET", "/auth?require=user", "", nil, 401, "unauthorized"},
		{"GET", "/auth?require=admin", "", nil, 400, "bad_request"},
		{"GET", "/livez", "", nil, 200, ""},
		{"GET", "/readyz", "", nil, 200, ""},
		{"GET", "/metrics", "", nil, 200, ""},
		{"GET", "/session/problems", "", nil, 200, ""},
		{"GET", "/debug/pprof/", "", nil, 200, ""},
	} {
		a := b.do(step.method, step.path, step.body, step.headers...)
		if step.code == "" {
			a.want(step.status)
		} else {
			a.want(step.status, step.code)
		}
	}
	b.story(t, "").stop()
	b.key = ""
	for _, operation := range operations() {
		method, path, _ := strings.Cut(operation, " ")
		if slices.Contains(describedAnswers()[operation], "401") && path != "/auth" {
			b.do(method, strings.NewReplacer("{id}", none[len("/v1/sessions/"):], "{user}", "u").Replace(path), "").want(401, "unauthorized")
		}
	}

	seen.Store("GET /v1/backup 400", true) // a store of several servers answers so, which package web tests
	var missing []string
	for operation, statuses := range describedAnswers() {
		for _, status := range statuses {
			if _, found := seen.Load(operation + " " + status); !found && status != "503" && status != "429" {
				missing = append(missing, operation+" "+status)
			}
		}
	}
	sort.Strings(missing)
	if len(missing) > 0 {
		t.Errorf("described, and answered to no test:\n%s", strings.Join(missing, "\n"))
	}
}

const clientID = "6f2b8f9e-0c7d-4a55-9a44-0f3f8f7a1b01"
