package main

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"

	"github.com/chromedp/cdproto/log"
	"github.com/chromedp/cdproto/runtime"
	"github.com/chromedp/chromedp"
	"github.com/gorilla/websocket"
)

// startChromium starts a real browser that reaches this machine and nothing else.
func startChromium(t *testing.T, more ...chromedp.ExecAllocatorOption) context.Context {
	t.Helper()
	options := append(slices.Clone(chromedp.DefaultExecAllocatorOptions[:]),
		chromedp.UserDataDir(t.TempDir()),
		chromedp.DisableGPU,
		chromedp.Flag("disable-component-update", true),
		chromedp.Flag("disable-quic", true),
		chromedp.Flag("no-proxy-server", true),
		chromedp.Flag("host-resolver-rules", "MAP * ~NOTFOUND, EXCLUDE 127.0.0.1"),
	)
	if os.Getuid() == 0 {
		options = append(options, chromedp.NoSandbox) // it refuses root otherwise
	}
	ctx, cancel := chromedp.NewExecAllocator(t.Context(), append(options, more...)...)
	t.Cleanup(cancel)
	ctx, cancel = chromedp.NewContext(ctx)
	t.Cleanup(cancel)
	if err := chromedp.Do(ctx); err != nil {
		t.Fatalf("this test drives a real browser: install chromium, chromium-browser or google-chrome (Debian: apt-get install chromium): %v", err)
	}
	return ctx
}

// page is a tab of the browser.
type page struct {
	ctx context.Context

	mu     sync.Mutex // guards errors
	errors []string   // what a developer would see in red in the console
}

// openPage opens a tab, in a window of its own unless the options say otherwise, and loads url in it.
func openPage(t *testing.T, chromium context.Context, url string, options ...chromedp.ContextOption) *page {
	t.Helper()
	ctx, cancel := chromedp.NewContext(chromium, options...)
	t.Cleanup(cancel)
	p := &page{ctx: ctx}
	if err := chromedp.Do(ctx); err != nil {
		t.Fatal(err)
	}
	if err := chromedp.Listen(ctx, p.note); err != nil {
		t.Fatal(err)
	}
	if err := chromedp.Do(ctx, chromedp.Navigate(url)); err != nil {
		t.Fatal(err)
	}
	return p
}

func (p *page) note(event any) {
	text := ""
	switch e := event.(type) {
	case *log.EventEntryAdded:
		if e.Entry.Level == log.EntryLevelError || e.Entry.Level == log.EntryLevelWarning {
			text = fmt.Sprintf("%s %s: %s (%s)", e.Entry.Source, e.Entry.Level, e.Entry.Text, e.Entry.URL)
		}
	case *runtime.EventExceptionThrown:
		text = "exception: " + e.ExceptionDetails.Text
		if e.ExceptionDetails.Exception != nil {
			text += " " + e.ExceptionDetails.Exception.Description
		}
	case *runtime.EventConsoleAPICalled:
		if e.Type == runtime.ConsoleAPICalledTypeError || e.Type == runtime.ConsoleAPICalledTypeWarning {
			said, _ := json.Marshal(e.Args)
			text = fmt.Sprintf("console.%s %s", e.Type, said)
		}
	}
	if text != "" {
		p.mu.Lock()
		defer p.mu.Unlock()
		p.errors = append(p.errors, text)
	}
}

// complaints are the errors so far that say none of the expected things.
func (p *page) complaints(expected ...string) (rest []string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, text := range p.errors {
		if !slices.ContainsFunc(expected, func(part string) bool { return strings.Contains(text, part) }) {
			rest = append(rest, text)
		}
	}
	return rest
}

// evaluate gives the value of an expression in the page, or of what that promises.
func evaluate[T any](t *testing.T, p *page, expression string) T {
	t.Helper()
	ctx, cancel := context.WithTimeout(p.ctx, patience)
	defer cancel()
	value, err := chromedp.Run(ctx, chromedp.Evaluate[T](expression, chromedp.EvalAwaitPromise))
	if err != nil {
		t.Fatalf("%s: %v", expression, err)
	}
	return value
}

