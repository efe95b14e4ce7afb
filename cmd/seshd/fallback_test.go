package main

import (
	"fmt"
	"syscall"
	"testing"

	"github.com/chromedp/cdproto/cdp"
	cdppage "github.com/chromedp/cdproto/page"
	"github.com/chromedp/chromedp"
)

// TestWithoutWebSockets is the life of two windows behind a blockade: what one writes the other sees, also over a death of the
// server. When the blockade is gone, so are the streams.
func TestWithoutWebSockets(t *testing.T) {
	data := t.TempDir()
	p := start(t, data)
	front := newBlockade(t, p.addr)
	chromium := startChromium(t)
	one, two := openPage(t, chromium, front.URL+"/"), openPage(t, chromium, front.URL+"/")
	both := []*page{one, two}
	for _, page := range both {
		runClient(t, page)
	}
	for _, page := range both {
		page.knows(t, `status == "live" && tabs == 2`)
	}
	if ways := transports(t, one); ways != "events events" {
		t.Errorf("tabs by %q", ways)
	}
	evaluate[int](t, one, `s.set("fruit", "cherries").then((w) => w.version)`)
	two.knows(t, `data.fruit == "cherries"`)
	evaluate[int](t, two, `s.update("n", (n = 0) => n + 1).then((w) => w.version)`)
	one.knows(t, `data.n == 1`)
	if code := evaluate[string](t, one, `s.incr("fruit").catch((e) => e.code)`); code != "not_a_number" {
		t.Errorf("a refused write: %q", code)
	}
	one.knows(t, `data.fruit == "cherries" && pending == 0`)

	// The server dies with a write under way, and others are made while there is none.
	p.signal(t, syscall.SIGSTOP)
	evaluate[bool](t, one, `(window.written = [s.incr("n"), s.incr("n")], true)`)
	p.signal(t, syscall.SIGKILL)
	p.exit(t)
	for _, page := range both {
		page.knows(t, `status != "live"`)
	}
	evaluate[bool](t, one, `(written.push(s.append("log", ["one"])), true)`)
	evaluate[bool](t, two, `(window.written = [s.incr("n"), s.append("log", ["two"])], true)`)
	p = start(t, data, "--addr", p.addr)
	for _, page := range both {
		if n := evaluate[int](t, page, `Promise.all(written).then((all) => all.length)`); n < 2 {
			t.Errorf("%d answers", n)
		}
		page.knows(t, `status == "live" && data.n == 4 && data.log.toSorted().join() == "one,two" && pending == 0`)
	}
	if ways := transports(t, one); ways != "events events" {
		t.Errorf("after the restart, tabs by %q", ways)
	}

	front.lift()
	p.signal(t, syscall.SIGTERM)
	if code := p.exit(t); code != 0 {
		t.Errorf("exit %d", code)
	}
	start(t, data, "--addr", p.addr)
	for _, page := range both {
		page.knows(t, `status == "live" && tabs == 2`)
	}
	if ways := transports(t, one); ways != "websocket websocket" {
		t.Errorf("with WebSockets again, tabs by %q", ways)
	}
	front.holds(t, 0)
	for _, page := range both {
		onlyBlocked(t, page)
	}
}

// bringToFront makes a tab the one that is seen in its window.
func bringToFront(t *testing.T, p *page) {
	t.Helper()
	if _, err := chromedp.Call(p.ctx, cdppage.BringToFront, cdp.Empty{}); err != nil {
		t.Fatal(err)
	}
	evaluate[bool](t, p, `new Promise((yes) => {
		const check = () => document.visibilityState == "visible" && yes(true);
		document.addEventListener("visibilitychange", check);
		check();
	})`)
}

