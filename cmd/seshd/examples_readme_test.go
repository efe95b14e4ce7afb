package main

import (
	"fmt"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

func (r *reader) startsTheFlaskExample(t *testing.T, text string) {
	goShopping(t, startsAnExample(t, "flask", text))
}

func TestReadmesOfTheExamples(t *testing.T) {
	for name := range examples {
		t.Run(name, func(t *testing.T) {
			goShopping(t, startsAnExample(t, name, howToRun(t, name)))
		})
	}
}

// howToRun is the one block of an example's README.
func howToRun(t *testing.T, name string) string {
	t.Helper()
	blocks := fencedBlocks(readFile(t, "docs/examples/"+name+"/README.md"))
	if len(blocks) != 1 || !strings.HasSuffix(blocks[0].name, "/sh") {
		t.Fatalf("%d blocks, want the one that says how it is run", len(blocks))
	}
	return blocks[0].text
}

// begun is an example that was started by the lines of a README.
type begun struct {
	dir         string // a copy of the example
	public, app string // where seshd and the app listen
}

// appAddress is what --app gets in the examples.
var appAddress = regexp.MustCompile(`http://127\.0\.0\.1:\d+`)

// startsAnExample types each line into a terminal of its own. seshd is started in this checkout, the app in
// a copy of as much of one as it has.
func startsAnExample(t *testing.T, name, text string) begun {
	t.Helper()
	checkout := t.TempDir()
	r := &reader{dir: t.TempDir()}
	r.path = filepath.Join(r.dir, "bin") + string(os.PathListSeparator) + os.Getenv("PATH")
	copied := filepath.Join(checkout, "docs/examples", name)
	if err := os.CopyFS(copied, os.DirFS(exampleDir(t, name))); err != nil {
		t.Fatal(err)
	}
	os.RemoveAll(filepath.Join(copied, "node_modules"))
	npm, err := exec.LookPath("npm")
	if err != nil {
		t.Fatal(err)
	}
	modules := "$" + strings.ToUpper(name) + "_MODULES"
	// What is here stands in for what would be fetched, and for a Python without Flask.
	for tool, script := range map[string]string{
		"npm":     fmt.Sprintf(`[ "$1 $2" = "ci --prefix" ] || exec %q "$@"; ln -s "%s" "$3/node_modules"`, npm, modules),
		"python3": fmt.Sprintf(`exec %q "$@"`, flaskPython(t)),
	} {
		r.write(t, "bin/"+tool, "#!/bin/sh\n"+script+"\n")
		if err := os.Chmod(filepath.Join(r.dir, "bin", tool), 0o700); err != nil {
			t.Fatal(err)
		}
	}

	public, internal, app := freeAddr(t), freeAddr(t), freeAddr(t)
	_, port, _ := net.SplitHostPort(app)
	env := []string{
		"CGO_ENABLED=0", "PYTHONDONTWRITEBYTECODE=1", "PORT=" + port,
		"SESHD_ADDR=" + public, "SESHD_INTERNAL_ADDR=" + internal, "SESHD_DATA=" + filepath.Join(checkout, "data"),
	}
	lines := 0
	for line := range strings.Lines(text) {
		lines++
		line = strings.TrimSpace(line)
		switch {
		case strings.HasPrefix(line, "go run ./cmd/seshd "):
			r.begin(t, repoRoot(t), appAddress.ReplaceAllString(line, "http://"+app), env...).untilListening(t, public)
		case strings.HasPrefix(line, "go run "):
			line += fmt.Sprintf(" --addr %s --data %s", public, filepath.Join(checkout, "data"))
			r.begin(t, repoRoot(t), line, env...).untilListening(t, public)
		default:
			r.begin(t, checkout, line, env...).untilListening(t, app)
		}
	}
	if lines == 0 {
		t.Fatal("the block is empty")
	}
	return begun{copied, public, app}
}

func goShopping(t *testing.T, s begun) {
	t.Helper()
	b := newBrowser(t, s.public)
	b.gives(t, "/cherries", `{"response":"cherries","session":{"fruit":"cherries"}}`)
	if response, body := b.page(t, http.MethodGet, "/shop", nil); response.StatusCode != http.StatusOK || !strings.Contains(body, "/seshd.js") {
		t.Errorf("/shop: %s %s", response.Status, body)
	}
}
