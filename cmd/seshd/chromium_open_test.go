package main

import (
	"context"
	"fmt"
	"slices"
	"testing"

	"github.com/chromedp/cdproto/network"
	cdppage "github.com/chromedp/cdproto/page"
	"github.com/chromedp/chromedp"
)

// TestOpeningTabs is how pages find their session, whatever else the browser does at that moment.
func TestOpeningTabs(t *testing.T) {
	chromium := startChromium(t)
	t.Run("eight at once share one session", func(t *testing.T) { eightTabsAtOnce(t, chromium) })
	t.Run("a hung one stops nobody", func(t *testing.T) { hungTab(t, chromium) })
	t.Run("opened twice, as React does, it is one tab", func(t *testing.T) { openedTwice(t, chromium) })
}

func eightTabsAtOnce(t *testing.T, chromium context.Context) {
	p := start(t, t.TempDir(), withoutLimits()...)
	const (
		rounds = 4
		count  = 8
	)
	begun := map[string]int{}
	for round := range rounds {
		t.Run(fmt.Sprint(round), func(t *testing.T) {
			first := newcomer(t, chromium, "http://"+p.addr)
			tabs := []*page{first}
			for range count - 1 {
				tabs = append(tabs, first.another(t, "http://"+p.addr))
			}
			for _, tab := range tabs { // each has the client loaded, and begins when it is told to
				evaluate[bool](t, tab, `import("/seshd.js").then((m) => {
					window.begun = new Promise((yes) => {
						new BroadcastChannel("begin").onmessage = () => { window.s = m.open(); yes(s.ready); };
					});
					return true;
				})`)
			}
			jar, err := chromedp.Call(first.ctx, network.GetCookies, network.GetCookiesParams{})
			if err != nil || len(jar.Cookies) > 0 {
				t.Fatalf("%v, and a fresh visitor has %d cookies", err, len(jar.Cookies))
			}
			first.does(t, `new BroadcastChannel("begin").postMessage(0)`)
			for _, tab := range tabs {
				begun[evaluate[string](t, tab, `begun.then(() => s.id)`)]++
				tab.knows(t, fmt.Sprintf(`status == "live" && tabs == %d`, count))
			}
			evaluate[int](t, first, `s.set("fruit", "cherries").then((w) => w.version)`)
			for _, tab := range tabs {
				tab.knows(t, `data.fruit == "cherries"`)
			}
		})
	}
	if len(begun) != rounds {
		t.Errorf("%d visitors with %d tabs each began %d sessions: %v", rounds, count, len(begun), begun)
	}
}

// hungTab: a tab takes the lock under which sessions are begun, and then never runs again.
func hungTab(t *testing.T, chromium context.Context) {
	p := start(t, t.TempDir())
	hung := newcomer(t, chromium, "http://"+p.addr)
	evaluate[bool](t, hung, `new Promise((yes) => navigator.locks.request("seshd", () => new Promise(() => yes(true))))`)
	if _, err := chromedp.Call(hung.ctx, cdppage.SetWebLifecycleState, cdppage.SetWebLifecycleStateParams{State: cdppage.SetWebLifecycleStateStateFrozen}); err != nil {
		t.Fatal(err)
	}
	one, two := hung.another(t, "http://"+p.addr), hung.another(t, "http://"+p.addr)
	for _, tab := range []*page{one, two} {
		runClient(t, tab)
		tab.knows(t, `status == "live"`)
	}
	if still := evaluate[int](t, one, `navigator.locks.query().then((q) => q.held.filter((l) => l.name == "seshd").length)`); still != 1 {
		t.Errorf("the lock is held %d times: this showed nothing", still)
	}
	evaluate[int](t, one, `s.set("fruit", "cherries").then((w) => w.version)`)
	two.knows(t, `data.fruit == "cherries" && tabs == 2`)
}

// openedTwice opens, closes and opens again at once, as React's strict mode runs effects, at each step on the way to a connection.
func openedTwice(t *testing.T, chromium context.Context) {
	p := start(t, t.TempDir())
	one := liveNewcomer(t, chromium, "http://"+p.addr)
	evaluate[bool](t, one, `(async () => {
		const { open } = await import("/seshd.js");
		const until = (c, status) => new Promise((yes) => {
			const check = () => c.getSnapshot().status == status && yes();
			c.subscribe(check);
			check();
		});
		const moments = [
			() => {},
			() => Promise.resolve(),
			(c) => c.ready, // the socket is under way
			(c) => until(c, "live"),
			(c) => until(c, "live").then(() => { c.incr("n").catch(() => {}); }),
		];
		window.kept = [];
		window.gone = [];
		for (const moment of moments)
			for (let i = 0; i < 3; i++) {
				const first = open();
				first.ready.catch(() => {});
				await moment(first);
				first.close();
				gone.push(first);
				kept.push(open());
			}
		await Promise.all(kept.map((c) => c.ready));
		return true;
	})()`)
	one.knows(t, `status == "live" && tabs == 16`)
	if statuses := evaluate[[]string](t, one, `[...new Set(gone.map((c) => c.getSnapshot().status))]`); !slices.Equal(statuses, []string{"closed"}) {
		t.Errorf("the closed ones are %q", statuses)
	}
	one.does(t, `kept.forEach((c) => c.close())`)
	one.knows(t, `tabs == 1`)
	if n := evaluate[int](t, one, `fetch("/session/tabs").then((r) => r.json()).then((tabs) => tabs.length)`); n != 1 {
		t.Errorf("the server counts %d tabs", n)
	}
}
