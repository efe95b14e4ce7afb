package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// shop is a web shop's backend behind seshd --app: one page, and a form that registers or logs in.
type shop struct {
	*httptest.Server
	api, key string // of seshd's server API, once that runs
}

const shopPage = `<!doctype html><title>shop</title>
<p>cart <b id=cart></b> typed <b id=typed></b> tabs <b id=tabs></b> status <b id=status></b>
<script type=module>
import { open } from "/seshd.js";
const s = (window.s = open());
const put = (id, v) => (document.getElementById(id).textContent = v);
const show = () => {
	const { data, status, tabs } = s.getSnapshot();
	put("cart", JSON.stringify(Object.fromEntries(Object.entries(data.cart ?? {}).sort())));
	put("typed", data.typed ?? 0), put("tabs", tabs), put("status", status);
};
s.subscribe(show), show();
</script>`

func openShop(t *testing.T) *shop {
	s := &shop{}
	routes := http.NewServeMux()
	routes.HandleFunc("GET /", func(w http.ResponseWriter, r *http.Request) { fmt.Fprint(w, shopPage) })
	routes.HandleFunc("POST /login", func(w http.ResponseWriter, r *http.Request) {
		s.relay(t, w, r, "login", map[string]any{"user": r.FormValue("user"), "shared": true, "combine": map[string]string{"cart": "sum", "cart.cherries": "sum"}})
	})
	routes.HandleFunc("POST /logout", func(w http.ResponseWriter, r *http.Request) { s.relay(t, w, r, "logout", map[string]any{}) })
	s.Server = httptest.NewServer(routes)
	t.Cleanup(s.Close)
	return s
}

// relay asks seshd to do something about the visitor's session, and gives the browser the cookies that come of it.
func (s *shop) relay(t *testing.T, w http.ResponseWriter, r *http.Request, verb string, body map[string]any) {
	text, _ := json.Marshal(body)
	request, _ := http.NewRequest("POST", "http://"+s.api+"/v1/sessions/"+r.Header.Get("X-Session-Id")+"/"+verb, bytes.NewReader(text))
	request.Header = http.Header{"Authorization": {"Bearer " + s.key}, "Content-Type": {"application/json"}, "Cookie": r.Header["Cookie"]}
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		t.Error(err)
		return
	}
	var answer struct {
		Cookies []string `json:"set_cookie"`
	}
	if err := decode(response, &answer); err != nil {
		t.Errorf("%s: %v", verb, err)
	}
	w.Header()["Set-Cookie"] = answer.Cookies
}

// serveShop starts seshd in front of the shop.
func serveShop(t *testing.T, flags ...string) (*shop, *process, string) {
	s, data := openShop(t), t.TempDir()
	p := start(t, data, append(flags, "--app", s.URL)...)
	key, err := os.ReadFile(filepath.Join(data, "api-key"))
	if err != nil {
		t.Fatal(err)
	}
	s.api, s.key = p.internal, strings.TrimSpace(string(key))
	return s, p, "http://" + p.addr + "/"
}

func visitShop(t *testing.T, chromium context.Context, url string) *page {
	p := openPage(t, chromium, url)
	p.comesTo(t, `text("#status") == "live"`)
	return p
}

func cartIs(cart string) string { return fmt.Sprintf(`text("#cart") == %q`, cart) }