// comesTo waits until the page shows that an expression is true: it asks again whenever the page changes.
func (p *page) comesTo(t *testing.T, expression string) {
	t.Helper()
	ctx, cancel := context.WithTimeout(p.ctx, patience)
	defer cancel()
	wait := `new Promise((yes) => {
		const text = (selector) => document.querySelector(selector)?.textContent ?? "";
		const check = () => {
			if (!(` + expression + `)) return;
			watch.disconnect();
			yes(true);
		};
		const watch = new MutationObserver(check);
		watch.observe(document, { subtree: true, childList: true, characterData: true, attributes: true });
		check();
	})`
	if _, err := chromedp.Run(ctx, chromedp.Evaluate[bool](wait, chromedp.EvalAwaitPromise)); err != nil {
		shown, _ := chromedp.Run(p.ctx, chromedp.Evaluate[string](`document.body.innerText`))
		t.Fatalf("the page does not come to %s (%v):\n%s\n%s", expression, err, shown, strings.Join(p.complaints(), "\n"))
	}
}

// click clicks as a mouse does: where something is. Where that moves away just then, the page hears of no click on it, and it is clicked on
// again.
func (p *page) click(t *testing.T, selector string) {
	t.Helper()
	ctx, cancel := context.WithTimeout(p.ctx, patience)
	defer cancel()
	for heard := false; !heard; {
		evaluate[bool](t, p, fmt.Sprintf(`window.clicked = new Promise((yes) =>
			document.addEventListener("click", ({ target }) => target.closest(%q) && yes(true), true)), true`, selector))
		if err := chromedp.Do(ctx, chromedp.Click(chromedp.CSS(selector))); err != nil {
			t.Fatalf("click %s: %v", selector, err)
		}
		// There is none on another page, to which a click may lead, nor an answer from one that it leads away from.
		const soon = `Promise.race([window.clicked ?? true, new Promise((yes) => setTimeout(yes, 5000, false))])`
		var err error
		if heard, err = chromedp.Run(ctx, chromedp.Evaluate[bool](soon, chromedp.EvalAwaitPromise)); err != nil {
			return
		}
	}
}

const (
	cherriesButton    = `button[data-fruit="cherries"]`
	blueberriesButton = `button[data-fruit="blueberries"]`
)

// shows is that a page is live and shows these.
func shows(fruit string, version, tabs int) string {
	return fmt.Sprintf(`text("#status") === "live" && text("#fruit") === %q && text('tr[data-key="fruit"] .value') === %q
		&& text("#version") === "%d" && text("#tabs") === "%d" && text("#pending") === "0"`, fruit, `"`+fruit+`"`, version, tabs)
}

