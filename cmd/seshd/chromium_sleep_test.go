package main

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"

	"github.com/chromedp/cdproto/cdp"
	cdppage "github.com/chromedp/cdproto/page"
	"github.com/chromedp/chromedp"
)

// TestPagesThatSleep is how a page comes back that the browser, the computer or the network has let sleep: it follows again, and
// misses nothing.
func TestPagesThatSleep(t *testing.T) {
	// A browser as people have it: the package switches off what slows down the tabs that nobody looks at.
	chromium := startChromium(t,
		chromedp.Flag("disable-background-timer-throttling", false),
		chromedp.Flag("disable-backgrounding-occluded-windows", false),
		chromedp.Flag("disable-renderer-backgrounding", false),
	)
	t.Run("in the back-forward cache", func(t *testing.T) { backForwardCache(t, chromium) })
	t.Run("hidden, then frozen", func(t *testing.T) { hiddenTab(t, chromium) })
	t.Run("on a connection that died meanwhile", func(t *testing.T) { deadConnection(t, chromium) })
	t.Run("with the computer", func(t *testing.T) { sleepingComputer(t, chromium) })
}

func backForwardCache(t *testing.T, chromium context.Context) {
	p := start(t, t.TempDir(), withoutLimits()...)
	one := liveNewcomer(t, chromium, "http://"+p.addr)
	two := one.another(t, "http://"+p.addr)
	runClient(t, two)
	one.does(t, `window.kept = "kept"; window.shown = []; addEventListener("pageshow", (e) => shown.push(e.persisted));
		window.versions = []; s.on("change", (c) => versions.push([c.from, c.version]))`)
	evaluate[int](t, two, `s.incr("n").then((w) => w.version)`)
	one.knows(t, `data.n == 1`)

	// Some writes are made as the page goes, and may still be under way.
	one.does(t, `window.written = [s.append("log", [1]), s.append("log", [2])]`)
	if err := chromedp.Do(one.ctx, chromedp.Navigate("http://"+p.addr+"/live")); err != nil {
		t.Fatal(err)
	}
	one.comesTo(t, `text("#status") === "live" && text("#tabs") === "2"`) // this one and two's: not the page that went
	for range 3 {
		evaluate[int](t, two, `s.incr("n").then((w) => w.version)`)
	}
	evaluate[int](t, two, `s.delete("n").then((w) => w.version)`)
	evaluate[int](t, two, `s.set("fruit", "plums").then((w) => w.version)`)
	one.back(t)
	if shown := evaluate[[]bool](t, one, `window.shown ?? []`); !slices.Equal(shown, []bool{true}) || evaluate[string](t, one, `window.kept ?? ""`) != "kept" {
		t.Fatalf("the page was not restored from the cache: %v", shown)
	}
	wantAll(t, one.outcomes(t), 2, "fulfilled")
	for _, page := range []*page{one, two} {
		page.knows(t, `status == "live" && tabs == 2 && !("n" in data) && data.fruit == "plums" && data.log.join() == "1,2" && version == 8`)
	}
	if !evaluate[bool](t, one, `versions.every(([from], i) => i == 0 || from === undefined || from == versions[i - 1][1])`) {
		t.Errorf("there is a gap between the changes %s", evaluate[string](t, one, `JSON.stringify(versions)`))
	}
	evaluate[int](t, two, `s.set("fruit", "cherries").then((w) => w.version)`)
	one.knows(t, `data.fruit == "cherries"`)
}

// back goes back in a page's history, to a page that the browser has kept as it was.
func (p *page) back(t *testing.T) {
	t.Helper()
	ctx, cancel := context.WithTimeout(p.ctx, patience)
	defer cancel()
	came := make(chan any, 2)
	err := chromedp.Listen(ctx, func(event any) {
		switch e := event.(type) {
		case *cdppage.EventBackForwardCacheNotUsed, *cdppage.EventFrameNavigated:
			came <- e
		}
	})
	if err != nil {
		t.Fatal(err)
	}
	history, err := chromedp.Call(ctx, cdppage.GetNavigationHistory, cdp.Empty{})
	if err != nil {
		t.Fatal(err)
	}
	entry := history.Entries[history.CurrentIndex-1]
	if _, err := chromedp.Call(ctx, cdppage.NavigateToHistoryEntry, cdppage.NavigateToHistoryEntryParams{EntryID: entry.ID}); err != nil {
		t.Fatal(err)
	}
	select {
	case event := <-came:
		if e, ok := event.(*cdppage.EventFrameNavigated); !ok || e.Type != cdppage.NavigationTypeBackForwardCacheRestore {
			why, _ := json.Marshal(event)
			t.Fatalf("the browser did not keep the page: %s", why)
		}
	case <-ctx.Done():
		t.Fatal("the browser did not go back")
	}
}

