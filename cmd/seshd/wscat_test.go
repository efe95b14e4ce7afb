package main

import (
	"bufio"
	"encoding/json"
	"io"
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"
)

const wscatVersion = "6.1.0"

// wscatProgram finds the real wscat.
func wscatProgram(t *testing.T) string {
	t.Helper()
	program := os.Getenv("SESHD_WSCAT")
	if program == "" {
		program = "wscat"
	}
	path, err := exec.LookPath(program)
	if err != nil {
		t.Fatalf("these tests drive the real wscat: npm install -g wscat@%s, or set SESHD_WSCAT to its path, as .ci/tools does (%v)", wscatVersion, err)
	}
	out, err := exec.CommandContext(t.Context(), path, "--version").Output()
	if err != nil || strings.TrimSpace(string(out)) != wscatVersion {
		t.Fatalf("%s --version: %q, %v; want %s", path, out, err, wscatVersion)
	}
	return path
}

// terminal is a wscat that runs.
type terminal struct {
	cmd   *exec.Cmd
	stdin io.WriteCloser
	lines chan string // of its output; closed at its end
}

func runTerminal(t *testing.T, cmd *exec.Cmd) *terminal {
	t.Helper()
	stdin, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	stdout, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	cmd.Stderr = os.Stderr
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	w := &terminal{cmd, stdin, make(chan string, 100)}
	go func() {
		defer close(w.lines)
		for scanner := bufio.NewScanner(stdout); scanner.Scan(); {
			w.lines <- strings.TrimLeft(scanner.Text(), "> ") // wscat's prompt, which has no line of its own
		}
	}()
	t.Cleanup(func() {
		cmd.Process.Kill()
		for range w.lines {
		}
		cmd.Wait()
	})
	return w
}

// wscat connects. It loses what it is given before it is open, so a test waits for the first frame.
func wscat(t *testing.T, args ...string) *terminal {
	t.Helper()
	return runTerminal(t, exec.CommandContext(t.Context(), wscatProgram(t), args...))
}

func (w *terminal) line(t *testing.T) (string, bool) {
	t.Helper()
	select {
	case line, more := <-w.lines:
		return line, more
	case <-time.After(patience):
		t.Fatal("nothing more on the terminal")
		return "", false
	}
}

// sees waits for a frame of a type. It may pass over the number of tabs, which is told at no fixed moment.
func (w *terminal) sees(t *testing.T, kind string) (f frame) {
	t.Helper()
	for {
		line, more := w.line(t)
		if !more {
			t.Fatalf("wscat ended before it saw %q", kind)
		}
		f = frame{text: line}
		if err := json.Unmarshal([]byte(line), &f); err != nil {
			t.Fatalf("not a frame: %q", line)
		}
		if f.Type == kind {
			return f
		}
		if f.Type != "tabs" {
			t.Fatalf("saw %s, want %q", line, kind)
		}
	}
}

func (w *terminal) types(t *testing.T, line string) {
	t.Helper()
	if _, err := io.WriteString(w.stdin, line+"\n"); err != nil {
		t.Fatal(err)
	}
}

func (w *terminal) ends(t *testing.T) {
	t.Helper()
	w.stdin.Close() // the end of its input is how a script stops it
	for {
		if _, more := w.line(t); !more {
			return
		}
	}
}

func ticket(t *testing.T, c *curl) (url string) {
	t.Helper()
	head, body := c.do(t, "/session/ticket", "-X", "POST")
	var answer struct{ URL string }
	if err := json.Unmarshal([]byte(body), &answer); err != nil || answer.URL == "" {
		t.Fatalf("no ticket: %s %s", head, body)
	}
	return answer.URL
}

func TestWscat(t *testing.T) {
	p := start(t, t.TempDir())
	c := newCurl(t, p.addr)
	c.do(t, "/")
	watcher := openTab(t, c.browser(t))

	byCookie := []string{"-H", "Cookie: " + c.cookie(t), "-c", "ws://" + p.addr + "/ws"}
	for name, args := range map[string][]string{
		"by ticket": {"-c", ticket(t, c)},
		"by cookie": byCookie,
	} {
		t.Run(name, func(t *testing.T) {
			before := watcher.version
			w := wscat(t, args...)
			f := w.sees(t, "session")
			if string(f.ID) != watcher.session || f.Version != before || string(f.Data["start"]) != "true" {
				t.Errorf("first frame %s, want the session of the cookie at version %d", f.text, before)
			}

			w.types(t, `{"incr":{"visits":1},"id":7}`)
			if f := w.sees(t, "change"); *f.From != before || f.Version != before+1 || f.By != "tab" || len(f.Set["visits"]) == 0 {
				t.Errorf("change %s", f.text)
			}
			if f := w.sees(t, "ok"); f.number() != 7 || f.Version != before+1 {
				t.Errorf("ok %s", f.text)
			}
			if f := want(t, watcher, "change"); f.Version != before+1 || f.By != "tab" {
				t.Errorf("the other tab was told %s", f.text)
			}

			// A bad line is answered, and the next one works.
			w.types(t, `{"incr":`)
			if f := w.sees(t, "error"); f.Code != "invalid_json" {
				t.Errorf("error %s", f.text)
			}
			c.do(t, "/cherries")
			c.do(t, "/blueberries")
			for _, fruit := range []string{`"cherries"`, `"blueberries"`} {
				if f := w.sees(t, "change"); string(f.Set["fruit"]) != fruit || f.By != "code" {
					t.Errorf("change %s, want %s by code", f.text, fruit)
				}
				want(t, watcher, "change")
			}
			w.ends(t)
		})
	}

	// What the session frame says of a session outlives the terminal: the cookie can be used again and again.
	w := wscat(t, byCookie...)
	if f := w.sees(t, "session"); string(f.Data["visits"]) != "2" {
		t.Errorf("both terminals counted: %s", f.text)
	}
	w.ends(t)
}

func TestWscatWithoutAGoodTicket(t *testing.T) {
	p := start(t, t.TempDir())
	c := newCurl(t, p.addr)
	used := ticket(t, c)
	w := wscat(t, "-c", used)
	w.sees(t, "session")
	w.ends(t)

	for name, url := range map[string]string{"used": used, "unknown": used[:len(used)-4] + "AAAA"} {
		t.Run(name, func(t *testing.T) {
			w := wscat(t, "-c", url)
			if f := w.sees(t, "bye"); f.Code != "bad_ticket" || f.Message == "" {
				t.Errorf("bye %s", f.text)
			}
			if line, more := w.line(t); more {
				t.Errorf("after the bye: %s", line)
			}

			// wscat shows the close code on a terminal only, and script gives it one.
			script, err := exec.LookPath("script")
			if err != nil {
				t.Fatal("this test needs script, of util-linux (Debian: apt-get install bsdutils)")
			}
			cmd := exec.CommandContext(t.Context(), script, "-qec", wscatProgram(t)+" --no-color -c '"+url+"'", os.DevNull)
			seen := ""
			for w := runTerminal(t, cmd); ; {
				line, more := w.line(t)
				if !more {
					break
				}
				seen += line + "\n"
			}
			if !strings.Contains(seen, "Disconnected (code: 4401,") {
				t.Errorf("the terminal shows:\n%s", seen)
			}
		})
	}
}
