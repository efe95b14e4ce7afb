package main

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/chromedp/cdproto/runtime"
	"github.com/chromedp/chromedp"
)

// snippetTime bounds one snippet. The longest compiles a program, on a machine that may have other things to do.
const snippetTime = 4 * time.Minute

// reader follows a document in a directory of its own, beside a server.
type reader struct {
	dir      string
	addr     string // instead of localhost:8000
	api      string // instead of localhost:8001
	app      string // instead of 127.0.0.1:3000
	data     string // of the server
	server   string // what starts it
	program  string // where the Go program is to listen
	path     string // the PATH of what it runs
	chromium context.Context

	// Left by one snippet for a later one.
	ticket  string
	yaml    string
	printed string // by a block
	shown   string // of what is printed
	command string // that starts an app
	visits  string // to that
}

func newReader(t *testing.T, chromium context.Context, flags ...string) *reader {
	r := &reader{dir: t.TempDir(), data: t.TempDir(), app: freeAddr(t), program: localhost(freeAddr(t)), chromium: chromium}
	r.server = r.here(strings.Join(append([]string{"seshd"}, flags...), " "))
	p := start(t, r.data, strings.Fields(r.server)[1:]...)
	r.addr, r.api = localhost(p.addr), localhost(p.internal)
	// npx would fetch wscat; the one there is stands in for it.
	r.write(t, "bin/npx", fmt.Sprintf("#!/bin/sh\n[ \"$1\" = wscat ] || exit 127\nshift\nexec %q \"$@\"\n", wscatProgram(t)))
	if err := os.Chmod(filepath.Join(r.dir, "bin/npx"), 0o700); err != nil {
		t.Fatal(err)
	}
	program, err := binary()
	if err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink(program, filepath.Join(r.dir, "bin/seshd")); err != nil {
		t.Fatal(err)
	}
	r.path = filepath.Join(r.dir, "bin") + string(os.PathListSeparator) + os.Getenv("PATH")
	return r
}

// here puts the addresses of this run into a snippet.
func (r *reader) here(text string) string {
	_, port, _ := net.SplitHostPort(r.app)
	return strings.NewReplacer("localhost:8000", r.addr, "localhost:8001", r.api, "data/api-key", r.data+"/api-key",
		`":8000"`, `"`+r.program+`"`, "3000", port).Replace(text)
}

func (r *reader) write(t *testing.T, name, text string) {
	t.Helper()
	path := filepath.Join(r.dir, name)
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}

// sh runs a snippet to its end and returns what it printed.
func (r *reader) sh(t *testing.T, text string) string {
	t.Helper()
	c := r.begin(t, r.dir, text)
	c.stdin.Close()
	if err := c.wait(); err != nil {
		t.Fatalf("%v\n%s\n%s", err, text, c.output())
	}
	return c.output()
}

// child is a snippet that runs, with all that it started.
type child struct {
	cmd   *exec.Cmd
	stdin io.WriteCloser
	ended chan struct{}
	err   error // once ended

	mu  sync.Mutex // guards out
	out bytes.Buffer
}

func (r *reader) begin(t *testing.T, dir, text string, env ...string) *child {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), snippetTime)
	t.Cleanup(cancel)
	c := &child{cmd: exec.CommandContext(ctx, "sh", "-e", "-c", text), ended: make(chan struct{})}
	c.cmd.Dir = dir
	c.cmd.Env = append(os.Environ(), append([]string{"PATH=" + r.path}, env...)...)
	c.cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true} // so that what it started goes with it
	c.cmd.Cancel = func() error { return syscall.Kill(-c.cmd.Process.Pid, syscall.SIGKILL) }
	c.cmd.Stdout, c.cmd.Stderr = c, c
	var err error
	if c.stdin, err = c.cmd.StdinPipe(); err == nil {
		err = c.cmd.Start()
	}
	if err != nil {
		t.Fatal(err)
	}
	go func() {
		c.err = c.cmd.Wait()
		close(c.ended)
	}()
	t.Cleanup(func() {
		syscall.Kill(-c.cmd.Process.Pid, syscall.SIGKILL)
		<-c.ended
	})
	return c
}

func (c *child) Write(b []byte) (int, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.out.Write(b)
}

func (c *child) output() string {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.out.String()
}

func (c *child) wait() error {
	<-c.ended
	return c.err
}

// interrupt does what Ctrl-C does, and waits for the end.
func (c *child) interrupt(t *testing.T) {
	t.Helper()
	if err := syscall.Kill(-c.cmd.Process.Pid, syscall.SIGINT); err != nil {
		t.Fatal(err)
	}
	c.wait() // go run says "exit status 1" of whatever was interrupted
}

