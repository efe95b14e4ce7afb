package main

import (
	"context"
	"fmt"
	"strings"
	"syscall"
	"testing"

	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/chromedp"
	"github.com/chromedp/chromedp/kb"
)

// addTo is the button beside a fruit of the shop.
func addTo(fruit string) string { return fmt.Sprintf(`#stand [data-fruit=%s] button`, fruit) }

// inCart is that a page of the shop shows so many of a fruit; of 0, that there is no line for it.
func inCart(fruit string, n int) string {
	return fmt.Sprintf(`(text("#lines [data-fruit=%s]:not([hidden]) b") || "0") === "%d"`, fruit, n)
}

// clicks clicks on a button of the page again and again, with other things of the page coming in between.
func clicks(selector string, n int) string {
	return fmt.Sprintf(`(async () => {
		for (let i = 0; i < %d; i++) {
			document.querySelector(%q).click();
			await new Promise((yes) => setTimeout(yes));
		}
		return true;
	})()`, n, selector)
}

func openShopPages(t *testing.T, chromium context.Context, url string, n int) (pages []*page) {
	t.Helper()
	for range n {
		pages = append(pages, openPage(t, chromium, url))
	}
	live := fmt.Sprintf(`text("#status") === "live in %d tabs"`, n)
	if n == 1 {
		live = `text("#status") === "live in 1 tab"`
	}
	for _, p := range pages {
		p.comesTo(t, live)
		evaluate[bool](t, p, `window.neverReloaded = true`)
	}
	return pages
}

// complainsOfNothing wants a clean console, but for what is expected, and the page as it was first loaded.
func complainsOfNothing(t *testing.T, pages []*page, expected ...string) {
	t.Helper()
	for i, p := range pages {
		if rest := p.complaints(expected...); len(rest) > 0 {
			t.Errorf("tab %d has errors in its console:\n%s", i, strings.Join(rest, "\n"))
		}
		if !evaluate[bool](t, p, `window.neverReloaded === true`) {
			t.Errorf("tab %d was loaded again", i)
		}
	}
}

// TestTheShopIsOneCart: three tabs fill and empty it at the same time, and each of 200 clicks counts.
func TestTheShopIsOneCart(t *testing.T) {
	p := start(t, t.TempDir())
	tabs := openShopPages(t, startChromium(t), "http://"+p.addr+"/shop", 3)
	show := func(condition string) {
		t.Helper()
		for _, tab := range tabs {
			tab.comesTo(t, condition)
		}
	}
	tabs[0].click(t, addTo("lemons"))
	show(inCart("lemons", 1) + ` && text("#total") === "€0.60" && text("#items") === "1"`)
	tabs[1].click(t, `#lines [data-fruit=lemons] [name=add]`)
	show(inCart("lemons", 2) + ` && text("#total") === "€1.20" && text("#items") === "2"`)

	each := []int{67, 67, 66}
	for i, tab := range tabs {
		evaluate[bool](t, tab, `(window.clicking = `+clicks(addTo("cherries"), each[i])+`, true)`)
	}
	for _, tab := range tabs {
		evaluate[bool](t, tab, `clicking`)
	}
	show(inCart("cherries", 200) + ` && text("#total") === "€1,381.20" && text("#items") === "202"`)

	// Nine clicks take out two lemons.
	for _, tab := range tabs {
		evaluate[bool](t, tab, `(window.clicking = `+clicks(`#lines [data-fruit=lemons] [name=less]`, 3)+`, true)`)
	}
	for _, tab := range tabs {
		evaluate[bool](t, tab, `clicking`)
	}
	show(inCart("lemons", 0) + ` && text("#items") === "200"`)
	tabs[0].click(t, addTo("plums")) // of lemons some of the nine may still be on their way, and take it out again
	show(inCart("plums", 1))

	tabs[2].click(t, `button[name=empty]`)
	show(inCart("cherries", 0) + `&& ` + inCart("plums", 0) + ` && text("#total") === "€0.00" && text("#items") === "0"`)
	complainsOfNothing(t, tabs)
}

// TestTheShopComesThroughLogin: the backend logs the visitor in while three tabs are open and one is clicking.
func TestTheShopComesThroughLogin(t *testing.T) {
	_, _, url := serveShop(t, "--tour")
	tabs := openShopPages(t, startChromium(t), url+"shop", 3)
	login := `fetch("/login", {method: "POST", body: new URLSearchParams({user: "u42"})}).then((r) => r.status)`
	evaluate[bool](t, tabs[1], `(window.clicking = `+clicks(addTo("cherries"), 40)+`, true)`)
	if status := evaluate[int](t, tabs[0], login); status != 200 {
		t.Fatalf("login: %d", status)
	}
	evaluate[bool](t, tabs[1], `clicking`)
	for _, tab := range tabs {
		tab.comesTo(t, inCart("cherries", 40)+` && text("#status") === "live in 3 tabs"`)
	}
	tabs[2].click(t, addTo("plums"))

	// The same user on another device brings a cart along.
	desk := openShopPages(t, startChromium(t), url+"shop", 1)
	desk[0].click(t, addTo("cherries"))
	desk[0].comesTo(t, inCart("cherries", 1)+` && text("#status") === "live in 1 tab"`)
	if status := evaluate[int](t, desk[0], login); status != 200 {
		t.Fatalf("login on the second device: %d", status)
	}
	all := append(tabs, desk...)
	for _, tab := range all {
		tab.comesTo(t, inCart("cherries", 41)+` && `+inCart("plums", 1)+` && text("#status") === "live in 4 tabs"`)
	}
	// The console tells of each answer over 400, which is how a socket hears that a cookie is not here yet.
	complainsOfNothing(t, all, "409", "401")
}

