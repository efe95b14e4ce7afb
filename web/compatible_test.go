package web_test

import (
	"encoding/json"
	"fmt"
	"testing"
)

// What a newer client may send to this server is ignored where that does no harm, and refused as a whole where it would.
func TestWhatANewerClientSends(t *testing.T) {
	b := start(t, setup{}).visit()
	b.get("/session?weather=rain", "X-Weather", "rain").want(200)
	x, _ := b.enter("weather=rain")
	if a := b.do("POST", "/session?weather=rain", `{"incr":{"n":1}}`, "Content-Type", "application/json", "X-Weather", "rain"); a.status != 200 {
		t.Errorf("a parameter and a header that nobody knows: %d %s", a.status, a.body)
	}
	b.post(`{"set":{"n":2},"weather":"rain"}`).problem(400, "bad_request")
	x.send(`{"set":{"n":2},"weather":"rain","id":1}`)
	if f := x.until("error"); f.Code != "bad_request" {
		t.Errorf("a field that nobody knows: %s", f.line)
	}
	x.send(`{"get":true}`)
	if f := x.until("session"); dataOf(f.line) != `{"n":1}` || f.Version != 1 {
		t.Errorf("after that: %s", f.line)
	}
}

// What is sent has at least the members that it always had, each of its type.
func TestWhatIsSentStays(t *testing.T) {
	b := start(t, setup{}).visit()
	x, first := b.enter("")
	frames := map[string]string{`{"type":"","id":"","version":0,"data":{},"tabs":0,"expires":""}`: first.line}
	x.send(`{"set":{"fruit":"cherries"},"id":1}`)
	frames[`{"type":"","from":0,"version":0,"set":{},"delete":[],"by":""}`] = x.until("change").line
	frames[`{"type":"","id":0,"version":0}`] = x.until("ok").line
	x.send(`{"if_version":9,"id":2}`)
	frames[`{"type":"","id":0,"code":"","message":"","version":0}`] = x.until("error").line
	second, _ := b.enter("")
	frames[`{"type":"","tabs":0}`] = x.until("tabs").line
	frames[`{"id":"","version":0,"data":{},"tabs":0,"expires":""}`] = b.get("/session").want(200).body
	frames[`{"id":"","version":0,"set":{},"delete":[]}`] = b.post(`{"delete":["fruit"]}`).want(200).body
	frames[`{"ticket":"","expires_in":0,"url":""}`] = b.do("POST", "/session/ticket", "").want(200).body
	frames[`{"type":"","title":"","status":0,"detail":"","code":""}`] = b.get("/session/keys/none").body
	b.do("DELETE", "/session", "").want(204)
	frames[`{"type":"","code":"","message":""}`] = second.until("bye").line
	for want, got := range frames {
		has(t, want, got)
	}
}

// has compares the members of objects by their names and the types of their values.
func has(t *testing.T, want, got string) {
	t.Helper()
	var members, found map[string]any
	if json.Unmarshal([]byte(want), &members) != nil || json.Unmarshal([]byte(got), &found) != nil {
		t.Fatalf("%s, %s", want, got)
	}
	for name, value := range members {
		if fmt.Sprintf("%T", value) != fmt.Sprintf("%T", found[name]) {
			t.Errorf("%q is not what it was in %s", name, got)
		}
	}
}
