package main

import (
	"net/http"
	"net/url"
	"testing"
)

// Row 6: a login gives a new token, and the old one fails at once: whoever planted it gains nothing.
func TestSecurity06ALoginLeavesTheOldTokenWithNothing(t *testing.T) {
	for name, change := range map[string]func(*testing.T, *backend, *browser){
		"login":    func(_ *testing.T, b *backend, v *browser) { b.login(v, `{"user":"u1"}`) },
		"shared":   func(_ *testing.T, b *backend, v *browser) { b.login(v, `{"user":"u2","shared":true}`) },
		"rotation": func(_ *testing.T, b *backend, v *browser) { b.rotate(v) },
		"by name": func(t *testing.T, b *backend, v *browser) { // the backend that knows the device needs no cookie
			who := b.resolve(v)
			var l login
			b.do("POST", "/v1/sessions/"+who.ID+"/login", `{"user":"u3","device":"`+who.Device+`"}`).want(200).into(&l)
			v.take(l.SetCookie)
		},
		"combined": func(_ *testing.T, b *backend, v *browser) {
			other := newBrowser(b.t, v.addr)
			other.session()
			b.login(other, `{"user":"u4","shared":true}`)
			b.login(v, `{"user":"u4","shared":true}`)
		},
	} {
		t.Run(name, func(t *testing.T) {
			p, b := startWithAPI(t, t.TempDir())
			victim := visitor(t, p, `{"set":{"a":1}}`)
			planted := victim.twin(t)
			before := b.resolve(victim)
			open, ticket := openTab(t, planted), mint(t, planted)
			if open.version != 1 {
				t.Fatalf("the tab begins at %d", open.version)
			}

			change(t, b, victim)
			if _, err := victim.post(`{"set":{"secret":true}}`, ""); err != nil {
				t.Fatal(err)
			}
			after := b.resolve(victim)
			if victim.cookie() == planted.cookie() || after.Device == before.Device {
				t.Fatal("the token is the old one")
			}
			bye := open.goes(t, 4001, "rotated")
			if open.data["secret"] != nil {
				t.Error("the old tab was told of what came after")
			}
			if into := bye.Into; into != "" && into != after.ID || (into == "") != (after.ID == before.ID) {
				t.Errorf("from %s to %s, and the bye says into %q", before.ID, after.ID, into)
			}
			deadAtOnce(t, planted)
			wsRefused(t, planted, url.Values{"ticket": {ticket}}, 4401, "bad_ticket")
			b.do("POST", "/v1/resolve", "", "Cookie", planted.cookie()).want(404, "no_such_session")
			if w := b.resolve(victim); w.Version != after.Version || string(w.Data["secret"]) != "true" {
				t.Errorf("the old cookie did something: %+v", w)
			}
			if tb := openTab(t, victim); string(tb.data["secret"]) != "true" {
				t.Errorf("the new cookie's tab has %s", tb.data)
			}
		})
	}
}

// deadAtOnce tries a cookie that was just replaced at everything there is.
func deadAtOnce(t *testing.T, planted *browser) {
	t.Helper()
	for _, try := range [][3]string{
		{"GET", "/session", ""}, {"HEAD", "/session", ""}, {"POST", "/session", `{"set":{"late":1}}`}, {"DELETE", "/session", ""},
		{"GET", "/session/keys/a", ""}, {"PUT", "/session/keys/late", "1"}, {"DELETE", "/session/keys/a", ""},
		{"GET", "/session/tabs", ""}, {"GET", "/session/events", ""}, {"POST", "/session/ticket", ""}, {"POST", "/session", `{"a":1,`},
	} {
		a := planted.do(t, try[0], try[1], try[2])
		if a.want(http.StatusConflict); len(a.header["Set-Cookie"]) > 0 {
			t.Errorf("%s sets a cookie, in place of the newer one", a.what)
		}
		if try[0] != "HEAD" {
			a.want(http.StatusConflict, "stale_cookie")
		}
	}
	wsRefused(t, planted, nil, 4253, "stale_cookie")
}

// wsRefused connects, and is told why it may not.
func wsRefused(t *testing.T, v *browser, query url.Values, code int, bye string) {
	t.Helper()
	tb, err := v.open(query)
	if err != nil {
		t.Fatal(err)
	}
	defer tb.conn.Close()
	tb.goes(t, code, bye)
	if tb.data != nil {
		t.Errorf("it was shown %s", tb.data)
	}
}

func mint(t *testing.T, v *browser) string {
	t.Helper()
	var minted struct{ Ticket string }
	v.do(t, "POST", "/session/ticket", "").want(200).into(&minted)
	return minted.Ticket
}
