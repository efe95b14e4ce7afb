package main

import (
	"bytes"
	"context"
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/chromedp"
	"github.com/google/go-cmp/cmp"
)

// snippets says how each fenced block of the README is run, in the order of the README. A block is named by its
// heading and its language, with a number from the second of a kind on. nil: not run, for the reason beside it.
var snippets = []struct {
	name string
	run  func(*reader, *testing.T, string)
}{
	{"seshd/sh", (*reader).startsFromTheCheckout},
	{"seshd/text", (*reader).isTheBanner},
	{"seshd/js", (*reader).runsInTheConsole},
	{"The tour/json", (*reader).isTheAnswerOfCherries},
	{"From a page of your own/sh", (*reader).startsFromTheCheckout},
	{"From a page of your own/html", (*reader).runsOnAnotherOrigin},
	{"From a terminal/sh", (*reader).getsATicket},
	{"From a terminal/text", (*reader).isTheTalkWithWscat},
	{"From a terminal/sh/2", (*reader).scriptsWscat},
	{"seshd connect/sh", (*reader).connects},
	{"With curl/sh", (*reader).callsEveryPath},
	{"With curl/sh/2", (*reader).followsEvents},
	{"In a Go program/go", (*reader).writesTheProgram},
	{"In a Go program/sh", (*reader).runsTheProgram},
	{"In front of your app/sh", (*reader).startsBeforeAnApp},
	{"In front of your app/sh/2", (*reader).startsTheFlaskExample},
	{"From your backend/sh", (*reader).asksTheServerAPI},
	{"Command line/yaml", (*reader).isAConfiguration},
	{"Command line/sh", (*reader).startsFromTheCheckout},
	{"Docker/sh", nil}, // needs a container engine
	{"Backups/sh", (*reader).backsUp},
}

func TestReadme(t *testing.T) {
	r := newReader(t)
	blocks := fencedBlocks(readFile(t, "README.md"))
	for i, b := range blocks {
		if i >= len(snippets) || snippets[i].name != b.name {
			t.Fatalf("block %d of the README is %q: say in snippets how it is run", i+1, b.name)
		}
	}
	if len(blocks) != len(snippets) {
		t.Fatalf("the README has %d blocks, snippets %d", len(blocks), len(snippets))
	}
	for i, b := range blocks {
		if snippets[i].run == nil {
			continue
		}
		t.Run(b.name, func(t *testing.T) { snippets[i].run(r, t, r.here(b.text)) })
	}
}

// startsFromTheCheckout runs a line that starts a server until it listens, and looks whether it serves.
func (r *reader) startsFromTheCheckout(t *testing.T, text string) {
	r.startsAndServes(t, text, "/session")
}

func (r *reader) startsBeforeAnApp(t *testing.T, text string) {
	app := newMirror(t)
	r.startsAndServes(t, strings.Replace(text, "localhost:3000", app.addr, 1), "/cart")
	if n := app.reached.Load(); n != 1 {
		t.Errorf("the app was reached %d times", n)
	}
}

func (r *reader) startsAndServes(t *testing.T, text, path string) {
	if strings.Contains(text, "--config") {
		r.write(t, "seshd.yaml", strings.Replace(r.yaml, ":9000", "127.0.0.1:0", 1))
		text = strings.Replace(text, "seshd.yaml", filepath.Join(r.dir, "seshd.yaml"), 1)
	}
	env := []string{"CGO_ENABLED=0", "SESHD_INTERNAL_ADDR=127.0.0.1:0", "SESHD_DATA=" + t.TempDir()}
	if !strings.Contains(text, "--config") {
		env = append(env, "SESHD_ADDR=127.0.0.1:0")
	}
	c := r.begin(t, repoRoot(t), text, env...)
	addr := c.waitFor(t, `"msg":"listening","addr":"`, `"`)
	if status := statusOf(t, "http://"+addr+path); status != http.StatusOK {
		t.Errorf("%s answers %d", path, status)
	}
	c.interrupt(t)
	if !strings.Contains(c.output(), `"msg":"stopped"`) {
		t.Errorf("it did not stop of itself:\n%s", c.output())
	}
}

