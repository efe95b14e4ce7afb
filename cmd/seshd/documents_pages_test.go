package main

import (
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/chromedp/chromedp"
	"github.com/google/go-cmp/cmp"
)

// What runs in a browser.

func (r *reader) runsInTheConsole(t *testing.T, text string) {
	live := r.visitor(t, "http://"+r.addr+"/live")
	console[chromedp.Void](t, live.ctx, text)
	type snapshot struct {
		Data    map[string]any
		Status  string
		Version uint64
	}
	got := console[snapshot](t, live.ctx, "s.getSnapshot()")
	want := map[string]any{"fruit": "cherries", "visits": 1.0, "log": []any{"hello"}, "note": "!", "paid": true}
	if diff := cmp.Diff(want, got.Data); diff != "" || got.Status != "live" || got.Version != 6 {
		t.Errorf("%s at version %d, %s", got.Status, got.Version, diff)
	}
	live.comesTo(t, `text("#fruit") == "cherries"`) // so does the page itself
}

func (r *reader) runsOnAnotherOrigin(t *testing.T, text string) {
	page := httptest.NewServer(nil)
	defer page.Close()
	_, port, _ := net.SplitHostPort(page.Listener.Addr().String())
	origin := "http://localhost:" + port
	p := start(t, t.TempDir(), "--allowed-origins", origin)
	server := localhost(p.addr)
	text = strings.ReplaceAll(text, r.addr, server)
	page.Config.Handler = http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "text/html")
		fmt.Fprint(w, text)
	})

	mine := r.visitor(t, origin)
	mine.comesTo(t, `text("output") == "none yet"`)
	mine.click(t, "button")
	mine.comesTo(t, `text("output") == "cherries"`)        // at once
	p.logged(t, "session begun")                           // by that write: until then another page would begin a session of its own
	openPage(t, mine.ctx, "http://"+server+"/blueberries") // the same session, from the server's own page
	mine.comesTo(t, `text("output") == "blueberries"`)
}

func (r *reader) writesThePage(t *testing.T, text string) {
	r.write(t, "page.html", text)
}

func (r *reader) runsThePage(t *testing.T, text string) {
	app := r.begin(t, r.dir, r.secondTerminal(t, text))
	app.untilListening(t, r.app)
	one := r.visitor(t, "http://"+r.addr+"/page.html")
	other := openPage(t, one.ctx, "http://"+r.addr+"/page.html")
	one.click(t, "button")
	one.comesTo(t, `text("output") == "1"`)
	other.comesTo(t, `text("output") == "1"`)
	other.click(t, "button")
	one.comesTo(t, `text("output") == "2"`)
}

func (r *reader) runsInAnotherConsole(t *testing.T, text string) {
	live := r.visitor(t, "http://"+r.addr+"/live")
	console[chromedp.Void](t, live.ctx, text)
	if refused := console[string](t, live.ctx, "refused"); refused != "forbidden_key" {
		t.Errorf("a private key is %q", refused)
	}
	got := console[map[string]any](t, live.ctx, "s.getSnapshot().data")
	want := map[string]any{"cart": map[string]any{"plums": 1.0}, "note": "written while offline"}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}

// visitor opens a page in a browser that has no cookie yet.
func (r *reader) visitor(t *testing.T, url string) *page {
	t.Helper()
	return openPage(t, r.chromium, url, chromedp.WithNewBrowserContext())
}