// hide puts a new tab in front of a page, in its window, and returns it.
func (p *page) hide(t *testing.T, url string) *page {
	t.Helper()
	front := openPage(t, p.ctx, url, chromedp.WithNewWindow(false))
	bringToFront(t, front)
	evaluate[bool](t, p, `new Promise((yes) => {
		const check = () => document.hidden && yes(true);
		document.addEventListener("visibilitychange", check);
		check();
	})`)
	return front
}

func (p *page) lifecycle(t *testing.T, state cdppage.SetWebLifecycleStateState) {
	t.Helper()
	if _, err := chromedp.Call(p.ctx, cdppage.SetWebLifecycleState, cdppage.SetWebLifecycleStateParams{State: state}); err != nil {
		t.Fatal(err)
	}
}

func hiddenTab(t *testing.T, chromium context.Context) {
	p := start(t, t.TempDir(), withoutLimits()...)
	line := newCable(t, p.addr)
	one := liveNewcomer(t, chromium, line.url())
	two := one.hide(t, "http://"+p.addr+blankPage)
	runClient(t, two)
	one.does(t, `window.events = []; for (const e of ["freeze", "resume", "visibilitychange"]) document.addEventListener(e, () => events.push(e))`)

	// Hidden, it follows, and comes back over a cut, without being looked at.
	evaluate[int](t, two, `s.incr("n").then((w) => w.version)`)
	one.knows(t, `data.n == 1 && tabs == 2`)
	line.pull()
	one.knows(t, `status != "live"`)
	one.does(t, `window.written = [s.append("log", ["hidden"])]`)
	evaluate[int](t, two, `s.incr("n").then((w) => w.version)`)
	line.plug()
	wantAll(t, one.outcomes(t), 1, "fulfilled")
	one.knows(t, `status == "live" && data.n == 2`)
	if events := evaluate[[]string](t, one, `events`); len(events) > 0 {
		t.Fatalf("it was to stay hidden: %q", events)
	}

	// Frozen, it does nothing at all, whatever happens.
	one.lifecycle(t, cdppage.SetWebLifecycleStateStateFrozen)
	evaluate[bool](t, two, `(async () => {
		for (let i = 0; i < 300; i++) s.set("key" + (i % 50), i).catch(() => {});
		for (let i = 0; i < 20; i++) s.delete("key" + i).catch(() => {});
		await s.flush();
		return true;
	})()`)
	line.pull()
	line.plug()
	evaluate[int](t, two, `s.incr("n").then((w) => w.version)`)
	one.lifecycle(t, cdppage.SetWebLifecycleStateStateActive)
	bringToFront(t, one)
	one.knows(t, `status == "live" && data.n == 3 && tabs == 2 && Object.keys(data).length == 32 && data.key49 == 299`)
	if events := evaluate[[]string](t, one, `events.toSorted()`); !slices.Equal(events, []string{"freeze", "resume", "visibilitychange"}) {
		t.Errorf("it was not frozen, or not seen again: %q", events)
	}
	if one, two := evaluate[string](t, one, `JSON.stringify(Object.entries(s.getSnapshot().data).sort())`),
		evaluate[string](t, two, `JSON.stringify(Object.entries(s.getSnapshot().data).sort())`); one != two {
		t.Errorf("the page that slept shows %s, the other %s", one, two)
	}
}

