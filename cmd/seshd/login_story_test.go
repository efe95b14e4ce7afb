package main

import (
	"net/url"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// holdsJust compares what a session holds, values as JSON.
func holdsJust(t *testing.T, w whole, want map[string]string) {
	t.Helper()
	got := map[string]string{}
	for key, value := range w.Data {
		got[key] = string(value)
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("session %s of %q (-want +got):\n%s", w.ID, w.User, diff)
	}
}

// The post's author lost a full cart on registering.
func TestTheCartSurvivesRegistering(t *testing.T) {
	p, b := startWithAPI(t, t.TempDir())
	v := visitor(t, p, `{"set":{"cart":{"sku1":2},"draft.a":1,"draft.b":2,"tmp":1}}`)
	id := b.resolve(v).ID
	b.do("POST", "/v1/sessions/"+id, `{"set":{"_admin":true,"_seen":[1]}}`).want(200)
	l := b.login(v, `{"user":"u42","keep":["cart","draft.*","_seen"]}`)
	if l.ID != id || !slices.Equal(l.Kept, []string{"_seen", "cart", "draft.a", "draft.b"}) || len(l.Combined) != 0 || len(l.SetCookie) != 1 {
		t.Errorf("login answers %+v", l)
	}
	w := b.resolve(v)
	holdsJust(t, w, map[string]string{"cart": `{"sku1":2}`, "draft.a": "1", "draft.b": "2", "_seen": "[1]"})
	if w.User != "u42" || w.Device != l.Device || w.Version != l.Version {
		t.Errorf("%+v after %+v", w, l)
	}
}

func TestByDefaultALoginKeepsWhatATabMayWrite(t *testing.T) {
	p, b := startWithAPI(t, t.TempDir(), "--tab-write=cart,note")
	v := visitor(t, p, `{"set":{"cart":1,"note":2}}`)
	b.do("POST", "/v1/sessions/"+b.resolve(v).ID, `{"set":{"_planted":true,"theirs":1}}`).want(200)
	b.login(v, `{"user":"u"}`)
	holdsJust(t, b.resolve(v), map[string]string{"cart": "1", "note": "2"})
}

func TestOneSessionOnTwoDevices(t *testing.T) {
	p, b := startWithAPI(t, t.TempDir())
	const combine = `{"user":"u","shared":true,"keep":["cart","best","tags","name","mine"],
		"combine":{"cart":"sum","best":"max","tags":"union","mine":"mine"}}`
	laptop := visitor(t, p, `{"set":{"cart":{"a":1,"b":2},"best":7,"tags":["x","y"],"name":"Ann","mine":1}}`)
	home := b.login(laptop, combine).ID
	watching := openTab(t, laptop)
	phone := visitor(t, p, `{"set":{"cart":{"a":4,"c":1},"best":9,"tags":["y","z"],"name":"Bea","mine":2,"junk":1}}`)
	before := b.resolve(phone).ID
	old := openTab(t, phone)
	planted := phone.twin(t)
	l := b.login(phone, combine)
	if l.ID != home || !slices.Equal(l.Kept, []string{"best", "cart", "mine", "name", "tags"}) || len(l.Combined) != 5 || l.Combined[3].How != "theirs" {
		t.Errorf("the login of the phone: %+v", l)
	}
	combined := map[string]string{"cart": `{"a":5,"b":2,"c":1}`, "best": "9", "tags": `["x","y","z"]`, "name": `"Ann"`, "mine": "2"}
	holdsJust(t, b.resolve(phone), combined)
	holdsJust(t, b.resolve(laptop), combined)
	if f := want(t, watching, "change"); f.By != "api" || string(f.Set["cart"]) != combined["cart"] {
		t.Errorf("the laptop was told %s", f.text)
	}
	if bye := old.goes(t, 4001, "rotated"); bye.Into != home {
		t.Errorf("the phone's tab is told %s", bye.text)
	}
	b.do("GET", "/v1/sessions/"+before, "").want(404, "no_such_session")

	// The same call again, with the old cookie as a retry has it, and with the new one.
	b.do("POST", "/v1/sessions/"+before+"/login", combine, "Cookie", planted.cookie()).want(409, "stale_cookie")
	b.do("POST", "/v1/sessions/"+home+"/login", combine, "Cookie", planted.cookie()).want(409, "stale_cookie")
	replaced, cookie := openTab(t, phone), phone.cookie()
	again := b.login(phone, combine)
	if phone.cookie() == cookie || again.Device == l.Device || again.ID != home || len(again.Combined) != 0 || again.Version != l.Version {
		t.Errorf("a second login of a device that is in: %+v", again)
	}
	if bye := replaced.goes(t, 4001, "rotated"); bye.Into != "" {
		t.Errorf("the tab of the phone's old cookie is told %s", bye.text)
	}
	b.do("POST", "/v1/sessions/"+home+"/login", combine, "Cookie", cookie).want(409, "stale_cookie")
	holdsJust(t, b.resolve(phone), combined)
	if all := b.list("u"); len(all) != 1 || len(all[0].Devices) != 2 {
		t.Errorf("the user has %+v", all)
	}
}

func TestAnotherUserGetsNothingOfTheFirst(t *testing.T) {
	p, b := startWithAPI(t, t.TempDir())
	v := visitor(t, p, `{"set":{"cart":1}}`)
	first := b.login(v, `{"user":"ann"}`)
	tb := openTab(t, v)
	second := b.login(v, `{"user":"bob"}`)
	if second.ID == first.ID || second.Version != 0 || len(second.Kept) != 0 {
		t.Errorf("%+v after %+v", second, first)
	}
	tb.goes(t, 4001, "rotated")
	holdsJust(t, b.resolve(v), map[string]string{})
	if len(b.list("ann")) != 0 || len(b.list("bob")) != 1 {
		t.Errorf("ann %+v, bob %+v", b.list("ann"), b.list("bob"))
	}
}

func TestADeviceIsNamedWhereThereIsNoCookie(t *testing.T) {
	p, b := startWithAPI(t, t.TempDir())
	one, two := newBrowser(t, p.addr), newBrowser(t, p.addr)
	for _, v := range []*browser{one, two} {
		v.session()
		b.login(v, `{"user":"u","shared":true}`)
	}
	id := b.resolve(one).ID
	for _, verb := range []string{"login", "rotate", "logout"} {
		body := map[string]string{"login": `{"user":"u"}`}[verb]
		b.do("POST", "/v1/sessions/"+id+"/"+verb, body).want(400, "bad_request")
		named := map[string]string{"login": `{"user":"u","device":`}[verb]
		if named == "" {
			named = `{"device":`
		}
		b.do("POST", "/v1/sessions/"+id+"/"+verb, named+`"0000000000000000"}`).want(404, "no_such_session")
		for _, bad := range []string{`"x"`, `"` + id + `"`, `7`, `"0000000000000000\n"`} {
			b.do("POST", "/v1/sessions/"+id+"/"+verb, named+bad+`}`).want(400, "bad_request")
		}
	}
	tab1, tab2 := openTab(t, one), openTab(t, two)
	var l login
	b.do("POST", "/v1/sessions/"+id+"/rotate", `{"device":"`+b.resolve(two).Device+`"}`).want(200).into(&l)
	tab2.goes(t, 4001, "rotated")
	two.take(l.SetCookie)
	if b.resolve(two).Device != l.Device {
		t.Error("the cookie that was answered is not the device's")
	}
	b.revoke(id, b.resolve(one).Device)
	tab1.goes(t, 4002, "logged_out")
	b.do("POST", "/v1/sessions/"+id+"/rotate", "").want(200) // now there is one
}

func TestABackendWritesOnceAtAVersion(t *testing.T) {
	p, b := startWithAPI(t, t.TempDir())
	v, other := newBrowser(t, p.addr), visitor(t, p, `{"set":{"a":1}}`)
	v.session()
	w := b.resolve(v)
	if w.Version != 0 || len(w.Data) != 0 || w.User != "" {
		t.Errorf("before anything is written: %+v", w)
	}
	path := "/v1/sessions/" + w.ID
	b.do("GET", path, "").want(404, "no_such_session")
	b.do("POST", path, `{"set":{"_p":1}}`).want(404, "no_such_session")
	b.do("POST", path, `{"set":{"_p":1}}`, "Cookie", other.cookie()).want(404, "no_such_session")
	b.do("POST", path, `{"set":{"_p":1}}`, "Cookie", v.cookie()).want(200)
	holdsJust(t, b.resolve(v), map[string]string{"_p": "1"})
	if s, err := v.session(); err != nil || len(s.Data) != 0 || s.Version != 1 {
		t.Errorf("the browser sees %+v %v", s, err)
	}
	once := []string{"Idempotency-Key", clientID + ":1", "If-Match", `"` + w.ID + `:1"`}
	b.do("POST", path, `{"incr":{"n":1}}`, once...).want(200)
	var again struct{ Duplicate bool }
	b.do("POST", path, `{"incr":{"n":1}}`, once...).want(200).into(&again)
	if !again.Duplicate {
		t.Error("it is not told that it was applied before")
	}
	b.do("POST", path, `{"incr":{"n":1}}`, "If-Match", `"1"`).want(412, "conflict")
	b.do("POST", path, `{"incr":{"n":1}}`, "If-Match", `"00000000000000000000000000000000:2"`).want(412, "conflict")
	b.do("POST", path, `{"clear":true,"set":{"left":1}}`).want(200)
	holdsJust(t, b.resolve(v), map[string]string{"left": "1"})
}

// Users are named as the app names them. What is a path to others is a name here.
func TestUsersHaveOddNames(t *testing.T) {
	p, b := startWithAPI(t, t.TempDir())
	for _, user := range []string{"a/b", "..", ".", "é 漢", "a%2Fb", "a b+c?d#e", "ann@example.org", "urn:x:1;v=2", "%", `"quoted"\`, "sessions", "日"} {
		v := visitor(t, p, `{"set":{"a":1}}`)
		body := `{"user":` + string(mustJSON(user)) + `}`
		b.login(v, body)
		all := b.list(user)
		if len(all) != 1 || b.resolve(v).User != user {
			t.Errorf("%q has %+v", user, all)
			continue
		}
		if got := b.do("GET", "/auth", "", "Cookie", v.cookie()).header.Get("X-Session-User"); got != user {
			t.Errorf("/auth says %q, want %q", got, user)
		}
		b.do("DELETE", "/v1/users/"+url.PathEscape(user)+"/sessions", "").want(204)
		b.do("POST", "/v1/resolve", "", "Cookie", v.cookie()).want(404)
	}
	v := visitor(t, p, `{"set":{"a":1}}`)
	for _, user := range []string{"", " bob", "bob ", "a\nb", "\u0000", "\u0085", "\u00a0bob", string(make([]byte, 257))} {
		b.do("POST", "/v1/sessions/"+b.resolve(v).ID+"/login", `{"user":`+string(mustJSON(user))+`}`, "Cookie", v.cookie()).want(400, "bad_request")
	}
}