// TestTheCartComesThroughRegistering is the story that this project comes from, with its happy end: a visitor fills a cart in
// several tabs, registers while still typing, and loses nothing; logs in on another device and finds both carts there.
func TestTheCartComesThroughRegistering(t *testing.T) {
	_, _, url := serveShop(t)
	phone := startChromium(t)
	tabs := []*page{visitShop(t, phone, url), visitShop(t, phone, url), visitShop(t, phone, url)}
	for _, tab := range tabs {
		tab.comesTo(t, `text("#tabs") == "3"`)
	}
	evaluate[int](t, tabs[0], `s.merge({cart: {cherries: 2}}).then((w) => w.version)`)

	// Each tab types while the first registers. No write may be refused, and none may count twice.
	const strokes = 150
	for i, tab := range tabs {
		evaluate[bool](t, tab, fmt.Sprintf(`(window.typing = (async () => {
			const strokes = [];
			for (let i = 0; i < %d; i++) {
				strokes.push(s.incr("typed"));
				if (%v && i == %d) window.registered = fetch("/login", {method: "POST", body: new URLSearchParams({user: "u42"})});
				await new Promise((yes) => setTimeout(yes, 5));
			}
			return (await Promise.allSettled(strokes)).filter((s) => s.status == "rejected").map((s) => s.reason.code);
		})(), true)`, strokes, i == 0, strokes/3))
	}
	for i, tab := range tabs {
		if refused := evaluate[[]string](t, tab, `typing`); len(refused) > 0 {
			t.Errorf("tab %d: the login cost it %d writes: %v", i, len(refused), refused)
		}
	}
	if status := evaluate[int](t, tabs[0], `registered.then((r) => r.status)`); status != 200 {
		t.Fatalf("registering: %d", status)
	}
	for _, tab := range tabs {
		tab.comesTo(t, fmt.Sprintf(`text("#typed") == "%d" && `, strokes*len(tabs))+cartIs(`{"cherries":2}`))
	}
	id := evaluate[string](t, tabs[0], `s.id`)

	// On the laptop, a guest's cart, then the same user.
	laptop := startChromium(t)
	desk := visitShop(t, laptop, url)
	evaluate[int](t, desk, `s.merge({cart: {cherries: 1, blueberries: 5}}).then((w) => w.version)`)
	guest := evaluate[string](t, desk, `s.id`)
	evaluate[int](t, desk, `fetch("/login", {method: "POST", body: new URLSearchParams({user: "u42"})}).then((r) => r.status)`)
	for _, tab := range append(tabs, desk) {
		tab.comesTo(t, cartIs(`{"blueberries":5,"cherries":3}`))
		tab.comesTo(t, `text("#tabs") == "4"`)
	}
	if now := evaluate[string](t, desk, `s.id`); now != id || now == guest {
		t.Errorf("the laptop's session is %s, it was %s, the phone's is %s", now, guest, id)
	}
	evaluate[int](t, tabs[2], `s.merge({cart: {plums: 1}}).then((w) => w.version)`)
	for _, tab := range append(tabs, desk) {
		tab.comesTo(t, cartIs(`{"blueberries":5,"cherries":3,"plums":1}`))
	}

	// A second click on the button gives a new cookie, and changes nothing else: the tab comes back with it.
	evaluate[bool](t, desk, `(window.byes = [], s.on("bye", (bye) => byes.push(bye.code)), true)`)
	evaluate[int](t, desk, `fetch("/login", {method: "POST", body: new URLSearchParams({user: "u42"})}).then((r) => r.status)`)
	evaluate[int](t, desk, `s.merge({cart: {plums: 2}}).then((w) => w.version)`)
	tabs[0].comesTo(t, cartIs(`{"blueberries":5,"cherries":3,"plums":2}`))
	desk.comesTo(t, `byes[0] == "rotated" && text("#tabs") == "4" && text("#status") == "live"`)

	// The phone logs out: its tabs begin anew, the laptop keeps everything.
	evaluate[int](t, tabs[0], `fetch("/logout", {method: "POST"}).then((r) => r.status)`)
	for _, tab := range tabs {
		tab.comesTo(t, cartIs(`{}`)+` && text("#status") == "live"`)
	}
	desk.comesTo(t, cartIs(`{"blueberries":5,"cherries":3,"plums":2}`)+` && text("#tabs") == "1"`)
	for i, tab := range append(tabs, desk) {
		// The console tells of each answer over 400, which is how a socket hears that a cookie is not here yet.
		if complaints := tab.complaints("409", "401", "404"); len(complaints) > 0 {
			t.Errorf("tab %d complains: %v", i, complaints)
		}
	}
}