// until asks again and again, as long as the snippet may still come to it.
func (c *child) until(t *testing.T, what string, ok func() bool) {
	t.Helper()
	deadline := time.After(snippetTime)
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for !ok() {
		select {
		case <-tick.C:
		case <-c.ended:
			if !ok() {
				t.Fatalf("it ended (%v) without %s:\n%s", c.err, what, c.output())
			}
		case <-deadline:
			t.Fatalf("no %s:\n%s", what, c.output())
		}
	}
}

// waitFor waits until the output has begin, and returns what follows it up to end.
func (c *child) waitFor(t *testing.T, begin, end string) (text string) {
	t.Helper()
	c.until(t, begin, func() (found bool) {
		_, text, _ = strings.Cut(c.output(), begin)
		text, _, found = strings.Cut(text, end)
		return found
	})
	return text
}

// line waits for the n-th line of the output.
func (c *child) line(t *testing.T, n int) (text string) {
	t.Helper()
	c.until(t, fmt.Sprintf("line %d", n), func() bool {
		lines := strings.Split(c.output(), "\n")
		text = lines[min(n, len(lines))-1]
		return len(lines) > n
	})
	return text
}

func (c *child) untilServed(t *testing.T, url, want string) {
	t.Helper()
	c.until(t, url, func() bool {
		response, err := http.Get(url)
		if err != nil {
			return false
		}
		defer response.Body.Close()
		if body, _ := io.ReadAll(response.Body); string(body) != want {
			t.Fatalf("%s answers %q, want %q", url, body, want)
		}
		return true
	})
}

// console types text into the console of a page.
func console[T any](t *testing.T, tab context.Context, text string) T {
	t.Helper()
	asTyped := func(p *runtime.EvaluateParams) {
		yes := true
		p.ReplMode, p.AwaitPromise = &yes, &yes
	}
	result, err := chromedp.Run(tab, chromedp.EvaluateAsDevTools[T](text, asTyped))
	if err != nil {
		t.Fatal(err)
	}
	return result
}

// block is a fenced block of Markdown.
type block struct{ name, text string }

func fencedBlocks(markdown string) (blocks []block) {
	heading, open, seen := "", false, map[string]int{}
	for line := range strings.Lines(markdown) {
		fence, isFence := strings.CutPrefix(line, "```")
		switch {
		case isFence && !open:
			name := heading + "/" + strings.TrimSpace(fence)
			if seen[name]++; seen[name] > 1 {
				name = fmt.Sprintf("%s/%d", name, seen[name])
			}
			blocks = append(blocks, block{name: name})
			open = true
		case isFence:
			open = false
		case open:
			blocks[len(blocks)-1].text += line
		case strings.HasPrefix(line, "#"):
			heading = strings.TrimSpace(strings.TrimLeft(line, "#"))
		}
	}
	return blocks
}

// matches compares a line with a pattern in which … is whatever stands there.
func matches(pattern, line string) bool {
	quoted := strings.ReplaceAll(regexp.QuoteMeta(pattern), "…", ".+")
	return regexp.MustCompile("^" + quoted + "$").MatchString(line)
}

var codeInSource = regexp.MustCompile(`(?m)^\s+[A-Za-z]+(?:\s+Code)?\s+= "([a-z_]+)"$|^\s+"([a-z_]+)":\s+\{http\.`)

// codesInSource lists the codes of the domain and those of package web's table.
func codesInSource(t *testing.T) (codes []string) {
	for _, name := range []string{"session/error.go", "web/problem.go"} {
		for _, m := range codeInSource.FindAllStringSubmatch(readFile(t, name), -1) {
			codes = append(codes, m[1]+m[2])
		}
	}
	if len(codes) < 20 {
		t.Fatalf("only %q found: the source is written in another way now", codes)
	}
	return codes
}

func repoRoot(t *testing.T) string {
	t.Helper()
	root, err := filepath.Abs("../..")
	if err != nil {
		t.Fatal(err)
	}
	return root
}

// readFile reads a file of the repository, or one with an absolute path.
func readFile(t *testing.T, name string) string {
	t.Helper()
	if !filepath.IsAbs(name) {
		name = filepath.Join(repoRoot(t), name)
	}
	text, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// firstPort to lastPort are given out by no system for port 0 or for a connection. Those would be taken, by some other test
// that runs meanwhile, between the moment they were seen free and the moment the program under test listens.
const firstPort, lastPort = 20_000, 29_999

// freeAddr is one that nobody listens on.
func freeAddr(t *testing.T) string {
	t.Helper()
	for range 100 {
		l, err := net.Listen("tcp", fmt.Sprintf("127.0.0.1:%d", firstPort+rand.IntN(lastPort-firstPort+1)))
		if err == nil {
			defer l.Close()
			return l.Addr().String()
		}
	}
	t.Fatalf("no port is free from %d to %d", firstPort, lastPort)
	return ""
}

// localhost names an address of this machine the way the documents do.
func localhost(addr string) string {
	_, port, _ := net.SplitHostPort(addr)
	return net.JoinHostPort("localhost", port)
}
