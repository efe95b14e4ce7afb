package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// What is compiled, or run by an interpreter.

// offlineTidy does without what tidying asks for beside: the tests of dependencies of dependencies, which may be missing without a network.
const offlineTidy = `go() { if [ "$1 $2" = "mod tidy" ]; then command go mod tidy || command go mod tidy -e; else command go "$@"; fi; }` + "\n"

func (r *reader) writesTheProgram(t *testing.T, text string) {
	r.write(t, "fruit/main.go", text)
}

// runsTheProgram makes a module of its own of it, as the block says, and opens its page and the tour's.
func (r *reader) runsTheProgram(t *testing.T, text string) {
	text = strings.Replace(text, "../seshd", repoRoot(t), 1)
	c := r.begin(t, filepath.Join(r.dir, "fruit"), offlineTidy+text, "CGO_ENABLED=0", "GOFLAGS=-mod=mod")
	for path, want := range map[string]string{"/plums": "{\"fruit\":\"plums\"}\n", "/": "hello"} {
		c.untilServed(t, "http://"+r.program+path, want)
	}
	c.interrupt(t)
}

func (r *reader) addsTheShop(t *testing.T, text string) {
	r.write(t, "fruit/shop.go", text)
	const before, after = "web.New(sessions, web.Options{Tour: true}) // with /live and the tour\n", "\tshop(app)\n"
	main := readFile(t, filepath.Join(r.dir, "fruit/main.go"))
	if !strings.Contains(main, before) {
		t.Fatal("main.go makes its App in another way now")
	}
	r.write(t, "fruit/main.go", strings.Replace(main, before, before+after, 1))
}

func (r *reader) addsTheTest(t *testing.T, text string) {
	r.write(t, "fruit/shop_test.go", text)
}

func (r *reader) runsTheTest(t *testing.T, text string) {
	c := r.begin(t, filepath.Join(r.dir, "fruit"), text, "CGO_ENABLED=0", "GOFLAGS=-mod=mod")
	if err := c.wait(); err != nil || !strings.HasPrefix(c.output(), "ok ") {
		t.Errorf("%v\n%s", err, c.output())
	}
}

func (r *reader) writesThePythonApp(t *testing.T, text string) {
	r.write(t, "app.py", text)
}

func (r *reader) namesTheTerminals(t *testing.T, text string) {
	r.command = r.secondTerminal(t, text)
}

// secondTerminal is what is typed there; in the first one is the reader's server.
func (r *reader) secondTerminal(t *testing.T, text string) string {
	t.Helper()
	command, same := strings.CutPrefix(text, r.server+"\n")
	if !same {
		t.Errorf("%s: the reader's server is %s", text, r.server)
	}
	return command
}

func (r *reader) visitsThePythonApp(t *testing.T, text string) {
	r.visits = text
	r.visitsTheApp(t)
}

// runsTheNodeApp has it visited like the one in Python, by somebody else.
func (r *reader) runsTheNodeApp(t *testing.T, text string) {
	r.write(t, "app.mjs", text)
	r.command = "node app.mjs"
	os.Remove(filepath.Join(r.dir, "visitor"))
	r.visitsTheApp(t)
	r.isPrinted(t, strings.ReplaceAll(r.shown, "u7", "u8")) // who logs in here
}

func (r *reader) visitsTheApp(t *testing.T) {
	app := r.begin(t, r.dir, r.command)
	app.untilListening(t, r.app)
	r.prints(t, r.visits)
	app.interrupt(t)
}
