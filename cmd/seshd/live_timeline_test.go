package main

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/chromedp/cdproto/network"
	"github.com/chromedp/chromedp"
)

func TestTheLiveViewPauses(t *testing.T) {
	v := openLiveView(t)
	v.post(t, `{"incr":{"n":1}}`)
	v.comesTo(t, `document.querySelectorAll("#timeline li").length === 2`)
	v.click(t, "#pause")
	v.comesTo(t, `text("#waiting") === "Paused: 0 lines wait."`)
	for range 3 {
		v.post(t, `{"incr":{"n":1}}`)
	}
	v.comesTo(t, `text("#waiting") === "Paused: 3 lines wait." && text("#version") === "4" && text('tr[data-key="n"] .value') === "4"`)
	if n := evaluate[int](t, v.page, `document.querySelectorAll("#timeline li").length`); n != 2 {
		t.Errorf("%d lines while it is paused", n)
	}
	v.click(t, "#pause")
	v.comesTo(t, `document.querySelectorAll("#timeline li").length === 5 && document.querySelector("#waiting").hidden`)
	shown := evaluate[string](t, v.page, `[...document.querySelectorAll("#timeline li .version")].map((x) => x.textContent).join(" ")`)
	if shown != "v4 v3 v2 v1 " { // and the connection's
		t.Errorf("the versions shown are %q", shown)
	}
}

// The timeline is bounded, and says what a pause was too long for.
func TestTheLiveViewKeepsTheLastLines(t *testing.T) {
	const kept, written = 500, 512
	v := openLiveView(t)
	v.click(t, "#pause")
	for range written {
		v.post(t, `{"incr":{"n":1}}`)
	}
	v.comesTo(t, fmt.Sprintf(`text("#waiting") === "Paused: %d lines wait (the last %d are kept)."`, written, kept))
	v.click(t, "#pause")
	v.comesTo(t, fmt.Sprintf(`document.querySelectorAll("#timeline li").length === %d && text("#timeline li .version") === "v%d"`, kept, written))
	v.comesTo(t, fmt.Sprintf(`text("#timeline li:last-child .version") === "v%d"`, written-kept+1))
}

func TestTheLiveViewShowsDifferences(t *testing.T) {
	v := openLiveView(t)
	v.post(t, `{"set":{"cart":{"sku1":2,"odd key":[1]},"old":true}}`)
	v.post(t, `{"merge":{"cart":{"sku1":3,"odd key":[1,"a"],"sku2":null}},"delete":["old"]}`)
	v.comesTo(t, `text("#timeline li .what") === 'cart.sku1 2 → 3, cart["odd key"][1] "a", old'`)
	v.click(t, "#timeline li summary")
	v.comesTo(t, `!!document.querySelector("#timeline li .difference")`)
	got := evaluate[string](t, v.page, `[...document.querySelectorAll("#timeline li:first-child .difference")].map((d) => d.innerText.replace(/\s+/g, " ")).join("|")`)
	if want := `cart.sku1 before 2 after 3|cart["odd key"][1] after "a"|old before true`; got != want {
		t.Errorf("\n got %s\nwant %s", got, want)
	}
}

func TestTheLiveViewLooksBack(t *testing.T) {
	v := openLiveView(t)
	v.post(t, `{"set":{"fruit":"cherries","cart":{"sku1":1}}}`)
	v.post(t, `{"set":{"fruit":"plums"},"delete":["cart"]}`)
	v.post(t, `{"set":{"fruit":"pears"}}`)
	v.comesTo(t, `text("#version") === "3" && document.querySelectorAll("#timeline li").length === 4`)
	v.click(t, "#timeline li:nth-child(2) summary")
	v.click(t, "#timeline li:nth-child(2) .look-back")
	past := func(title, rows string) {
		t.Helper()
		v.comesTo(t, fmt.Sprintf(`text("#past-title").startsWith(%q) && [...document.querySelectorAll("#past-rows tr")].map((row) => row.textContent).join("|") === %q`, title, rows))
	}
	past("Version 2, as this tab saw it at ", `fruit"plums"before: "cherries"|cartdeleted here; before: { "sku1": 1 }`)
	v.comesTo(t, `document.querySelector("#now").hidden && !document.querySelector("#past").querySelector("input, textarea, .edit, .delete")`)

	// The session goes on meanwhile; what is looked at does not.
	v.post(t, `{"set":{"fruit":"figs"}}`)
	v.comesTo(t, `text("#version") === "4" && text("#fruit") === "figs"`)
	past("Version 2", `fruit"plums"before: "cherries"|cartdeleted here; before: { "sku1": 1 }`)
	v.click(t, "#earlier")
	past("Version 1", `cart{ "sku1": 1 }new here|fruit"cherries"new here`)
	v.click(t, "#earlier")
	past("Version 0", "")
	v.comesTo(t, `document.querySelector("#earlier").ariaDisabled === "true" && !document.querySelector("#past-empty").hidden`)
	v.click(t, "#later")
	v.click(t, "#later")
	v.click(t, "#later")
	past("Version 3", `fruit"pears"before: "plums"`)
	v.click(t, "#back-to-now")
	v.comesTo(t, `document.querySelector("#past").hidden && !document.querySelector("#now").hidden && text('tr[data-key="fruit"] .value') === '"figs"'`)
}

// awkward is a value with all that a shell, JSON and JavaScript hold to be special.
const awkward = `it's; $(touch gone) \"q\" \\ %PATH% !! ü` + "`id`"

