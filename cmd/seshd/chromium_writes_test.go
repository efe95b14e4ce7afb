package main

import (
	"context"
	"fmt"
	"syscall"
	"testing"

	"github.com/chromedp/cdproto/cdp"
	"github.com/chromedp/cdproto/network"
	"github.com/chromedp/chromedp"
)

// TestWritesOfAPage is what becomes of a write that is refused, or made while there is no network.
func TestWritesOfAPage(t *testing.T) {
	chromium := startChromium(t)
	t.Run("a refused one is taken back", func(t *testing.T) { refusedWrites(t, chromium) })
	t.Run("a hundred wait for the network", func(t *testing.T) { writesOffline(t, chromium) })
	t.Run("none gets into another session", func(t *testing.T) { writesForAnotherSession(t, chromium) })
	t.Run("a login keeps them", func(t *testing.T) { writesOverALogin(t, chromium) })
}

func refusedWrites(t *testing.T, chromium context.Context) {
	p := start(t, t.TempDir(), "--max-session-bytes=200", "--tab-write=fruit,visits")
	one := liveNewcomer(t, chromium, "http://"+p.addr)
	two := one.another(t, "http://"+p.addr)
	runClient(t, two)
	two.does(t, `window.seen = new Set(); s.subscribe(() => seen.add(s.getSnapshot().data.fruit?.length ?? 0))`)
	evaluate[int](t, one, `s.set("fruit", "cherries").then((w) => w.version)`)

	for _, refused := range []struct{ write, shown, code, says string }{
		{`s.set("fruit", "x".repeat(300))`, `data.fruit.length == 300`, "too_large", "200"},
		{`s.set("price", 1)`, `data.price == 1`, "forbidden_key", "price"},
		{`s.apply({set: {fruit: "plums"}, if_version: 99})`, `data.fruit == "plums"`, "conflict", "version"},
	} {
		// In one go with a good one behind it, which stays.
		one.does(t, `const refused = `+refused.write+`;
			window.written = [s.incr("visits")];
			const { data, pending } = s.getSnapshot();
			window.shown = `+refused.shown+` && pending == 2;
			window.reason = refused.then(() => { throw "written"; }, (e) => e)`)
		if !evaluate[bool](t, one, `shown`) {
			t.Errorf("%s does not show at once", refused.write)
		}
		why := evaluate[string](t, one, `reason.then((e) => e instanceof Error ? e.code : String(e))`)
		says := evaluate[bool](t, one, fmt.Sprintf(`reason.then((e) => e.message.includes(%q))`, refused.says))
		if why != refused.code || !says {
			t.Errorf("%s: %s, its message names %s: %v", refused.write, why, refused.says, says)
		}
		wantAll(t, one.outcomes(t), 1, "fulfilled")
		one.knows(t, `data.fruit == "cherries" && !("price" in data) && pending == 0`)
	}
	for _, page := range []*page{one, two} {
		page.knows(t, `data.visits == 3 && data.fruit == "cherries" && version == 4`)
		if rest := page.complaints("favicon"); len(rest) > 0 {
			t.Errorf("errors in the console: %q", rest)
		}
	}
	if seen := evaluate[[]int](t, two, `[...seen].filter((n) => n != 0 && n != 8)`); len(seen) > 0 {
		t.Errorf("the other page saw refused fruit of lengths %v", seen)
	}
}

func writesOffline(t *testing.T, chromium context.Context) {
	p := start(t, t.TempDir(), withoutLimits()...)
	line := newCable(t, p.addr)
	one := liveNewcomer(t, chromium, line.url())
	two := one.another(t, "http://"+p.addr) // by another way
	runClient(t, two)
	two.knows(t, `status == "live"`)

	// The first are sent and not answered, as the server stands still; nobody knows whether they arrived.
	p.signal(t, syscall.SIGSTOP)
	one.does(t, `window.written = Array.from({length: 3}, (_, i) => s.append("log", [i]))`)
	line.pull()
	p.signal(t, syscall.SIGCONT)
	one.knows(t, `status != "live"`)
	one.does(t, `for (let i = 3; i < 100; i++) written.push(s.append("log", [i]))`)
	if code := evaluate[string](t, one, `s.append("log", [100]).then(() => "written", (e) => e.code)`); code != "queue_full" {
		t.Errorf("the 101st: %s", code)
	}
	one.knows(t, `pending == 100 && data.log.length == 100`)
	two.does(t, `window.seen = []; s.on("change", (c) => seen.push(s.getSnapshot().data.log.length))`)

	line.plug()
	wantAll(t, one.outcomes(t), 100, "fulfilled")
	for _, page := range []*page{one, two} {
		// A write that had arrived twice would have made one more version.
		page.knows(t, `version == 100 && pending == 0 && data.log.every((v, i) => v == i) && data.log.length == 100`)
	}
	if !evaluate[bool](t, two, `seen.every((n, i) => n > (seen[i - 1] ?? -1))`) {
		t.Error("the other page saw the log get shorter")
	}
}