func (r *reader) isTheBanner(t *testing.T, _ string) {
	var want bytes.Buffer
	banner(&want, config{addr: ":8000", tour: true, data: "/home/you/seshd/data"}, &net.TCPAddr{Port: 8000}, false)
	got := fencedBlocks(readFile(t, "README.md"))[1].text // with the real port
	if diff := cmp.Diff(strings.TrimRight(want.String(), "\n"), strings.TrimRight(got, "\n")); diff != "" {
		t.Errorf("not what a terminal shows (-shown +README):\n%s", diff)
	}
}

func (r *reader) runsInTheConsole(t *testing.T, text string) {
	tab := r.newBrowser(t)
	if err := chromedp.Do(tab, chromedp.Navigate("http://"+r.addr+"/live")); err != nil {
		t.Fatal(err)
	}
	console[chromedp.Void](t, tab, text)
	type snapshot struct {
		Data    map[string]any
		Status  string
		Version uint64
	}
	got := console[snapshot](t, tab, "s.getSnapshot()")
	want := map[string]any{"fruit": "cherries", "visits": 1.0, "log": []any{"hello"}, "note": "!", "paid": true}
	if diff := cmp.Diff(want, got.Data); diff != "" || got.Status != "live" || got.Version != 6 {
		t.Errorf("%s at version %d, %s", got.Status, got.Version, diff)
	}
	untilTrue(t, tab, `document.querySelector("#fruit").textContent == "cherries"`) // so does the page itself
}

func (r *reader) isTheAnswerOfCherries(t *testing.T, text string) {
	got := r.sh(t, r.here("curl -s -c tour -b tour http://localhost:8000/; curl -s -c tour -b tour http://localhost:8000/cherries"))
	if got != "hello"+text {
		t.Errorf("%s", got)
	}
}

func (r *reader) runsOnAnotherOrigin(t *testing.T, text string) {
	page := httptest.NewServer(nil)
	defer page.Close()
	_, port, _ := net.SplitHostPort(page.Listener.Addr().String())
	origin := "http://localhost:" + port
	p := start(t, t.TempDir(), "--allowed-origins", origin)
	server := localhost(p.addr)
	text = strings.ReplaceAll(text, r.addr, server)
	page.Config.Handler = http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "text/html")
		fmt.Fprint(w, text)
	})

	tab := r.newBrowser(t)
	shows := func(fruit string) {
		t.Helper()
		untilTrue(t, tab, fmt.Sprintf(`document.querySelector("output").value == %q`, fruit))
	}
	do := func(tab context.Context, steps ...chromedp.Action[chromedp.Void]) {
		t.Helper()
		if err := chromedp.Do(tab, steps...); err != nil {
			t.Fatal(err)
		}
	}
	do(tab, chromedp.Navigate(origin))
	shows("none yet")
	console[chromedp.Void](t, tab, `document.querySelector("button").click()`)
	shows("cherries")            // at once
	p.logged(t, "session begun") // by that write: until then another page would begin a session of its own
	other, cancel := chromedp.NewContext(tab)
	defer cancel()
	do(other, chromedp.Navigate("http://"+server+"/blueberries")) // the same session, from the server's own page
	shows("blueberries")
}

// getsATicket runs the block up to wscat, with which isTheTalkWithWscat talks.
func (r *reader) getsATicket(t *testing.T, text string) {
	before, ok := strings.CutSuffix(strings.TrimSpace(text), `npx wscat -c "$url"`)
	if !ok {
		t.Fatal("the block does not end with wscat")
	}
	lines := strings.Split(strings.TrimSpace(r.sh(t, before+`printf '\n%s' "$url"`)), "\n")
	r.ticket = lines[len(lines)-1]
	if !strings.HasPrefix(r.ticket, "ws://"+r.addr+"/ws?ticket=") {
		t.Errorf("url is %q", r.ticket)
	}
}

// isTheTalkWithWscat types the lines that are typed, each when what stands before it has come.
func (r *reader) isTheTalkWithWscat(t *testing.T, text string) {
	c := r.begin(t, r.dir, fmt.Sprintf("npx wscat -c %q", r.ticket))
	said := 0
	for line := range strings.Lines(strings.TrimSpace(text)) {
		line = strings.TrimSpace(line)
		if typed, ok := strings.CutPrefix(line, "> "); ok {
			fmt.Fprintln(c.stdin, typed)
			continue
		}
		want, ok := strings.CutPrefix(line, "< ")
		if !ok {
			continue // wscat greets on a terminal only
		}
		said++
		got := strings.TrimPrefix(c.line(t, said), "> ") // its prompt
		if !matches(want, got) {
			t.Fatalf("line %d\n got %s\nwant %s", said, got, want)
		}
	}
	if said < 2 {
		t.Error("there is no talk")
	}
	c.stdin.Close()
}

