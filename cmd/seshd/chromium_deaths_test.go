package main

import (
	"fmt"
	"math/rand/v2"
	"os"
	"slices"
	"syscall"
	"testing"
)

// typist writes in a page until it is told to stop, and keeps what became of each write. Each stroke is one mutation of two parts, so
// that a write that arrives twice, or in part, shows. Without a server it goes on, up to what may wait.
const typist = `
	window.strokes = 0;
	window.answered = 0;
	window.failed = [];
	window.typing = (async () => {
		while (!window.enough) {
			if (s.getSnapshot().pending < 50)
				s.apply({ incr: { typed: 1 }, append: { [me]: [strokes++] } }).then(() => answered++, (e) => failed.push(e.code));
			await new Promise((yes) => setTimeout(yes, 50));
		}
		await s.flush();
	})()`

// TestTabsTypeWhileTheServerIsKilled: eight tabs type, and the server is killed again and again in the middle of it.
func TestTabsTypeWhileTheServerIsKilled(t *testing.T) {
	kills := 5
	if os.Getenv("SESHD_PROVE") != "" {
		kills = 20
	}
	const count = 8
	data, addr := t.TempDir(), freeAddr(t)
	flags := withoutLimits("--addr", addr, "--max-session-bytes=0", "--max-message-bytes=0")
	p := start(t, data, flags...)
	chromium := startChromium(t)
	tabs := []*page{liveNewcomer(t, chromium, "http://"+addr)}
	for range count - 1 {
		tab := tabs[0].another(t, "http://"+addr)
		runClient(t, tab)
		tabs = append(tabs, tab)
	}
	for i, tab := range tabs {
		tab.knows(t, fmt.Sprintf(`tabs == %d`, count))
		tab.does(t, fmt.Sprintf(`window.me = "tab%d";`, i)+typist)
	}

	for range kills {
		// One of the tabs gets answers again, and is between two of them.
		tab := tabs[rand.IntN(count)]
		tab.does(t, `window.from = answered`)
		tab.knows(t, fmt.Sprintf(`status == "live" && answered > from + %d`, rand.IntN(20)))
		p.signal(t, syscall.SIGKILL)
		p.exit(t)
		p = start(t, data, flags...)
	}

	total := 0
	for _, tab := range tabs {
		tab.does(t, `window.enough = true`)
	}
	for i, tab := range tabs {
		evaluate[bool](t, tab, `typing.then(() => true)`)
		if failed := evaluate[[]string](t, tab, `failed`); len(failed) > 0 {
			t.Errorf("tab %d: %d writes were refused: %q", i, len(failed), failed)
		}
		total += evaluate[int](t, tab, `strokes`)
	}
	t.Logf("%d tabs wrote %d times while the server was killed %d times", count, total, kills)
	for _, tab := range tabs {
		tab.knows(t, fmt.Sprintf(`status == "live" && tabs == %d && pending == 0 && version == %d && data.typed == %[2]d`, count, total))
		if wrong := evaluate[[]string](t, tab, `Object.entries(s.getSnapshot().data).filter(([k, v]) => k != "typed" && !v.every((x, i) => x == i)).map(([k]) => k)`); len(wrong) > 0 {
			t.Errorf("the writes of %q are out of order", wrong)
		}
		if n := evaluate[int](t, tab, `s.getSnapshot().data[me].length - strokes`); n != 0 {
			t.Errorf("%d more than was written", n)
		}
	}
}

// TestARestartSpreadsTheTabs: tabs that are sent away by a server that stops come to its successor one after the other.
func TestARestartSpreadsTheTabs(t *testing.T) {
	const (
		count = 60
		pages = 3
		wait  = 500 // ms, the longest first wait of a client
	)
	data, addr := t.TempDir(), freeAddr(t)
	p := start(t, data, "--addr", addr)
	chromium := startChromium(t)
	first := newcomer(t, chromium, "http://"+addr)
	tabs := []*page{first, first.another(t, "http://"+addr), first.another(t, "http://"+addr)}
	for _, tab := range tabs {
		// Of each client, when it was sent away, how long it then meant to wait, and when it came back.
		evaluate[bool](t, tab, fmt.Sprintf(`(async () => {
			const { open } = await import("/seshd.js");
			const set = setTimeout;
			const now = () => performance.timeOrigin + performance.now();
			let last; // timer that was set
			window.setTimeout = (fn, ms) => (last = { meant: Math.floor(ms), left: now() }, set(fn, ms));
			window.trips = [];
			window.clients = Array.from({ length: %d }, () => open());
			await Promise.all(clients.map((c) => c.ready));
			window.allLive = () => Promise.all(clients.map((c) => new Promise((yes) => {
				const check = () => c.getSnapshot().tabs == %d && c.getSnapshot().status == "live" && yes();
				c.subscribe(check);
				check();
			}))).then(() => true);
			for (const c of clients) {
				const trip = {};
				c.on("bye", (bye) => (trip.bye = bye.code));
				c.on("status", (status) => {
					if (trip.came) return;
					if (status == "offline") Object.assign(trip, last);
					if (status == "connecting") trips.push(Object.assign(trip, { came: now() }));
				});
			}
			return true;
		})()`, count/pages, count))
	}
	for _, tab := range tabs {
		evaluate[bool](t, tab, `allLive()`)
	}
	p.signal(t, syscall.SIGTERM)
	if code := p.exit(t); code != 0 {
		t.Fatalf("exit %d", code)
	}
	start(t, data, "--addr", addr)

	type trip struct {
		Bye               string
		Meant, Left, Came float64
	}
	var left, came []float64
	quarters := [4]int{}
	for _, tab := range tabs {
		evaluate[bool](t, tab, `allLive()`)
		for _, trip := range evaluate[[]trip](t, tab, `trips`) {
			if trip.Bye != "restarting" || trip.Meant < 0 || trip.Meant >= wait || trip.Came < trip.Left+trip.Meant-1 {
				t.Fatalf("a tab was told %q, meant to wait %.0f of %d ms, and waited %.0f", trip.Bye, trip.Meant, wait, trip.Came-trip.Left)
			}
			left, came = append(left, trip.Left), append(came, trip.Came)
			quarters[int(trip.Meant)*len(quarters)/wait]++
		}
	}
	if len(came) != count {
		t.Fatalf("%d tabs left", len(came))
	}
	t.Logf("%d tabs left within %.0f ms and came back within %.0f ms; by the quarters of the wait that each drew: %v",
		count, slices.Max(left)-slices.Min(left), slices.Max(came)-slices.Min(came), quarters)
	// Where all drew at random, a quarter that none of sixty draws is one run in ten million.
	if slices.Contains(quarters[:], 0) {
		t.Errorf("the waits are not spread: %v", quarters)
	}
}