// offlineWrites cuts a visitor's page off and lets it write.
func offlineWrites(t *testing.T, line *cable, p *page) {
	t.Helper()
	line.pull()
	p.knows(t, `status != "live"`)
	p.does(t, `window.written = [s.set("typed", "offline"), s.incr("n"), s.incr("n")]`)
	p.knows(t, `pending == 3 && data.typed == "offline"`)
}

func writesForAnotherSession(t *testing.T, chromium context.Context) {
	p := start(t, t.TempDir(), withoutLimits()...)
	line := newCable(t, p.addr)
	for name, change := range map[string]func(t *testing.T, p *page){
		"the first was ended": func(t *testing.T, p *page) {
			evaluate[int](t, p, `fetch("/session", {method: "DELETE"}).then((r) => r.status)`)
		},
		"the cookies were cleared": func(t *testing.T, p *page) {
			if _, err := chromedp.Call(p.ctx, network.ClearBrowserCookies, cdp.Empty{}); err != nil {
				t.Fatal(err)
			}
		},
	} {
		t.Run(name, func(t *testing.T) {
			one := liveNewcomer(t, chromium, line.url())
			evaluate[int](t, one, `s.set("fruit", "cherries").then((w) => w.version)`)
			two := one.another(t, "http://"+p.addr)
			offlineWrites(t, line, one)
			old := evaluate[string](t, one, `s.id`)
			change(t, two)
			runClient(t, two)
			evaluate[int](t, two, `s.set("fruit", "plums").then((w) => w.version)`)
			line.plug()
			wantAll(t, one.outcomes(t), 3, "other_session")
			for _, page := range []*page{one, two} {
				page.knows(t, `status == "live" && version == 1 && tabs == 2 && data.fruit == "plums" && Object.keys(data).length == 1 && pending == 0`)
			}
			if now, theirs := evaluate[string](t, one, `s.id`), evaluate[string](t, two, `s.id`); now == old || now != theirs {
				t.Errorf("the page was on session %s, is on %s, and the browser's is %s", old, now, theirs)
			}
			evaluate[int](t, one, `s.incr("n").then((w) => w.version)`)
			two.knows(t, `data.n == 1`)
		})
	}
}

func writesOverALogin(t *testing.T, chromium context.Context) {
	_, p, url := serveShop(t)
	line := newCable(t, p.addr)
	login := `fetch("/login", {method: "POST", body: new URLSearchParams({user: "u42"})}).then((r) => r.status)`
	// The user's session is there already, from another device.
	phone := openPage(t, chromium, url, chromedp.WithNewBrowserContext())
	phone.knows(t, `status == "live"`)
	evaluate[int](t, phone, `s.merge({cart: {cherries: 1}}).then((w) => w.version)`)
	evaluate[int](t, phone, login)

	one := openPage(t, chromium, line.url(), chromedp.WithNewBrowserContext())
	one.knows(t, `status == "live"`)
	evaluate[int](t, one, `s.merge({cart: {cherries: 2}}).then((w) => w.version)`)
	two := openPage(t, one.ctx, url)
	two.knows(t, `status == "live" && data.cart`)
	offlineWrites(t, line, one)
	if status := evaluate[int](t, two, login); status != 200 {
		t.Fatalf("login: %d", status)
	}
	line.plug()
	wantAll(t, one.outcomes(t), 3, "fulfilled")
	for _, page := range []*page{one, two, phone} {
		page.knows(t, `status == "live" && data.cart.cherries == 3 && data.n == 2 && data.typed == "offline" && pending == 0`)
	}
	if mine, users := evaluate[string](t, one, `s.id`), evaluate[string](t, phone, `s.id`); mine != users {
		t.Errorf("the page is on session %s, the user's is %s", mine, users)
	}
}
