package main

import (
	"net/http"
	"net/url"
	"strings"
	"testing"
)

// Row 8: whatever ends a session, or a device's part in it, closes every tab concerned and no other, and the
// cookie never leads back.
func TestSecurity08AnEndClosesTheTabsConcerned(t *testing.T) {
	p, b := startWithAPI(t, t.TempDir())
	for name, test := range map[string]struct {
		end       func(v *browser, id string)
		bye       string
		otherToo  bool // the other device of the shared session
		strangers bool // the user's session on a device that does not share
	}{
		"destroy":       {func(v *browser, _ string) { v.do(t, "DELETE", "/session", "").want(204) }, "destroyed", true, false},
		"API destroy":   {func(_ *browser, id string) { b.do("DELETE", "/v1/sessions/"+id, "").want(204) }, "destroyed", true, false},
		"logout":        {func(v *browser, _ string) { b.logout(v, "") }, "logged_out", false, false},
		"logout all":    {func(v *browser, _ string) { b.logout(v, `{"scope":"all"}`) }, "logged_out", true, true},
		"revoke user":   {func(_ *browser, _ string) { b.do("DELETE", "/v1/users/u/sessions", "").want(204) }, "destroyed", true, true},
		"revoke device": {func(v *browser, id string) { b.revoke(id, b.resolve(v).Device) }, "logged_out", false, false},
	} {
		t.Run(name, func(t *testing.T) {
			phone, laptop, kiosk := newBrowser(t, p.addr), newBrowser(t, p.addr), newBrowser(t, p.addr)
			for _, v := range []*browser{phone, laptop} {
				v.session()
				b.login(v, `{"user":"u","shared":true}`)
			}
			kiosk.session()
			b.login(kiosk, `{"user":"u"}`)
			defer b.do("DELETE", "/v1/users/u/sessions", "")
			id := b.resolve(phone).ID
			old := phone.twin(t)
			ticket := mint(t, phone)
			tabs := []*tab{openTab(t, phone), openTab(t, phone), openTab(t, old)}
			other, stranger := openTab(t, laptop), openTab(t, kiosk)

			test.end(phone, id)
			for _, tb := range tabs {
				tb.goes(t, 4002, test.bye)
			}
			for _, x := range []struct {
				tab   *tab
				v     *browser
				leave bool
			}{{other, laptop, test.otherToo}, {stranger, kiosk, test.strangers}} {
				if x.leave {
					x.tab.goes(t, 4002, test.bye)
					continue
				}
				x.v.post(`{"incr":{"n":1}}`, "")
				want(t, x.tab, "change")
			}
			wsRefused(t, newBrowser(t, p.addr), url.Values{"ticket": {ticket}}, 4401, "bad_ticket")
			rejoin := openTab(t, old)
			if rejoin.session == `"`+id+`"` || rejoin.version != 0 || len(rejoin.data) > 0 {
				t.Errorf("the old cookie rejoins %s: %s", rejoin.session, rejoin.data)
			}
		})
	}
}

// revoke logs a device out without its cookie.
func (b *backend) revoke(id, device string) {
	b.t.Helper()
	b.do("POST", "/v1/sessions/"+id+"/logout", `{"device":"`+device+`"}`).want(200)
}

func TestSecurity08ATimeoutClosesTheTabs(t *testing.T) {
	p, b := startWithAPI(t, t.TempDir(), "--idle-timeout=2s", "--open-tab-keeps-alive=false")
	v := visitor(t, p, `{"set":{"a":1}}`)
	id, old := b.resolve(v).ID, v.twin(t)
	one, two := openTab(t, v), openTab(t, v)
	one.goes(t, 4003, "expired")
	two.goes(t, 4003, "expired")
	if rejoin := openTab(t, old); rejoin.session == `"`+id+`"` || len(rejoin.data) > 0 {
		t.Errorf("the old cookie rejoins %s", rejoin.session)
	}
	b.do("GET", "/v1/sessions/"+id, "").want(404)
}

