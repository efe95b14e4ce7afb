package main

import (
	"net/http"
	"testing"

	"github.com/chromedp/chromedp"
	"github.com/chromedp/chromedp/kb"
)

// A key is added, changed and deleted without a mouse, and what is not JSON stays to be mended.
func TestTheLiveViewByKeyboardAlone(t *testing.T) {
	v := openLiveView(t)
	v.tabsTo(t, "#new-key")
	v.presses(t, "_cart"+kb.Tab+"1"+kb.Enter)
	v.comesTo(t, `text("#add-error").startsWith("Keys that start with _ are private") && document.activeElement.id === "new-key"`)
	v.presses(t, kb.Home+kb.Delete+kb.Tab+kb.End+kb.Backspace+`{"sku1":`+kb.Enter)
	v.comesTo(t, `text("#add-error") === "Not JSON yet." && document.activeElement.id === "new-value" && document.activeElement.value === '{"sku1":'`)
	v.presses(t, "2}"+kb.Enter)
	v.comesTo(t, `text('tr[data-key="cart"] .value') === '{ "sku1": 2 }' && text("#add-error") === "" && document.activeElement.id === "new-key"`)

	v.tabsTo(t, `tr[data-key="cart"] .value`)
	v.presses(t, kb.Enter)
	v.comesTo(t, `document.activeElement.tagName === "TEXTAREA"`)
	v.presses(t, "apples"+kb.Enter) // it begins with all selected
	v.comesTo(t, `text(".editor .error") === 'Not JSON. Text goes in quotes: "apples"' && document.activeElement.value === "apples"`)
	v.comesTo(t, `document.activeElement.getAttribute("aria-invalid") === "true" && text("#version") === "1"`)
	v.presses(t, kb.Escape)
	v.comesTo(t, `text('tr[data-key="cart"] .value') === '{ "sku1": 2 }' && document.activeElement.matches(".value")`)
	v.presses(t, kb.Enter+`"apples"`+kb.Enter)
	v.comesTo(t, `text('tr[data-key="cart"] .value') === '"apples"' && text("#version") === "2" && document.activeElement.matches(".value")`)

	v.tabsTo(t, `tr[data-key="cart"] .delete`)
	v.presses(t, kb.Enter)
	v.comesTo(t, `!document.querySelector('tr[data-key="cart"]') && text("#version") === "3" && document.activeElement.id === "new-key"`)

	// So is the rest of the page.
	v.tabsTo(t, "#timeline summary")
	v.presses(t, kb.Enter)
	v.tabsTo(t, ".look-back")
	v.presses(t, kb.Enter)
	v.comesTo(t, `document.activeElement.id === "past-title" && document.documentElement.dataset.view === "past"`)
	v.presses(t, kb.Escape)
	v.comesTo(t, `document.activeElement.matches(".look-back") && document.documentElement.dataset.view === "now"`)
	if rest := v.complaints(); len(rest) > 0 {
		t.Errorf("errors in the console: %q", rest)
	}
}

// What others do to a key that is being edited is said, and loses nothing.
func TestTheLiveViewKeepsWhatIsTyped(t *testing.T) {
	v := openLiveView(t)
	v.post(t, `{"set":{"fruit":"cherries"}}`)
	v.comesTo(t, `!!document.querySelector('tr[data-key="fruit"]')`)
	v.click(t, `tr[data-key="fruit"] .value`)
	v.presses(t, `"pears"`)
	v.post(t, `{"set":{"fruit":"plums"}}`)
	v.comesTo(t, `text(".meanwhile") === 'Meanwhile it became "plums", by http. Saving writes over that.'`)
	v.post(t, `{"delete":["fruit"]}`)
	v.comesTo(t, `text(".meanwhile") === "Meanwhile it was deleted. Saving writes it again."`)
	v.comesTo(t, `document.querySelector("textarea").value === '"pears"'`)
	v.presses(t, kb.Enter)
	v.comesTo(t, `text('tr[data-key="fruit"] .value') === '"pears"' && text("#version") === "4"`)

	v.click(t, `tr[data-key="fruit"] .value`)
	v.post(t, `{"delete":["fruit"]}`)
	v.comesTo(t, `text(".meanwhile") === "Meanwhile it was deleted. Saving writes it again."`)
	v.presses(t, kb.Escape)
	v.comesTo(t, `!document.querySelector('tr[data-key="fruit"]') && document.activeElement.id === "new-key"`)
}

// What the server refuses comes back to where it was typed, with the reason beside it.
func TestTheLiveViewGivesBackWhatIsRefused(t *testing.T) {
	v := openLiveView(t, "--tab-write", "fruit")
	v.tabsTo(t, "#new-key")
	v.presses(t, "price"+kb.Tab+"1"+kb.Enter)
	v.comesTo(t, `text("#add-error").startsWith("Not done: set price (forbidden_key") && document.querySelector("#new-key").value === "price"
		&& document.querySelector("#new-value").value === "1" && !document.querySelector('tr[data-key="price"]')`)
	v.comesTo(t, `document.querySelector("#timeline li").dataset.by === "refused"`)

	id := v.backend.resolve(v.visitor).ID
	v.post(t, `{"set":{"fruit":"plums"}}`) // a session has to be written to exist
	v.backend.do(http.MethodPost, "/v1/sessions/"+id, `{"set":{"price":5}}`).want(http.StatusOK)
	v.comesTo(t, `text('tr[data-key="price"] .value') === "5"`)
	v.click(t, `tr[data-key="price"] .value`)
	v.presses(t, "4"+kb.Enter)
	v.comesTo(t, `text(".editor .error").startsWith("Not done: set price (forbidden_key") && document.activeElement.value === "4"`)
	v.presses(t, kb.Escape)
	v.comesTo(t, `text('tr[data-key="price"] .value') === "5"`)
}

// What is shown already and not confirmed yet says so.
func TestTheLiveViewMarksWhatWaits(t *testing.T) {
	v := openLiveView(t)
	v.click(t, cherriesButton)
	v.comesTo(t, `text('tr[data-key="fruit"] .who') === "you v1" && !document.querySelector(".waiting")`)
	v.click(t, "#offline")
	v.comesTo(t, `text("#status") === "offline"`)
	v.click(t, blueberriesButton)
	v.comesTo(t, `document.querySelector('tr[data-key="fruit"]').matches(".waiting") && text("#fruit") === "blueberries" && text("#pending") === "1"`)
	v.click(t, "#offline")
	v.comesTo(t, `text('tr[data-key="fruit"] .who') === "you v2" && !document.querySelector(".waiting") && text("#pending") === "0"`)
}

// scrollsSideways is by how many pixels the page is wider than the window.
const scrollsSideways = `document.documentElement.scrollWidth - document.documentElement.clientWidth`

func TestTheLiveViewFitsANarrowWindow(t *testing.T) {
	v := openLiveView(t)
	if err := chromedp.Do(v.ctx, chromedp.EmulateViewport(360, 800)); err != nil {
		t.Fatal(err)
	}
	fits := func(where string) {
		t.Helper()
		if by := evaluate[int](t, v.page, scrollsSideways); by != 0 {
			t.Errorf("%s: %d pixels too wide", where, by)
		}
	}
	fits("empty")
	fill(t, v)
	fits("with everything open")
	v.click(t, ".look-back")
	fits("looking back")
}