// TestEightTabsWithoutWebSockets: eight tabs of one window share the six connections that a browser has over HTTP/1.1. Only the one
// that is seen holds a stream, and each may write.
func TestEightTabsWithoutWebSockets(t *testing.T) {
	const (
		count = 8
		burst = 25
	)
	p := start(t, t.TempDir())
	front := newBlockade(t, p.addr)
	chromium := startChromium(t)
	var tabs []*page
	for range count {
		tab := openPage(t, chromium, front.URL+"/", chromedp.WithNewWindow(false))
		bringToFront(t, tab)
		runClient(t, tab)
		tab.knows(t, `status == "live"`)
		tabs = append(tabs, tab)
		front.holds(t, 1)
	}
	for _, tab := range tabs[:count-1] {
		if hidden := evaluate[bool](t, tab, `document.hidden`); !hidden {
			t.Fatal("this test needs tabs that are hidden")
		}
	}
	tabs[count-1].knows(t, `tabs == 1`)

	// Each in turn is looked at, sees what the others wrote, and writes.
	for i, tab := range tabs {
		bringToFront(t, tab)
		tab.knows(t, fmt.Sprintf(`status == "live" && (data.turns ?? []).length == %d && tabs == 1`, i))
		evaluate[int](t, tab, fmt.Sprintf(`s.append("turns", [%d]).then((w) => w.version)`, i))
		front.holds(t, 1)
	}

	// All at once, seven of them hidden: everything is answered, and there once.
	for i, tab := range tabs {
		evaluate[bool](t, tab, fmt.Sprintf(`(window.written = Array.from({length: %d}, (_, k) => s.apply({incr: {n: 1}, append: {log: ["%d." + k]}})), true)`, burst, i))
	}
	for _, tab := range tabs {
		if n := evaluate[int](t, tab, `Promise.all(written).then((all) => all.length)`); n != burst {
			t.Errorf("%d answers", n)
		}
	}
	all := fmt.Sprintf(`data.n == %d && data.log.length == %[1]d && new Set(data.log).size == %[1]d && data.turns.join() == "0,1,2,3,4,5,6,7" && pending == 0`, count*burst)
	tabs[count-1].knows(t, all)
	order := `Array.from({length: 8}, (_, i) => s.getSnapshot().data.log.filter((x) => x.startsWith(i + ".")).every((x, k) => x == i + "." + k)).every(Boolean)`
	if !evaluate[bool](t, tabs[count-1], order) {
		t.Error("the writes of one tab are out of order")
	}

	// A hidden tab compares and sets, and after its own write shows what there is.
	evaluate[int](t, tabs[0], `s.update("n", (n) => n + 1).then((w) => w.version)`)
	tabs[0].knows(t, fmt.Sprintf(`status == "live" && data.n == %d && data.log.length == %d`, count*burst+1, count*burst))
	front.holds(t, 1)
	if ways := transports(t, tabs[0]); ways != "events" {
		t.Errorf("tabs by %q", ways)
	}
	for _, tab := range tabs {
		bringToFront(t, tab)
		tab.knows(t, fmt.Sprintf(`status == "live" && tabs == 1 && data.n == %d`, count*burst+1))
		onlyBlocked(t, tab)
	}
	front.mu.Lock()
	defer front.mu.Unlock()
	if len(front.posts) != count || front.crowd != 1 {
		t.Errorf("%d clients wrote, and one had %d POSTs under way: want %d, and 1", len(front.posts), front.crowd, count)
	}
	if front.most > 2 { // while one tab takes the place of another
		t.Errorf("%d streams at one time", front.most)
	}
}

// TestManyWindowsWithoutWebSockets: more windows are seen than a browser has connections. Four hold a stream, the others ask now and then,
// and each may write.
func TestManyWindowsWithoutWebSockets(t *testing.T) {
	const (
		count   = 7
		streams = 4
	)
	front := newBlockade(t, start(t, t.TempDir()).addr)
	chromium := startChromium(t)
	var windows []*page
	for i := range count {
		window := openPage(t, chromium, front.URL+"/")
		runClient(t, window)
		window.knows(t, `status == "live"`)
		windows = append(windows, window)
		front.holds(t, min(i+1, streams))
	}
	for i, window := range windows {
		if hidden := evaluate[bool](t, window, `document.hidden`); hidden {
			t.Fatal("this test needs windows that are seen")
		}
		window.does(t, fmt.Sprintf(`window.written = Array.from({length: 10}, (_, k) => s.apply({incr: {n: 1}, append: {log: ["%d." + k]}}))`, i))
	}
	for _, window := range windows {
		wantAll(t, window.outcomes(t), 10, "fulfilled")
	}
	for _, window := range windows {
		window.knows(t, fmt.Sprintf(`status == "live" && data.n == %d && data.log.length == %[1]d && pending == 0`, 10*count))
	}
	front.mu.Lock()
	if front.most > streams {
		t.Errorf("%d streams at one time", front.most)
	}
	front.mu.Unlock()

	// A window that goes makes place for one that had none, which from then on hears at once.
	for _, window := range windows[:count-streams] {
		window.does(t, `s.close()`)
	}
	front.holds(t, streams)
	windows[count-1].knows(t, fmt.Sprintf(`tabs == %d`, streams))
	evaluate[int](t, windows[count-1], `s.incr("n").then((w) => w.version)`)
	for _, window := range windows[count-streams:] {
		window.knows(t, fmt.Sprintf(`status == "live" && data.n == %d`, 10*count+1))
		onlyBlocked(t, window)
	}
}

// TestTheLiveViewWithoutWebSockets: its buttons do what they say there too.
func TestTheLiveViewWithoutWebSockets(t *testing.T) {
	front := newBlockade(t, start(t, t.TempDir()).addr)
	page := openPage(t, startChromium(t), front.URL+"/live")
	page.comesTo(t, `text("#status") === "live" && text("#timeline").includes("Connected to the session at version 0")`)
	page.click(t, cherriesButton)
	page.comesTo(t, shows("cherries", 1, 1))
	page.click(t, "#cut")
	page.comesTo(t, `/Connection lost/.test(text("#timeline")) && /Back after.* at version 1. No WebSocket/.test(text("#timeline")) && text("#status") === "live"`)
	page.click(t, "#offline")
	page.comesTo(t, `text("#status") === "offline"`)
	page.click(t, blueberriesButton)
	page.comesTo(t, `text("#pending") === "1"`)
	page.click(t, "#offline")
	page.comesTo(t, shows("blueberries", 2, 1))
	onlyBlocked(t, page)
}
