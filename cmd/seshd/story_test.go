package main

import (
	"bytes"
	"encoding/json"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// curl is a visitor at a terminal: the real program, with its own cookie jar.
type curl struct{ program, jar, addr string }

func newCurl(t *testing.T, addr string) *curl {
	t.Helper()
	program, err := exec.LookPath("curl")
	if err != nil {
		t.Fatal("these tests drive the real curl: install it (Debian: apt-get install curl)")
	}
	return &curl{program, filepath.Join(t.TempDir(), "jar"), addr}
}

// do runs curl on a path and returns the status with the content type, and the body to the byte.
func (c *curl) do(t *testing.T, path string, args ...string) (head, body string) {
	t.Helper()
	file := filepath.Join(t.TempDir(), "body")
	args = append([]string{"-q", "-sS", "--noproxy", "*", "-b", c.jar, "-c", c.jar, "-o", file, "-w", "%{http_code} %{content_type}"}, args...)
	out, err := exec.CommandContext(t.Context(), c.program, append(args, "http://"+c.addr+path)...).CombinedOutput()
	if err != nil {
		t.Fatalf("curl %s: %v: %s", path, err, out)
	}
	text, err := os.ReadFile(file)
	if err != nil && !os.IsNotExist(err) { // there is none where the body is empty
		t.Fatal(err)
	}
	return string(out), string(text)
}

// cookie is the line of a Cookie header that a script makes of the jar.
func (c *curl) cookie(t *testing.T) string {
	t.Helper()
	text, err := os.ReadFile(c.jar)
	if err != nil {
		t.Fatal(err)
	}
	for line := range bytes.Lines(text) {
		if fields := strings.Fields(string(line)); len(fields) == 7 && fields[5] == "session" {
			return "session=" + fields[6]
		}
	}
	t.Fatalf("no session in the jar:\n%s", text)
	return ""
}

// browser is another program that was given the cookie in curl's jar.
func (c *curl) browser(t *testing.T) *browser {
	t.Helper()
	b := newBrowser(t, c.addr)
	cookie, err := http.ParseCookie(c.cookie(t))
	if err != nil {
		t.Fatal(err)
	}
	b.http.Jar.SetCookies(&url.URL{Scheme: "http", Host: c.addr, Path: "/"}, cookie)
	return b
}

// The story of the post, told by curl and watched by a tab of the same visitor.
func TestTheStory(t *testing.T) {
	p := start(t, t.TempDir())
	c := newCurl(t, p.addr)
	var begun, ended frame
	_, body := c.do(t, "/session")
	if err := json.Unmarshal([]byte(body), &begun); err != nil {
		t.Fatal(err)
	}
	cookie := c.cookie(t)
	tb := openTab(t, c.browser(t))
	if tb.session != string(begun.ID) || tb.version != 0 || len(tb.data) != 0 || tb.tabs != 1 {
		t.Fatalf("the tab begins with %+v, the visitor with %s", tb, body)
	}

	const html, json_ = "200 text/html; charset=utf-8", "200 application/json"
	for i, step := range []struct {
		path, head, body string
		set              string // what the tab is told; delete likewise
		delete           []string
	}{
		{"/", html, "hello", `{"start":true}`, []string{}},
		{"/cherries", json_, "{\n  \"response\": \"cherries\",\n  \"session\": {\n    \"fruit\": \"cherries\",\n    \"start\": true\n  }\n}\n",
			`{"fruit":"cherries"}`, []string{}},
		{"/blueberries", json_, "{\n  \"response\": \"blueberries\",\n  \"session\": {\n    \"fruit\": \"blueberries\",\n    \"start\": true\n  }\n}\n",
			`{"fruit":"blueberries"}`, []string{}},
		{"/destroy-session", json_, "{\n  \"response\": \"session destroyed\",\n  \"session\": {}\n}\n", `{}`, []string{"fruit", "start"}},
		// The session lives on, so the visitor can begin again.
		{"/cherries", json_, "{\n  \"response\": \"cherries\",\n  \"session\": {\n    \"fruit\": \"cherries\"\n  }\n}\n",
			`{"fruit":"cherries"}`, []string{}},
	} {
		head, body := c.do(t, step.path)
		if head != step.head || body != step.body {
			t.Errorf("%s: %s %q, want %s %q", step.path, head, body, step.head, step.body)
		}
		f := want(t, tb, "change")
		set, _ := json.Marshal(f.Set)
		slices.Sort(f.Delete)
		if string(set) != step.set || !cmp.Equal(f.Delete, step.delete) || f.By != "code" || f.Version != uint64(i+1) {
			t.Errorf("%s: the tab was told %s", step.path, f.text)
		}
		if c.cookie(t) != cookie {
			t.Errorf("%s changed the cookie", step.path)
		}
	}

	_, body = c.do(t, "/session")
	if err := json.Unmarshal([]byte(body), &ended); err != nil {
		t.Fatal(err)
	}
	if string(ended.ID) != string(begun.ID) || ended.Version != 5 || ended.Tabs != 1 {
		t.Errorf("in the end: %s, begun as %s", body, begun.ID)
	}

	// Nothing changes, so nobody is told: the next frame is the answer to the ping.
	c.do(t, "/cherries")
	if err := tb.send(`{"ping":true}`); err != nil {
		t.Fatal(err)
	}
	if f, err := tb.next(); err != nil || f.Type != "pong" {
		t.Errorf("after a write that changed nothing: %s %v", f.text, err)
	}

	stranger := newCurl(t, p.addr)
	if _, body := stranger.do(t, "/blueberries"); strings.Contains(body, "cherries") || stranger.cookie(t) == cookie {
		t.Errorf("another visitor without the jar: %s", body)
	}
}