// deadConnection: the network forgets a connection while its page is hidden, and nobody is told.
func deadConnection(t *testing.T, chromium context.Context) {
	p := start(t, t.TempDir())
	line := newCable(t, p.addr)
	one := liveNewcomer(t, chromium, line.url())
	two := one.hide(t, "http://"+p.addr+blankPage)
	runClient(t, two)
	one.knows(t, `tabs == 2`)
	one.does(t, `window.statuses = []; s.on("status", (x) => statuses.push(x))`)
	line.die()
	evaluate[int](t, two, `s.set("fruit", "cherries").then((w) => w.version)`)
	one.does(t, `window.written = [s.incr("n")]`) // into the void
	if statuses := evaluate[[]string](t, one, `statuses`); len(statuses) > 0 {
		t.Fatalf("the page was to hear nothing: %q", statuses)
	}
	bringToFront(t, one)
	// Nothing but the question whether the connection lives can tell: the server itself would wait for a minute.
	one.knows(t, `status == "live" && data.fruit == "cherries" && data.n == 1 && pending == 0`)
	wantAll(t, one.outcomes(t), 1, "fulfilled")
	if statuses := evaluate[[]string](t, one, `statuses`); !slices.Equal(statuses, []string{"offline", "connecting", "live"}) {
		t.Errorf("the page went through %q", statuses)
	}
	two.knows(t, `data.n == 1`)
}

// sleepingComputer: everything stands still, for a minute by the clock that timers go by, and the network has forgotten the
// connection. The page was seen before and is seen after it: no event tells it that anything happened.
func sleepingComputer(t *testing.T, chromium context.Context) {
	p, api := startWithAPI(t, t.TempDir())
	line := newCable(t, p.addr)
	one := newcomer(t, chromium, line.url())
	bringToFront(t, one)
	one.does(t, `
		const set = setTimeout, clear = clearTimeout, timers = new Map();
		window.setTimeout = (fn, ms = 0) => {
			const id = set(() => { timers.delete(id); fn(); }, ms);
			timers.set(id, { fn, at: performance.now() + ms });
			return id;
		};
		window.clearTimeout = (id) => { timers.delete(id); clear(id); };
		window.later = (ms) => [...timers].forEach(([id, { fn, at }]) => {
			if (at > performance.now() + ms) return;
			clearTimeout(id);
			fn();
		});
		window.events = [];
		for (const e of ["online", "offline", "visibilitychange", "pageshow", "pagehide"]) addEventListener(e, () => events.push(e))`)
	runClient(t, one)
	one.knows(t, `status == "live"`)
	evaluate[int](t, one, `s.incr("n").then((w) => w.version)`)
	id := evaluate[string](t, one, `s.id`)

	wakeUp := stopAll(t, chromedp.FromContext(chromium).Browser.Process().Pid)
	line.die()
	api.do("POST", "/v1/sessions/"+id, `{"incr":{"n":1}}`).want(200)
	wakeUp()
	one.does(t, `later(60e3)`)
	one.knows(t, `status == "live" && data.n == 2`)
	if events := evaluate[[]string](t, one, `events`); len(events) > 0 {
		t.Errorf("it was told by %q: this showed nothing", events)
	}
	evaluate[int](t, one, `s.incr("n").then((w) => w.version)`)
	one.knows(t, `data.n == 3 && pending == 0`)
}

// stopAll stops a process and all that came of it, and returns what lets them go on.
func stopAll(t *testing.T, pid int) (goOn func()) {
	t.Helper()
	var stopped []int
	goOn = func() {
		for _, pid := range stopped {
			syscall.Kill(pid, syscall.SIGCONT)
		}
		stopped = nil
	}
	t.Cleanup(func() { goOn() })
	var stop func(pid int)
	stop = func(pid int) {
		if syscall.Kill(pid, syscall.SIGSTOP) == nil {
			stopped = append(stopped, pid)
		}
		tasks, _ := os.ReadDir(fmt.Sprintf("/proc/%d/task", pid))
		for _, task := range tasks {
			children, _ := os.ReadFile(fmt.Sprintf("/proc/%d/task/%s/children", pid, task.Name()))
			for child := range strings.FieldsSeq(string(children)) {
				if pid, err := strconv.Atoi(child); err == nil {
					stop(pid)
				}
			}
		}
	}
	stop(pid)
	if len(stopped) < 3 {
		t.Fatalf("a browser is more than %d processes", len(stopped))
	}
	return goOn
}
