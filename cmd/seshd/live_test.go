package main

import (
	"fmt"
	"net/http"
	"regexp"
	"syscall"
	"testing"

	"github.com/chromedp/cdproto/input"
	"github.com/chromedp/cdproto/network"
	"github.com/chromedp/chromedp"
	"github.com/chromedp/chromedp/kb"
)

// liveView is the live view in a real browser, beside another program of the same visitor and the app's backend.
type liveView struct {
	*page
	server  *process
	visitor *browser
	backend *backend
}

// openLiveView starts a server with these settings, and opens its live view.
func openLiveView(t *testing.T, settings ...string) *liveView {
	t.Helper()
	p, backend := startWithAPI(t, t.TempDir(), settings...)
	visitor := newBrowser(t, p.addr)
	if _, err := visitor.session(); err != nil {
		t.Fatal(err)
	}
	chromium := startChromium(t)
	for _, c := range visitor.http.Jar.Cookies(visitor.url()) {
		cookie := network.SetCookieParams{Name: c.Name, Value: c.Value, URL: visitor.url().String()}
		if _, err := chromedp.Call(chromium, network.SetCookie, cookie); err != nil {
			t.Fatal(err)
		}
	}
	v := &liveView{openPage(t, chromium, "http://"+p.addr+"/live"), p, visitor, backend}
	v.comesTo(t, `text("#status") === "live"`)
	return v
}

// post writes over HTTP, from outside of the page, and waits until the page has it: two changes at once may come as one.
func (v *liveView) post(t *testing.T, mutation string) {
	t.Helper()
	s, err := v.visitor.post(mutation, "")
	if err != nil {
		t.Fatal(err)
	}
	v.comesTo(t, fmt.Sprintf(`text("#version") === "%d"`, s.Version))
}

// presses sends keys as a keyboard does: a page that consumes a key gets no character from it, so both are one event.
// (chromedp.KeyEvent sends two.) The names of keys without a letter are in package kb.
func (p *page) presses(t *testing.T, keys string) {
	t.Helper()
	for _, r := range keys {
		events := kb.Encode(r)
		down, up := events[0], events[len(events)-1]
		if len(events) == 3 {
			down.Text = events[1].Text
		}
		for _, event := range []*input.DispatchKeyEventParams{down, up} {
			if _, err := chromedp.Call(p.ctx, input.DispatchKeyEvent, *event); err != nil {
				t.Fatal(err)
			}
		}
	}
}

// tabsTo presses the Tab key until an element has the focus.
func (p *page) tabsTo(t *testing.T, selector string) {
	t.Helper()
	const most = 100 // more than the page has to stop at
	for range most {
		p.presses(t, kb.Tab)
		if evaluate[bool](t, p, fmt.Sprintf(`document.activeElement.matches(%q)`, selector)) {
			return
		}
	}
	t.Fatalf("%d times Tab do not lead to %s", most, selector)
}

// wroteLast is that the table and the newest line of the timeline name who wrote a key.
func wroteLast(key, by string, version uint64) string {
	return fmt.Sprintf(`text('tr[data-key=%[1]q] .who') === "%[2]s v%[3]d" && document.querySelector('tr[data-key=%[1]q]').classList.contains("flash")
		&& document.querySelector("#timeline li").dataset.by === %[2]q && text("#timeline li .version") === "v%[3]d"`, key, by, version)
}

func TestTheLiveViewNamesWhoWrote(t *testing.T) {
	v := openLiveView(t)
	v.click(t, cherriesButton)
	v.comesTo(t, wroteLast("fruit", "you", 1))
	v.post(t, `{"set":{"fruit":"plums"}}`)
	v.comesTo(t, wroteLast("fruit", "http", 2))
	if err := openTab(t, v.visitor).send(`{"incr":{"visits":1}}`); err != nil {
		t.Fatal(err)
	}
	v.comesTo(t, wroteLast("visits", "tab", 3))
	v.visitor.do(t, http.MethodGet, "/blueberries", "").want(http.StatusOK)
	v.comesTo(t, wroteLast("fruit", "code", 4))
	id := v.backend.resolve(v.visitor).ID
	v.backend.do(http.MethodPost, "/v1/sessions/"+id, `{"set":{"plan":"gold"}}`).want(http.StatusOK)
	v.comesTo(t, wroteLast("plan", "api", 5))

	// A private key is told to nobody; that the version rose is.
	v.backend.do(http.MethodPost, "/v1/sessions/"+id, `{"set":{"_secret":"pit"}}`).want(http.StatusOK)
	v.comesTo(t, `text("#version") === "6" && text("#timeline li .what") === "nothing a tab may see"`)
	if evaluate[bool](t, v.page, `/_secret|pit"/.test(document.documentElement.innerHTML)`) {
		t.Error("the page shows a private key")
	}

	// A write that changes nothing is told the version of another's, which does not make that ours.
	v.click(t, blueberriesButton)
	v.click(t, cherriesButton)
	v.comesTo(t, wroteLast("fruit", "you", 7))
}