// Two tabs of the live view, and everything that may happen under them: a change, a cut, the death of the server.
func TestTwoTabsOfTheLiveView(t *testing.T) {
	data := t.TempDir()
	p := start(t, data)
	chromium := startChromium(t)
	one, two := openPage(t, chromium, "http://"+p.addr+"/live"), openPage(t, chromium, "http://"+p.addr+"/live")
	both := []*page{one, two}
	for _, page := range both {
		page.comesTo(t, `text("#status") === "live" && text("#tabs") === "2" && text("#version") === "0" && text("#fruit") === "none yet"`)
		evaluate[bool](t, page, `window.neverReloaded = true`)
	}

	one.click(t, cherriesButton)
	two.comesTo(t, shows("cherries", 1, 2))
	two.comesTo(t, `text('#timeline li[data-by="tab"]')?.includes("fruit") && text('#timeline li[data-by="tab"] .version').endsWith("1")`)
	one.comesTo(t, shows("cherries", 1, 2))

	two.click(t, "#cut")
	two.comesTo(t, `/Connection lost/.test(text("#timeline")) && /Back after/.test(text("#timeline")) && text("#status") === "live"`)
	one.click(t, blueberriesButton)
	for _, page := range both {
		page.comesTo(t, shows("blueberries", 2, 2))
	}

	one.click(t, "#ticket")
	one.comesTo(t, `text("#ticket-line").startsWith("wscat -c 'ws://")`)
	line := evaluate[string](t, one, `document.querySelector("#ticket-line").textContent`)
	guest, _, err := websocket.DefaultDialer.Dial(strings.Trim(strings.TrimPrefix(line, "wscat -c "), "'"), nil)
	if err != nil {
		t.Fatal(err)
	}
	tb := &tab{conn: guest}
	if f, err := tb.next(); err != nil || f.Version != 2 || tb.session != `"`+evaluate[string](t, two, `document.querySelector("#session-id").textContent`)+`"` {
		t.Errorf("the ticket leads to %s %v", f.text, err)
	}
	guest.Close()
	for _, page := range both {
		page.comesTo(t, shows("blueberries", 2, 2))
		if rest := page.complaints(); len(rest) > 0 {
			t.Errorf("errors in the console:\n%s", strings.Join(rest, "\n"))
		}
	}

	// A page's own client counts, since a count shows what arrives twice. Its first increment is sent to a server that
	// does not read any more, so it stays unanswered; the next is made when there is no server at all.
	evaluate[bool](t, one, `(async () => {
		window.counter = (await import("/seshd.js")).open({ url: "/" });
		await counter.ready;
		await counter.incr("visits");
		return true;
	})()`)
	two.comesTo(t, shows("blueberries", 3, 3)+` && text('tr[data-key="visits"] .value') === "1"`)
	p.signal(t, syscall.SIGSTOP)
	evaluate[bool](t, one, `window.counted = [counter.incr("visits")], true`)
	p.signal(t, syscall.SIGKILL)
	p.exit(t)
	for _, page := range both {
		page.comesTo(t, `text("#status") !== "live"`)
	}
	evaluate[bool](t, one, `new Promise((yes) => {
		const down = () => counter.getSnapshot().status !== "live" && yes(true);
		counter.subscribe(down);
		down();
	})`)
	evaluate[bool](t, one, `counted.push(counter.incr("visits")), true`)
	one.click(t, cherriesButton)
	one.comesTo(t, `text("#pending") === "1" && text("#fruit") === "cherries"`) // shown at once
	if got := evaluate[string](t, two, `document.querySelector("#fruit").textContent`); got != "blueberries" {
		t.Errorf("without a server the other tab shows %s", got)
	}

	restarted := start(t, data, "--addr", p.addr)
	for _, page := range both {
		page.comesTo(t, shows("cherries", 6, 3)+` && text('tr[data-key="visits"] .value') === "3"`)
		page.comesTo(t, `/Back after.* resumed/.test(text("#timeline li[data-by=link]"))`) // not from scratch
	}
	if n := evaluate[int](t, one, `Promise.all(counted).then((answers) => answers.length)`); n != 2 {
		t.Errorf("%d answers", n)
	}
	evaluate[bool](t, one, `counter.close(), true`)

	two.click(t, blueberriesButton)
	for _, page := range both {
		page.comesTo(t, shows("blueberries", 7, 2))
		if !evaluate[bool](t, page, `window.neverReloaded === true`) {
			t.Error("a page was loaded again")
		}
		if rest := page.complaints("WebSocket connection to 'ws://"+p.addr, "net::ERR_CONNECTION_"); len(rest) > 0 {
			t.Errorf("errors in the console:\n%s", strings.Join(rest, "\n"))
		}
	}

	// That nothing was complained about means something only if we would have heard.
	evaluate[bool](t, one, `new Promise((yes) => {
		document.addEventListener("securitypolicyviolation", () => yes(true));
		document.head.append(Object.assign(document.createElement("script"), { textContent: "window.injected = true" }));
	})`)
	if evaluate[bool](t, one, `"injected" in window`) || !strings.Contains(strings.Join(one.complaints(), "\n"), "Content Security Policy") {
		t.Errorf("an inline script: run, or not complained about: %q", one.complaints())
	}
	restarted.signal(t, syscall.SIGTERM)
	if code := restarted.exit(t); code != 0 {
		t.Errorf("exit %d", code)
	}
}
