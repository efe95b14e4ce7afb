package main

import (
	"fmt"
	"slices"
	"testing"

	"github.com/chromedp/chromedp"
)

// pixelClicks are enough for a 99th percentile that no single odd frame decides.
const pixelClicks = 300

// pixelPatience is the median's bound in ms: what people wait for without a thought. Any machine is far below.
const pixelPatience = 1000

// noteClicks keeps when the mouse was clicked, as the browser itself says.
const noteClicks = `(() => {
	window.clicked = [];
	document.addEventListener("click", (e) => clicked.push(performance.timeOrigin + e.timeStamp), true);
	return true;
})()`

// notePixels keeps when each new count of cherries was in the page, when the frame with it was begun, and when that was shown.
// The last is said of an element that is new in the same frame (Element Timing), and so of the frame.
const notePixels = `(() => {
	window.seen = new Map(); // by the count
	window.frame = (n) => {
		if (!seen.has(n)) {
			const frame = {};
			frame.painted = new Promise((yes) => (frame.paint = yes));
			seen.set(n, frame);
		}
		return seen.get(n);
	};
	const now = () => performance.timeOrigin + performance.now();
	new MutationObserver(() => {
		const n = document.querySelector("#lines [data-fruit=cherries] b").textContent;
		if (frame(n).shown) return;
		frame(n).shown = now();
		const mark = Object.assign(document.createElement("p"), { textContent: n });
		mark.setAttribute("elementtiming", n);
		document.querySelector(".hello").replaceChildren(mark);
		requestAnimationFrame(() => (frame(n).begun = now()));
	}).observe(document.querySelector("#lines"), { subtree: true, childList: true });
	new PerformanceObserver((list) => {
		for (const { identifier, renderTime } of list.getEntries()) {
			frame(identifier).pixels = performance.timeOrigin + renderTime;
			frame(identifier).paint();
		}
	}).observe({ type: "element" });
	return true;
})()`

// painted waits until a count is on the screen, and then for a part of a frame or for several, so that the next click may come
// at any time of one.
const painted = `frame("%d").painted.then(() => new Promise((yes) => setTimeout(() => yes(true), Math.random() * 50)))`

// TestFromAClickToPixels clicks in one window, and waits each time until another one shows it. -v prints how long that took, from
// the mouse of one to the screen of the other, every write on disk before it is told. Both windows are of one browser: their
// performance.timeOrigin + performance.now() is one clock.
func TestFromAClickToPixels(t *testing.T) {
	p := start(t, t.TempDir())
	tabs := openShopPages(t, startChromium(t), "http://"+p.addr+"/shop", 2)
	for _, tab := range tabs {
		if state := evaluate[string](t, tab, `document.visibilityState`); state != "visible" {
			t.Fatalf("a window is %s: it would draw nothing", state)
		}
	}
	evaluate[bool](t, tabs[0], noteClicks)
	evaluate[bool](t, tabs[1], notePixels)
	at := evaluate[[]float64](t, tabs[0], fmt.Sprintf(`(() => {
		const button = document.querySelector(%q);
		button.scrollIntoView({ block: "center" });
		const box = button.getBoundingClientRect();
		return [box.x + box.width / 2, box.y + box.height / 2];
	})()`, addTo("cherries")))
	for n := range pixelClicks {
		if err := chromedp.Do(tabs[0].ctx, chromedp.MouseClickXY(at[0], at[1])); err != nil {
			t.Fatal(err)
		}
		evaluate[bool](t, tabs[1], fmt.Sprintf(painted, n+1))
	}

	clicked := evaluate[[]float64](t, tabs[0], `clicked`)
	type frame struct{ Shown, Begun, Pixels float64 }
	frames := evaluate[map[string]frame](t, tabs[1], `Object.fromEntries([...seen].map(([n, { shown, begun, pixels }]) => [n, { shown, begun, pixels }]))`)
	if len(clicked) != pixelClicks || len(frames) != pixelClicks {
		t.Fatalf("%d clicks made %d frames", len(clicked), len(frames))
	}
	report := func(what string, from, to func(click float64, f frame) float64) (median float64) {
		var took []float64
		for i, click := range clicked {
			f := frames[fmt.Sprint(i+1)]
			took = append(took, to(click, f)-from(click, f))
		}
		slices.Sort(took)
		t.Logf("%-50s median %5.1f ms, p99 %5.1f ms, most %5.1f ms", what, took[len(took)/2], took[len(took)*99/100], took[len(took)-1])
		return took[len(took)/2]
	}
	click := func(c float64, _ frame) float64 { return c }
	shown := func(_ float64, f frame) float64 { return f.Shown }
	begun := func(_ float64, f frame) float64 { return f.Begun }
	pixels := func(_ float64, f frame) float64 { return f.Pixels }
	if median := report("from the click to the pixels in the other tab:", click, pixels); median > pixelPatience {
		t.Errorf("the other tab shows a click after %.0f ms, want %d at most", median, pixelPatience)
	}
	report("  of that, until the other tab has the value:", click, shown)
	report("  its wait for the next frame (16.7 ms apart):", shown, begun)
	report("  and the browser's drawing:", begun, pixels)
}
