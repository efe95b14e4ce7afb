package main

import (
	"bytes"
	"context"
	"fmt"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// What is typed into a terminal.

// startsAndServes runs a line that starts a server until it listens, and looks whether it serves.
func (r *reader) startsAndServes(t *testing.T, text string) {
	r.answers(t, text, "/session")
}

func (r *reader) startsBeforeAnApp(t *testing.T, text string) {
	app := newMirror(t)
	r.answers(t, strings.Replace(text, r.app, app.addr, 1), "/cart")
	if n := app.reached.Load(); n != 1 {
		t.Errorf("the app was reached %d times", n)
	}
}

func (r *reader) answers(t *testing.T, text, path string) {
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

func (r *reader) isTheAnswerOfCherries(t *testing.T, text string) {
	got := r.sh(t, r.here("curl -s -c tour -b tour http://localhost:8000/; curl -s -c tour -b tour http://localhost:8000/cherries"))
	if got != "hello"+text {
		t.Errorf("%s", got)
	}
}

// getsATicket runs the block up to wscat, with which isTheTalkWithWscat talks.
func (r *reader) getsATicket(t *testing.T, text string) {
	before, ok := strings.CutSuffix(strings.TrimSpace(text), `npx wscat -c "$url"`)
	if !ok {
		t.Fatal("the block does not end with wscat")
	}
	os.Remove(filepath.Join(r.dir, "jar")) // of the visitor before
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

// asksTheServerAPI is the backend of a browser with a cart.
func (r *reader) asksTheServerAPI(t *testing.T, text string) {
	v := newBrowser(t, r.addr)
	if _, err := v.post(`{"set":{"cart":{"sku1":2},"junk":1}}`, ""); err != nil {
		t.Fatal(err)
	}
	r.prints(t, "cookie='"+v.cookie()+"'\n"+text)
}

// backsUp makes a backup of what the snippets before left, checks it and puts it back.
func (r *reader) backsUp(t *testing.T, text string) {
	got := strings.Split(strings.TrimSpace(r.sh(t, text)), "\n")
	if len(got) != 2 || !strings.HasPrefix(got[0], "nothing is damaged: ") || !strings.HasPrefix(got[1], "restored to ") {
		t.Errorf("%q", got)
	}
	start(t, filepath.Join(r.dir, "restored"))
}

// buildsAndStarts makes the binary, beside the checkout's own, and starts that.
func (r *reader) buildsAndStarts(t *testing.T, text string) {
	built := filepath.Join(r.dir, "built")
	r.startsAndServes(t, strings.NewReplacer("-o seshd", "-o "+built, "./seshd\n", built+"\n").Replace(text))
}

// prints runs a block, of which the next one shows what comes out.
func (r *reader) prints(t *testing.T, text string) {
	r.printed = r.sh(t, text)
}

func (r *reader) isPrinted(t *testing.T, text string) {
	r.shown = text
	want, got := strings.Split(strings.TrimSpace(text), "\n"), strings.Split(strings.TrimSpace(r.printed), "\n")
	if len(got) != len(want) {
		t.Fatalf("got\n%s\nwant\n%s", r.printed, text)
	}
	for i := range want {
		if !matches(want[i], got[i]) {
			t.Errorf("line %d\n got %s\nwant %s", i+1, got[i], want[i])
		}
	}
}

func (r *reader) isWell(t *testing.T, text string) {
	got := r.sh(t, text)
	if !strings.HasPrefix(got, "ready\nok\nprocess_resident_memory_bytes ") {
		t.Errorf("%s", got)
	}
}

func (r *reader) reckons(t *testing.T, text string) {
	if got := r.sh(t, text); !strings.Contains(got, "primaries of Redis") {
		t.Errorf("%s", got)
	}
}

func (r *reader) isTheAnswerToAConflict(t *testing.T, text string) {
	got := r.sh(t, r.here(`for n in 1 2 3; do curl -s -o written -c jar -b jar http://localhost:8000/session --json "{\"set\":{\"n\":$n}}"; done
		curl -s -c jar -b jar http://localhost:8000/session --json '{"if_version":1}'`))
	if !sameJSON(t, got, text) {
		t.Error(got)
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
