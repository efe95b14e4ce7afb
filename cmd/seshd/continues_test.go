package main

import (
	"encoding/json"
	"net/url"
	"testing"
)

// After a login that combined sessions the tabs of the one that is gone learn that theirs goes on in another, and nobody
// else learns it.
func TestOnlyWhoWasAbsorbedIsContinued(t *testing.T) {
	p, b := startWithAPI(t, t.TempDir())
	home := newBrowser(t, p.addr)
	home.session()
	id := b.login(home, `{"user":"u","shared":true}`).ID
	v := visitor(t, p, `{"set":{"cart":1}}`)
	old := b.resolve(v).ID
	b.login(v, `{"user":"u","shared":true}`)
	attacker := visitor(t, p, `{"set":{"mine":1}}`)
	stranger := visitor(t, p, `{"set":{"other":1}}`)
	b.login(attacker, `{"user":"mallory","shared":true}`)

	for _, test := range []struct {
		name      string
		who       *browser
		since     string
		continues bool
	}{
		{"the one that logged in", v, old, true},
		{"the user's other device", home, old, true}, // the session is the same, and so is what it absorbed
		{"its own id", v, id, false},
		{"no id", v, "00000000000000000000000000000000", false},
		{"somebody's id", v, b.resolve(stranger).ID, false},
		{"an attacker names the victim's old id", attacker, old, false},
		{"an attacker names the victim's id", attacker, id, false},
		{"a guest names it", stranger, old, false},
		{"a newcomer names it", newBrowser(t, p.addr), old, false},
	} {
		t.Run(test.name, func(t *testing.T) {
			tb, err := test.who.open(url.Values{"since": {test.since + ":0"}})
			if err != nil {
				t.Fatal(err)
			}
			defer tb.conn.Close()
			var first string
			tb.data = map[string]json.RawMessage{}
			if f, err := tb.next(); err != nil || f.Type != "session" && f.Type != "change" {
				t.Fatalf("%s %v", f.text, err)
			} else {
				first = f.Continues
			}
			a := test.who.do(t, "GET", "/session", "", "Session-Id", test.since)
			var body frame
			switch {
			case test.continues:
				a.want(200).into(&body)
				a2 := test.who.do(t, "POST", "/session", `{"set":{"late":1}}`, "Session-Id", test.since)
				a2.want(409, "other_session") // it may read, not write, under the old name
			case test.since == id && test.who == v:
				a.want(200).into(&body)
			default:
				if a.want(409, "other_session"); a.header.Get("Set-Cookie") != "" {
					t.Error("a cookie was set")
				}
			}
			want := ""
			if test.continues {
				want = old
			}
			if first != want || body.Continues != want {
				t.Errorf("continues %q and %q, want %q", first, body.Continues, want)
			}
		})
	}
}