// copied opens the line of the newest write, copies it one way, and returns what is in the clipboard's place.
func (v *liveView) copied(t *testing.T, way string) string {
	t.Helper()
	v.comesTo(t, `!!document.querySelector("#timeline li details")`)
	evaluate[bool](t, v.page, `document.querySelector("#timeline li details").open = true`)
	v.click(t, `#timeline li:first-child button[data-way="`+way+`"]`)
	v.comesTo(t, `!!text("#timeline li:first-child .copy-as code") && /Copied|Selected/.test(text("#timeline li:first-child .copy-as .line button"))`)
	return evaluate[string](t, v.page, `document.querySelector("#timeline li:first-child .copy-as code").textContent`)
}

// shell runs a line as a person does, with wscat and seshd in the path.
func shell(t *testing.T, line string, env ...string) *exec.Cmd {
	t.Helper()
	seshd, err := binary()
	if err != nil {
		t.Fatal(err)
	}
	path := strings.Join([]string{filepath.Dir(seshd), filepath.Dir(wscatProgram(t)), os.Getenv("PATH")}, string(os.PathListSeparator))
	cmd := exec.CommandContext(t.Context(), "sh", "-c", line)
	cmd.Dir = t.TempDir()
	cmd.Env = append(append(os.Environ(), "PATH="+path), env...)
	return cmd
}

// Each line that is copied does once more what its write did.
func TestTheLiveViewCopiesLinesThatRun(t *testing.T) {
	v := openLiveView(t)
	again := func(by string) string {
		return fmt.Sprintf(`text('tr[data-key="note"] .value') === %q && document.querySelector("#timeline li").dataset.by === %q`, `"`+awkward+`"`, by)
	}
	v.post(t, `{"set":{"note":"`+awkward+`"}}`)
	v.comesTo(t, again("http"))
	lines := map[string]string{}
	for _, way := range []string{"wscat", "seshd connect", "curl", "JavaScript"} {
		lines[way] = v.copied(t, way)
		t.Log(lines[way])
	}
	undo := func() {
		t.Helper()
		v.post(t, `{"set":{"note":"another"}}`)
		v.comesTo(t, `text('tr[data-key="note"] .value') === '"another"'`)
	}

	undo()
	w := runTerminal(t, shell(t, lines["wscat"]))
	w.sees(t, "session")
	w.sees(t, "change")
	w.sees(t, "ok")
	v.comesTo(t, again("tab"))

	undo()
	if out, err := shell(t, lines["seshd connect"]).CombinedOutput(); err != nil || !strings.Contains(string(out), `"type":"ok"`) {
		t.Errorf("%v: %s", err, out)
	}
	v.comesTo(t, again("tab"))

	undo()
	if out, err := shell(t, lines["JavaScript"]).CombinedOutput(); err == nil {
		t.Fatalf("JavaScript in a shell: %s", out) // else what follows proves nothing
	}
	console[chromedp.Void](t, v.ctx, lines["JavaScript"])
	v.comesTo(t, again("tab"))
	console[chromedp.Void](t, v.ctx, lines["JavaScript"]) // and once more, in the same console

	undo()
	if out, err := shell(t, lines["curl"]).CombinedOutput(); err == nil || !strings.Contains(string(out), "COOKIE") {
		t.Errorf("without the cookie: %v: %s", err, out)
	}
	stranger := newBrowser(t, v.server.addr)
	if _, err := stranger.session(); err != nil {
		t.Fatal(err)
	}
	if out, err := shell(t, lines["curl"], "COOKIE="+stranger.cookie()).Output(); err != nil || !strings.Contains(string(out), "other_session") {
		t.Errorf("with another's cookie: %v: %s", err, out)
	}
	if out, err := shell(t, lines["curl"], "COOKIE="+v.cookie(t)).Output(); err != nil || !strings.Contains(string(out), `"version"`) {
		t.Errorf("%v: %s", err, out)
	}
	v.comesTo(t, again("http"))
}

// cookie is what a person finds in the developer tools.
func (v *liveView) cookie(t *testing.T) string {
	t.Helper()
	found, err := chromedp.Call(v.ctx, network.GetCookies, network.GetCookiesParams{})
	if err != nil || len(found.Cookies) != 1 || found.Cookies[0].Name != "session" {
		t.Fatalf("%v %v", found, err)
	}
	return "session=" + found.Cookies[0].Value
}

// What this tab wrote is copied as it wrote it: an incr stays one.
func TestTheLiveViewCopiesItsOwnWritesAsTheyWere(t *testing.T) {
	v := openLiveView(t)
	got := evaluate[string](t, v.page, `import("/live/commands.js").then(({ javascript }) => [
		{ incr: { visits: 2 } }, { append: { log: ["a"] } }, { delete: ["a", "b"] }, { clear: true }, { set: { a: 1, b: 2 } },
		{ set: JSON.parse('{"a":{"__proto__":1}}') }, { merge: { cart: { sku1: null } }, incr: { n: 1 } },
	].map((mutation) => javascript(mutation).split("\n")[2]).join("\n"))`)
	want := `await s.incr("visits", 2);
await s.append("log", ["a"]);
await s.delete("a", "b");
await s.clear();
await s.apply({"set":{"a":1,"b":2}});
await s.set("a", JSON.parse("{\"__proto__\":1}"));
await s.apply({"merge":{"cart":{"sku1":null}},"incr":{"n":1}});`
	if got != want {
		t.Errorf("\n got %s\nwant %s", got, want)
	}

	v.post(t, `{"set":{"a":1,"b":2}}`)
	v.comesTo(t, `text('tr[data-key="b"] .value') === "2"`)
	v.click(t, "#clear")
	v.comesTo(t, `text("#version") === "2" && document.querySelector("#timeline li").dataset.by === "you"`)
	if line := v.copied(t, "JavaScript"); !strings.Contains(line, "s.clear()") {
		t.Error(line)
	}
}
