package main

import (
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// TestFrameworks runs the demos of React and Svelte as their READMEs say, then both before one server: three pages, one session.
func TestFrameworks(t *testing.T) {
	chromium := startChromium(t)
	demos := http.NewServeMux()
	for _, name := range []string{"react", "svelte"} {
		s := startsAnExample(t, name, howToRun(t, name))
		openPage(t, chromium, "http://"+s.public+"/").comesTo(t, `text("h1")?.toLowerCase() === "`+name+`" && text("#status") === "live, 1 tabs"`)
		demos.Handle("/"+name+"/", http.StripPrefix("/"+name, httputil.NewSingleHostReverseProxy(&url.URL{Scheme: "http", Host: s.app})))
	}
	front := httptest.NewServer(demos)
	t.Cleanup(front.Close)
	p := start(t, t.TempDir(), "--app", front.URL)

	one, two := openPage(t, chromium, "http://"+p.addr+"/react/"), openPage(t, chromium, "http://"+p.addr+"/react/")
	three := openPage(t, chromium, "http://"+p.addr+"/svelte/")
	pages := []*page{one, two, three}
	show := func(condition string) {
		t.Helper()
		for _, page := range pages {
			page.comesTo(t, condition)
		}
	}
	oneTabEach := func() {
		t.Helper()
		show(`text("#status") === "live, 3 tabs"`)
		if tabs := evaluate[int](t, one, `fetch("/session/tabs").then((r) => r.json()).then((tabs) => tabs.length)`); tabs != len(pages) {
			t.Errorf("the server has %d tabs of %d pages", tabs, len(pages))
		}
	}
	oneTabEach() // though StrictMode mounts everything twice
	one.click(t, cherriesButton)
	show(`text("#fruit") === "cherries"`)
	three.click(t, blueberriesButton)
	show(`text("#fruit") === "blueberries"`)

	const each = 20
	for _, page := range pages {
		evaluate[bool](t, page, `(window.clicking = `+clicks("#visit", each)+`, true)`)
	}
	for _, page := range pages {
		evaluate[bool](t, page, `clicking`)
	}
	show(`text("#visits") === "60"`)

	// Components that go leave the page's connection alone, and find what has changed when they come back.
	for _, page := range []*page{one, three} {
		page.click(t, "#toggle")
		page.comesTo(t, `!document.querySelector("#fruit")`)
	}
	oneTabEach()
	two.click(t, cherriesButton)
	two.comesTo(t, `text("#fruit") === "cherries"`)
	for _, page := range []*page{one, three} {
		page.click(t, "#toggle")
	}
	show(`text("#fruit") === "cherries" && text("#visits") === "60"`)
	oneTabEach()
	for i, page := range pages {
		if rest := page.complaints(); len(rest) > 0 {
			t.Errorf("page %d has errors in its console:\n%s", i, strings.Join(rest, "\n"))
		}
	}
}

// wrongTypes compiles only if each line after a comment is an error.
const wrongTypes = `import { session } from "./session";
import { useSession } from "./useSession";
export const fruit: string | undefined = useSession(session, ({ data }) => data.fruit);
// @ts-expect-error it is a text
export const number: number | undefined = useSession(session, ({ data }) => data.fruit);
// @ts-expect-error there is no such key
export const nothing = useSession(session, ({ data }) => data.nothing);
`

func TestTypesOfTheReactHook(t *testing.T) {
	checkout := t.TempDir()
	dir := filepath.Join(checkout, "docs/examples/react")
	if err := os.CopyFS(dir, os.DirFS(exampleDir(t, "react"))); err != nil {
		t.Fatal(err)
	}
	os.RemoveAll(filepath.Join(dir, "node_modules"))
	if err := os.Symlink(os.Getenv("REACT_MODULES"), filepath.Join(dir, "node_modules")); err != nil {
		t.Fatal(err)
	}
	if err := os.MkdirAll(filepath.Join(checkout, "web/client"), 0o700); err != nil {
		t.Fatal(err)
	}
	for file, text := range map[string]string{
		filepath.Join(checkout, "web/client/seshd.d.ts"): readFile(t, "web/client/seshd.d.ts"), filepath.Join(dir, "wrong.ts"): wrongTypes,
	} {
		if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	check := exec.CommandContext(t.Context(), "npm", "run", "check")
	check.Dir = dir
	if out, err := check.CombinedOutput(); err != nil {
		t.Errorf("npm run check: %v\n%s", err, out)
	}
}

// TestTheFrameworksNeedLittle: what a page takes over from the examples is read in a minute.
func TestTheFrameworksNeedLittle(t *testing.T) {
	const limit = 30 // lines
	for _, file := range []string{"docs/examples/react/useSession.ts", "docs/examples/svelte/sessionStore.js"} {
		if lines := strings.Count(readFile(t, file), "\n"); lines >= limit {
			t.Errorf("%s has %d lines, want fewer than %d", file, lines, limit)
		}
	}
}
