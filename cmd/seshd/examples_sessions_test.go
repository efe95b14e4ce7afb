package main

import (
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"testing"
)

// startMore starts an example with the routes of a file in testdata.
func startMore(t *testing.T, dir, file, command string) *example {
	t.Helper()
	if err := os.WriteFile(filepath.Join(dir, file), []byte(readFile(t, "cmd/seshd/testdata/"+file)), 0o600); err != nil {
		t.Fatal(err)
	}
	return startBehind(t, dir, command)
}

func startMoreFlask(t *testing.T) *example {
	t.Helper()
	dir := t.TempDir()
	if err := os.CopyFS(dir, os.DirFS(exampleDir(t, "flask"))); err != nil {
		t.Fatal(err)
	}
	return startMore(t, dir, "flask_more.py", fmt.Sprintf("exec %q flask_more.py", flaskPython(t)))
}

func startMoreExpress(t *testing.T) *example {
	t.Helper()
	return startMore(t, expressApp(t), "express_more.js", "exec node express_more.js")
}

// What the two sessions for other languages do at their edges.
func TestExampleSessions(t *testing.T) {
	for name, begin := range map[string]func(*testing.T) *example{"flask": startMoreFlask, "express": startMoreExpress} {
		t.Run(name, func(t *testing.T) {
			s := begin(t)
			defer func() {
				if t.Failed() {
					t.Logf("the app said:\n%s", s.child.output())
				}
			}()
			b := newBrowser(t, s.addr)
			b.gives(t, "/look", `{}`)
			if f := b.holds(t, `{}`); f.Version != 0 {
				t.Errorf("a visitor who only looked is at version %d", f.Version)
			}
			b.puts(t, `{"set":{"cart":{"cherries":1},"big":9007199254740993}}`)
			for i := range 2 {
				b.gives(t, "/nested", fmt.Sprintf(`{"cart":{"cherries":1,"plums":%d},"big":9007199254740992}`, i+1))
			}
			f := b.holds(t, `{"cart":{"cherries":1,"plums":2},"big":9007199254740993}`)
			if string(f.Data["big"]) != "9007199254740993" {
				t.Errorf("what the handler left alone is now %s", f.Data["big"])
			}
			b.page(t, http.MethodGet, "/same", nil)
			if after := b.holds(t, `{"cart":{"cherries":1,"plums":2},"big":9007199254740993}`); after.Version != f.Version {
				t.Errorf("nothing changed, and the version went from %d to %d", f.Version, after.Version)
			}
			answers := func(path string, want int) {
				t.Helper()
				if response, body := b.page(t, http.MethodGet, path, nil); response.StatusCode != want || body == "written" {
					t.Errorf("%s: %s %s, want %d", path, response.Status, body, want)
				}
			}
			answers("/late", http.StatusServiceUnavailable)
			b.holds(t, `{"cart":{"cherries":1,"plums":2},"big":9007199254740993}`)

			// Without seshd in front, or with a cookie that is no good, there is nothing to read and nowhere to write.
			direct := newBrowser(t, s.app)
			direct.gives(t, "/look", `{}`)

			// A handler that logs somebody in has the user's session from then on, and one that logs out has none.
			user := "u-" + name
			first := newBrowser(t, s.addr)
			first.puts(t, `{"set":{"cart":{"cherries":1}}}`)
			first.gives(t, "/enter/"+user, fmt.Sprintf(`{"cart":{"cherries":1},"draft":%q,"greeted":%[1]q}`, user))
			other := newBrowser(t, s.addr)
			other.puts(t, `{"set":{"cart":{"cherries":1}}}`)
			other.gives(t, "/enter/"+user, fmt.Sprintf(`{"cart":{"cherries":2},"draft":%q,"greeted":%[1]q}`, user))
			other.gives(t, "/leave", `{}`)
			first.holds(t, fmt.Sprintf(`{"cart":{"cherries":2},"draft":%q,"greeted":%[1]q,"left":true}`, user))
			answers("/ended", http.StatusConflict)
			b.holds(t, `{}`) // the next request is a new visitor's: what was ended did not come back
		})
	}
}

// Flask's own extras work: flash keeps its messages under a private key, which no browser sees.
func TestFlaskFlashes(t *testing.T) {
	s := startMoreFlask(t)
	b := newBrowser(t, s.addr)
	b.page(t, http.MethodGet, "/flash", nil)
	if f := b.holds(t, `{}`); f.Version != 1 {
		t.Errorf("version %d", f.Version)
	}
	b.gives(t, "/flashed", `["kept under a private key"]`)
	b.gives(t, "/flashed", `[]`)

	direct := newBrowser(t, s.app)
	if response, body := direct.page(t, http.MethodGet, "/cherries", nil); response.StatusCode != http.StatusConflict {
		t.Errorf("a write without a session: %s %s", response.Status, body)
	}
}