func TestTheLiveViewMeasuresItsWrites(t *testing.T) {
	v := openLiveView(t)
	v.comesTo(t, `text("#round-trip") === "none yet"`)
	v.click(t, cherriesButton)
	v.comesTo(t, `/^[\d.]+ ms$/.test(text("#round-trip"))`)

	// A server that stands still for a while is seen in it.
	const still = 300
	v.server.signal(t, syscall.SIGSTOP)
	v.click(t, blueberriesButton)
	v.comesTo(t, `text("#pending") === "1"`)
	evaluate[bool](t, v.page, fmt.Sprintf(`new Promise((yes) => setTimeout(yes, %d, true))`, still))
	v.server.signal(t, syscall.SIGCONT)
	v.comesTo(t, fmt.Sprintf(`text("#pending") === "0" && parseFloat(text("#round-trip")) >= %d`, still))
}

func TestTheLiveViewMeasuresItsWritesWithoutWebSockets(t *testing.T) {
	front := newBlockade(t, start(t, t.TempDir()).addr)
	page := openPage(t, startChromium(t), front.URL+"/live")
	page.comesTo(t, `text("#status") === "live" && text("#timeline").includes("Connected to the session at version 0")`)
	page.click(t, cherriesButton)
	page.comesTo(t, `text("#pending") === "0" && text("#version") === "1" && /^[\d.]+ ms$/.test(text("#round-trip"))`)
	page.comesTo(t, `/^.*event stream, since \d\d:\d\d:\d\d$/.test(text("#tab-list li"))`)
}

func TestTheLiveViewListsTheTabs(t *testing.T) {
	v := openLiveView(t)
	v.comesTo(t, `document.querySelectorAll("#tab-list li").length === 1 && /^This tabup to date.*WebSocket, since/.test(text("#tab-list li"))`)
	slow := openSlowTab(t, v.visitor)
	v.comesTo(t, `document.querySelectorAll("#tab-list li").length === 2 && text("#tab-list li:not([aria-current]) .name") === "slow"`)

	// What fills the connection of one that does not read leaves it behind; what it reads then brings it back.
	const size = 60_000
	for i := range 200 {
		v.post(t, fmt.Sprintf(`{"set":{"value":"%d %0*d"}}`, i, size, 0))
	}
	v.comesTo(t, `/^\d+ versions? behind$/.test(text("#tab-list li:not([aria-current]) .behind"))`)
	v.comesTo(t, `text("#tab-list li[aria-current] .level") === "up to date"`)
	for slow.version < 200 {
		if _, err := slow.next(); err != nil {
			t.Fatal(err)
		}
	}
	v.comesTo(t, `text("#tab-list li:not([aria-current]) .level") === "up to date"`)
	slow.conn.Close()
	v.comesTo(t, `document.querySelectorAll("#tab-list li").length === 1`)
}

func TestTheLiveViewNamesPrograms(t *testing.T) {
	v := openLiveView(t)
	w := wscat(t, "-H", "Cookie: "+v.visitor.cookie(), "-c", "ws://"+v.server.addr+"/ws")
	w.sees(t, "session")
	second := openPage(t, v.ctx, "http://"+v.server.addr+"/live")
	second.comesTo(t, `document.querySelectorAll("#tab-list li").length === 3`)
	names := evaluate[[]string](t, second, `[...document.querySelectorAll("#tab-list .name")].map((name) => name.textContent)`)
	chrome := regexp.MustCompile(`^Chrome \d+ on Linux$`)
	if len(names) != 3 || !chrome.MatchString(names[0]) || names[1] != "A program" || names[2] != "This tab" {
		t.Errorf("the tabs are called %q", names)
	}
	w.ends(t)
}
