package main

import (
	"fmt"
	"os"
	"path/filepath"
	"testing"

	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/chromedp"
)

// fill brings the page to where it shows most of what it can: all kinds of lines, one of them open, an editor with an error,
// a ticket, and a pause.
func fill(t *testing.T, v *liveView) {
	t.Helper()
	v.click(t, cherriesButton)
	v.post(t, `{"set":{"cart":{"sku1":2,"a name without a single place to break it at all":"`+fmt.Sprintf("%0100d", 0)+`"}}}`)
	v.post(t, `{"merge":{"cart":{"sku1":3}},"incr":{"visits":1}}`)
	if err := openTab(t, v.visitor).send(`{"append":{"log":["hello"]}}`); err != nil {
		t.Fatal(err)
	}
	v.comesTo(t, `text("#version") === "4" && document.querySelectorAll("#tab-list li").length === 2`)
	v.click(t, "#timeline li:nth-child(2) summary")
	v.click(t, `#timeline li:nth-child(2) button[data-way="wscat"]`)
	v.comesTo(t, `text(".copy-as code").startsWith("wscat")`)
	v.click(t, "#ticket")
	v.comesTo(t, `!document.querySelector("#ticket-box").hidden`)
	v.click(t, "#add")
	v.click(t, `tr[data-key="log"] .value`)
	v.presses(t, "plums")
	v.comesTo(t, `text(".editor .error") !== "" && text("#add-error") !== ""`)
	v.click(t, "#pause")
}

// axeSource is axe-core, which .ci/tools installs.
func axeSource(t *testing.T) string {
	t.Helper()
	source, err := os.ReadFile(filepath.Join(os.Getenv("CLIENT_MODULES"), "axe-core", "axe.min.js"))
	if err != nil {
		t.Fatalf("this test asks axe-core: . .ci/tools installs it and sets CLIENT_MODULES (%v)", err)
	}
	return string(source)
}

// axe gives what axe-core finds that is serious or critical, with the first element of each.
const axe = `axe.run({ resultTypes: ["violations"] }).then(({ violations }) => violations
	.filter(({ impact }) => impact === "serious" || impact === "critical")
	.map(({ id, help, nodes }) => id + ": " + help + ": " + nodes.map((node) => node.html + " " + node.failureSummary).slice(0, 3).join("\n")))`

func TestTheLiveViewIsForEverybody(t *testing.T) {
	v := openLiveView(t)
	fill(t, v)
	evaluate[bool](t, v.page, axeSource(t)+`; true`)
	// What moves is looked at where it comes to rest.
	calm := &emulation.MediaFeature{Name: "prefers-reduced-motion", Value: "reduce"}
	look := func(what string) {
		for _, scheme := range []string{"light", "dark"} {
			for _, width := range []int64{360, 1280} {
				features := []*emulation.MediaFeature{{Name: "prefers-color-scheme", Value: scheme}, calm}
				if _, err := chromedp.Call(v.ctx, emulation.SetEmulatedMedia, emulation.SetEmulatedMediaParams{Features: features}); err != nil {
					t.Fatal(err)
				}
				if err := chromedp.Do(v.ctx, chromedp.EmulateViewport(width, 900)); err != nil {
					t.Fatal(err)
				}
				evaluate[bool](t, v.page, `Promise.all(document.getAnimations().map((a) => a.finished)).then(() => true)`)
				for _, found := range evaluate[[]string](t, v.page, axe) {
					t.Errorf("%s, %s, %d pixels: %s", what, scheme, width, found)
				}
			}
		}
	}
	look("now")
	v.click(t, ".look-back")
	look("the past")
	v.click(t, "#back-to-now")
	v.click(t, blueberriesButton)
	v.click(t, "#offline")
	v.comesTo(t, `text("#status") === "offline"`)
	v.click(t, cherriesButton)
	look("offline")

	// That nothing was found means something only if it would have been.
	evaluate[bool](t, v.page, `(document.body.append(document.createElement("img"), document.createElement("button")), true)`)
	if found := evaluate[[]string](t, v.page, axe); len(found) < 2 {
		t.Errorf("a picture without a text and a button without a name: found %q", found)
	}
}

// What others write is told to a screen reader, together where it comes too fast for that.
func TestTheLiveViewAnnouncesWithoutChatter(t *testing.T) {
	v := openLiveView(t)
	evaluate[bool](t, v.page, `(window.said = [], new MutationObserver(() => said.push(document.querySelector("#announce").textContent))
		.observe(document.querySelector("#announce"), { childList: true }), true)`)
	v.click(t, cherriesButton) // ours: no word
	for range 20 {
		v.post(t, `{"incr":{"n":1}}`)
	}
	v.comesTo(t, `text("#announce") === "19 changes; the last: n is now 20, by http"`)
	if said := evaluate[[]string](t, v.page, `said`); len(said) != 2 || said[0] != "n is now 1, by http" {
		t.Errorf("said %q", said)
	}
}