func (r *reader) scriptsWscat(t *testing.T, text string) {
	for run := range 2 { // "again and again"
		got := strings.Split(strings.TrimSpace(r.sh(t, text)), "\n")
		if len(got) != 3 || !matches(fmt.Sprintf(`{"type":"ok","id":1,"version":%d}`, run+3), got[2]) {
			t.Errorf("run %d: %q", run+1, got)
		}
	}
}

// connects picks the cherries that the last line of the block waits for.
func (r *reader) connects(t *testing.T, text string) {
	c := r.begin(t, r.dir, strings.ReplaceAll(text, "seshd connect", "seshd connect "+r.addr))
	c.until(t, "three tabs", func() bool { return strings.Count(c.output(), `"type":"session"`) == 3 })
	r.sh(t, r.here("curl -s -c jar -b jar http://localhost:8000/cherries"))
	if err := c.wait(); err != nil || strings.Count(c.output(), `"type":"ok"`) != 3 {
		t.Errorf("%v\n%s", err, c.output())
	}
}

func (r *reader) callsEveryPath(t *testing.T, text string) {
	os.Remove(filepath.Join(r.dir, "jar"))
	want := []string{
		`{"id":"…","version":0,"data":{},"tabs":0,"expires":"…"}`,
		`{"id":"…","version":1,"set":{"fruit":"cherries","visits":1},"delete":[]}`,
		`{"id":"…","version":2,"set":{"cart":{"sku1":2}},"delete":[]}`,
		`"cherries"`,
		`{"id":"…","version":3,"set":{"fruit":"plums"},"delete":[]}`,
		`{"id":"…","version":4,"set":{},"delete":["cart"]}`,
		`[]`,
	}
	got := strings.Split(strings.TrimSpace(r.sh(t, text)), "\n")
	if len(got) != len(want) {
		t.Fatalf("%q", got)
	}
	for i := range want {
		if !matches(want[i], got[i]) {
			t.Errorf("line %d\n got %s\nwant %s", i+1, got[i], want[i])
		}
	}
	if jar := readFile(t, filepath.Join(r.dir, "jar")); strings.Contains(jar, "\tsession\t") {
		t.Error("the cookie outlived its session")
	}
}

func (r *reader) followsEvents(t *testing.T, text string) {
	r.sh(t, r.here("curl -s -c jar -b jar http://localhost:8000/session"))
	c := r.begin(t, r.dir, text)
	c.waitFor(t, `data: {"type":"session"`, "\n")
	r.sh(t, r.here("curl -s -c jar -b jar http://localhost:8000/cherries"))
	change := c.waitFor(t, `data: {"type":"change"`, "\n")
	if !strings.Contains(change, `"set":{"fruit":"cherries"},"delete":[],"by":"code"`) {
		t.Error(change)
	}
}

func (r *reader) writesTheProgram(t *testing.T, text string) {
	r.write(t, "fruit/main.go", text)
}

// runsTheProgram makes a module of its own of it, as the block says, and opens its page and the tour's.
func (r *reader) runsTheProgram(t *testing.T, text string) {
	// Tidying asks for the tests of dependencies of dependencies too, which without a network may be missing: -e does without.
	const offline = `go() { if [ "$1 $2" = "mod tidy" ]; then command go mod tidy || command go mod tidy -e; else command go "$@"; fi; }` + "\n"
	text = strings.Replace(text, "../seshd", repoRoot(t), 1)
	c := r.begin(t, filepath.Join(r.dir, "fruit"), offline+text, "CGO_ENABLED=0", "GOFLAGS=-mod=mod")
	for path, want := range map[string]string{"/plums": "{\"fruit\":\"plums\"}\n", "/": "hello"} {
		c.untilServed(t, "http://"+r.program+path, want)
	}
	c.interrupt(t)
}