// Row 10: a user's sessions are listed and ended, one, the others or all; what is listed is no token.
func TestSecurity10SessionsAreListedAndEnded(t *testing.T) {
	p, b := startWithAPI(t, t.TempDir())
	var devices []*browser
	var tabs []*tab
	for range 4 {
		v := newBrowser(t, p.addr)
		v.do(t, "POST", "/session", `{"set":{"a":1}}`, "User-Agent", "Cherry/1.0").want(200)
		b.login(v, `{"user":"u","keep":[]}`)
		devices, tabs = append(devices, v), append(tabs, openTab(t, v))
	}
	listed := b.list("u")
	if len(listed) != 4 {
		t.Fatalf("listed: %+v", listed)
	}
	for i, s := range listed {
		if w := b.resolve(devices[i]); s.ID != w.ID || s.Version != w.Version || len(s.Devices) != 1 || s.Devices[0].Device != w.Device ||
			s.Devices[0].Tabs != 1 || s.Devices[0].Agent != "Cherry/1.0" {
			t.Errorf("session %d is listed as %+v", i, s)
		}
		isNoToken(t, p, b, s.ID, s.ID)
		isNoToken(t, p, b, s.ID, s.Devices[0].Device)
	}

	b.do("DELETE", "/v1/sessions/"+listed[3].ID, "").want(204)
	tabs[3].goes(t, 4002, "destroyed")
	b.logout(devices[0], `{"scope":"others"}`)
	tabs[1].goes(t, 4002, "logged_out")
	tabs[2].goes(t, 4002, "logged_out")
	if left := b.list("u"); len(left) != 1 || left[0].ID != listed[0].ID {
		t.Errorf("left: %+v", left)
	}
	if _, err := devices[0].post(`{"set":{"still":true}}`, ""); err != nil {
		t.Error(err)
	}
	want(t, tabs[0], "change")
	b.do("DELETE", "/v1/users/u/sessions", "").want(204)
	tabs[0].goes(t, 4002, "destroyed")
	if left := b.list("u"); len(left) != 0 {
		t.Errorf("left: %+v", left)
	}
	b.do("DELETE", "/v1/users/u/sessions", "").want(204) // again is no error
}

// Logging the others out leaves alone whoever asks, also where nothing was written.
func TestSecurity10TheOthersAreNotOneself(t *testing.T) {
	p, b := startWithAPI(t, t.TempDir())
	v := newBrowser(t, p.addr)
	v.session()
	id := b.resolve(v).ID
	b.logout(v, `{"scope":"others"}`)
	if s, err := v.session(); err != nil || string(s.ID) != `"`+id+`"` {
		t.Errorf("%s %v, was %s", s.ID, err, id)
	}
}

type listedSession struct {
	ID      string
	Version uint64
	Devices []struct {
		Device string
		Agent  string `json:"user_agent"`
		Tabs   int
	}
}

func (b *backend) list(user string) []listedSession {
	b.t.Helper()
	var all struct{ Sessions []listedSession }
	b.do("GET", "/v1/users/"+url.PathEscape(user)+"/sessions", "").want(200).into(&all)
	return all.Sessions
}

// isNoToken tries a public name as everything that lets somebody in.
func isNoToken(t *testing.T, p *process, b *backend, id, name string) {
	t.Helper()
	for _, value := range []string{name, strings.ToUpper(name), name + name} {
		v := newBrowser(t, p.addr)
		v.http.Jar.SetCookies(v.url(), []*http.Cookie{{Name: "session", Value: value, Path: "/"}})
		if s, err := v.session(); err != nil || strings.Contains(string(s.ID), id) {
			t.Errorf("as a cookie: %v %s", err, s.ID)
		}
		wsRefused(t, newBrowser(t, p.addr), url.Values{"ticket": {value}}, 4401, "bad_ticket")
		b.do("GET", "/v1/sessions/"+id, "", "Authorization", "Bearer "+value).want(401, "unauthorized")
		b.do("POST", "/v1/resolve", "", "Cookie", "session="+value).want(404, "no_such_session")
	}
}