// TestTheShopComesBackByItself: the server is killed under two tabs, one of which goes on shopping.
func TestTheShopComesBackByItself(t *testing.T) {
	data := t.TempDir()
	p := start(t, data)
	tabs := openShopPages(t, startChromium(t), "http://"+p.addr+"/shop", 2)
	evaluate[bool](t, tabs[0], clicks(addTo("blueberries"), 3))
	for _, tab := range tabs {
		tab.comesTo(t, inCart("blueberries", 3))
	}
	p.signal(t, syscall.SIGKILL)
	p.exit(t)
	for _, tab := range tabs {
		tab.comesTo(t, `!text("#status").startsWith("live")`)
	}
	evaluate[bool](t, tabs[1], clicks(addTo("pears"), 2))
	tabs[1].comesTo(t, inCart("pears", 2)+` && text("#status").endsWith("2 to send")`)
	start(t, data, "--addr", p.addr)
	for _, tab := range tabs {
		tab.comesTo(t, inCart("blueberries", 3)+` && `+inCart("pears", 2)+` && text("#status") === "live in 2 tabs"`)
	}
	complainsOfNothing(t, tabs, "WebSocket connection to 'ws://"+p.addr, "net::ERR_CONNECTION_")
}

// TestTheShopIsForEverybody: a small screen, a keyboard, a screen reader, and somebody who is made sick by what moves.
func TestTheShopIsForEverybody(t *testing.T) {
	p := start(t, t.TempDir())
	shop := openPage(t, startChromium(t), "about:blank")
	still := emulation.SetEmulatedMediaParams{Features: []*emulation.MediaFeature{{Name: "prefers-reduced-motion", Value: "reduce"}}}
	if _, err := chromedp.Call(shop.ctx, emulation.SetEmulatedMedia, still); err != nil {
		t.Fatal(err)
	}
	if err := chromedp.Do(shop.ctx, chromedp.EmulateViewport(360, 640), chromedp.Navigate("http://"+p.addr+"/shop")); err != nil {
		t.Fatal(err)
	}
	shop.comesTo(t, `text("#status") === "live in 1 tab"`)
	press := func(keys string) {
		t.Helper()
		if err := chromedp.Do(shop.ctx, chromedp.KeyEvent(keys)); err != nil {
			t.Fatal(err)
		}
	}
	focus := func(selector string) {
		t.Helper()
		if !evaluate[bool](t, shop, fmt.Sprintf(`document.activeElement === document.querySelector(%q)`, selector)) {
			t.Errorf("the focus is on %s, want %s", evaluate[string](t, shop, `document.activeElement.outerHTML`), selector)
		}
	}

	evaluate[bool](t, shop, `new Promise((yes) => {
		window.heard = [];
		const region = document.querySelector("[aria-live=polite]");
		new MutationObserver(() => heard.push(region.textContent)).observe(region, { subtree: true, childList: true, characterData: true });
		yes(true);
	})`)
	press(strings.Repeat(kb.Tab, 4)) // past the brand, the cart and the second tab
	focus(addTo("cherries"))
	press(kb.Enter)
	shop.comesTo(t, inCart("cherries", 1))
	focus(addTo("cherries"))
	press(strings.Repeat(kb.Tab, 6)) // past five more fruits
	focus(`#lines [data-fruit=cherries] [name=less]`)
	press(" ")
	shop.comesTo(t, inCart("cherries", 0))
	focus("#title") // the line is gone, and the focus not with it
	if heard := evaluate[[]string](t, shop, `heard`); strings.Join(heard, "|") != "Total €6.90|Total €0.00" {
		t.Errorf("a screen reader heard %q", heard)
	}
	if names := evaluate[[]string](t, shop, `[...document.querySelectorAll("button")].map((b) => b.getAttribute("aria-label") ?? b.textContent)`); len(names) != 19 {
		t.Errorf("%d buttons: %q", len(names), names)
	} else {
		seen := map[string]int{}
		for _, name := range names {
			seen[name]++
		}
		if seen["Add to cart: plums"] != 1 || seen["One more: plums"] != 1 || len(seen) != len(names) {
			t.Errorf("buttons go by the names %q", names)
		}
	}

	shop.click(t, addTo("strawberries"))
	shop.comesTo(t, inCart("strawberries", 1))
	if moving := evaluate[int](t, shop, `document.getAnimations().length`); moving != 0 {
		t.Errorf("%d things move", moving)
	}
	if wide := evaluate[int](t, shop, `document.documentElement.scrollWidth`); wide > 360 {
		t.Errorf("the page is %d px wide, the screen 360", wide)
	}
	evaluate[bool](t, shop, axeSource(t)+`; true`)
	for _, scheme := range []string{"light", "dark"} {
		colors := emulation.SetEmulatedMediaParams{Features: append(still.Features, &emulation.MediaFeature{Name: "prefers-color-scheme", Value: scheme})}
		if _, err := chromedp.Call(shop.ctx, emulation.SetEmulatedMedia, colors); err != nil {
			t.Fatal(err)
		}
		for _, found := range evaluate[[]string](t, shop, axe) {
			t.Errorf("%s: %s", scheme, found)
		}
	}
	complaints := shop.complaints()
	if len(complaints) > 0 {
		t.Errorf("errors in the console:\n%s", strings.Join(complaints, "\n"))
	}
}