// asksTheServerAPI is the backend of a browser with a cart.
func (r *reader) asksTheServerAPI(t *testing.T, text string) {
	v := newBrowser(t, r.addr)
	if _, err := v.post(`{"set":{"cart":{"sku1":2},"junk":1}}`, ""); err != nil {
		t.Fatal(err)
	}
	got := strings.Split(strings.TrimSpace(r.sh(t, "cookie='"+v.cookie()+"'\n"+text)), "\n")
	want := []string{
		`{"id":"…","version":2,"set":{"_plan":"gold"},"delete":[]}`,
		`{"id":"…","version":3,"device":"…","set_cookie":["…"],"kept":["cart"],"combined":[]}`,
	}
	if len(got) != len(want) || !matches(want[0], got[0]) || !matches(want[1], got[1]) {
		t.Errorf("%q", got)
	}
}

// backsUp makes a backup of what the snippets before left, checks it and puts it back.
func (r *reader) backsUp(t *testing.T, text string) {
	got := strings.Split(strings.TrimSpace(r.sh(t, text)), "\n")
	if len(got) != 2 || !strings.HasPrefix(got[0], "nothing is damaged: ") || !strings.HasPrefix(got[1], "restored to ") {
		t.Errorf("%q", got)
	}
	start(t, filepath.Join(r.dir, "restored"))
}

func (r *reader) isAConfiguration(t *testing.T, text string) {
	r.yaml = text // startsFromTheCheckout starts with it
	r.write(t, "seshd.yaml", text)
	cmd := newServe(nil)
	if err := cmd.ParseFlags([]string{"--config", filepath.Join(r.dir, "seshd.yaml")}); err != nil {
		t.Fatal(err)
	}
	c, err := load(cmd.Flags(), nil)
	if err != nil {
		t.Fatal(err)
	}
	if c.addr != ":9000" || c.idleTimeout != duration(2*time.Hour) || len(c.tabWrite) != 2 || c.tour {
		t.Errorf("%+v", c)
	}
}

func TestReadmeHasEveryFlag(t *testing.T) {
	rows := map[string]string{} // flag to default
	for line := range strings.Lines(readFile(t, "README.md")) {
		if cells := strings.Split(line, "|"); len(cells) > 3 && strings.HasPrefix(cells[1], " `--") {
			rows[strings.Trim(cells[1], " `-")] = strings.Trim(cells[2], " `")
		}
	}
	for _, s := range settings {
		def, found := rows[s.name]
		delete(rows, s.name)
		if s.secret && def == "generated into `--data" { // the trimmed end of `--data`
			continue
		}
		if !found || def != s.def {
			t.Errorf("--%s: the README says %q, it is %q", s.name, def, s.def)
		}
	}
	delete(rows, configFlag)
	for name := range rows {
		t.Errorf("--%s is in the README and unknown to seshd", name)
	}
	for _, c := range newRoot(nil).Commands() {
		if !strings.Contains(readFile(t, "README.md"), "| `seshd "+c.Name()+"` |") {
			t.Errorf("the README lacks seshd %s", c.Name())
		}
	}
}

func TestDocsLinkToWhatIsThere(t *testing.T) {
	for _, name := range []string{"README.md", "docs/ARCHITECTURE.md", "docs/PROTOCOL.md", "docs/DEPLOY.md", "cmd/seshd/bench/README.md", "web/client/README.md", "docs/examples/flask/README.md", "docs/examples/express/README.md", "docs/examples/go/README.md"} {
		for _, link := range relativeLinks(readFile(t, name)) {
			if _, err := os.Stat(filepath.Join(repoRoot(t), filepath.Dir(name), link)); err != nil {
				t.Errorf("%s: %v", name, err)
			}
		}
	}
}

func TestProtocolReferenceHasEveryCode(t *testing.T) {
	text := readFile(t, "docs/PROTOCOL.md")
	for _, code := range codesInSource(t) {
		if !strings.Contains(text, "| `"+code+"` |") {
			t.Errorf("docs/PROTOCOL.md does not explain %s", code)
		}
	}
}

func TestProtocolReferenceHasEveryOperation(t *testing.T) {
	text := readFile(t, "docs/PROTOCOL.md")
	for _, operation := range operations() {
		method, path, _ := strings.Cut(operation, " ")
		if !strings.Contains(text, "`"+operation+"`") && (method != http.MethodGet || !strings.Contains(text, "`"+path+"`")) {
			t.Errorf("docs/PROTOCOL.md does not explain %s", operation)
		}
	}
}

func statusOf(t *testing.T, url string) int {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	defer cancel()
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		t.Fatal(err)
	}
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		t.Fatal(err)
	}
	response.Body.Close()
	return response.StatusCode
}
