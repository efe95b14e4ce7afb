package main

import (
	"bytes"
	"errors"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
)

// seshd runs a command of the program to its end, with the API key of startWithAPI.
func seshd(t *testing.T, in string, args ...string) (stdout, stderr string, err error) {
	t.Helper()
	path, err := binary()
	if err != nil {
		t.Fatal(err)
	}
	var out, notes bytes.Buffer
	cmd := exec.CommandContext(t.Context(), path, args...)
	cmd.Env = append(os.Environ(), "SESHD_API_KEY="+plumKey)
	cmd.Stdin, cmd.Stdout, cmd.Stderr = strings.NewReader(in), &out, &notes
	err = cmd.Run()
	return out.String(), notes.String(), err
}

func mustSeshd(t *testing.T, in string, args ...string) string {
	t.Helper()
	out, notes, err := seshd(t, in, args...)
	if err != nil {
		t.Fatalf("seshd %s: %v\n%s", strings.Join(args, " "), err, notes)
	}
	return out
}

// imported is what seshd import says.
func imported(sessions, newer, ended, tokens int) string {
	return fmt.Sprintf("%d sessions imported; %d were as new or newer, %d ended there, 0 have timed out; %d ended tokens noted\n", sessions, newer, ended, tokens)
}

// withoutHeader is an export without the line that says when it was.
func withoutHeader(export string) string {
	_, rest, _ := strings.Cut(export, "\n")
	return rest
}

// at is the same browser at another server.
func (v *browser) at(t *testing.T, p *process) *browser {
	t.Helper()
	moved := v.twin(t)
	moved.addr = p.addr
	return moved
}

// Everybody moves from one running server to another one with the same secret key, while they write.
func TestSessionsMoveWhileTheyAreWritten(t *testing.T) {
	a, backend := startWithAPI(t, t.TempDir(), "--secret-key="+cherryKey)
	b, _ := startWithAPI(t, t.TempDir(), "--secret-key="+cherryKey)
	all := make([]*browser, 12)
	for i := range all {
		all[i] = visitor(t, a, fmt.Sprintf(`{"set":{"fruit":"cherries","i":%d}}`, i))
		if _, err := all[i].post(`{"incr":{"n":1},"id":1}`, clientID+":1"); err != nil {
			t.Fatal(err)
		}
	}
	user, ended, rotated := all[0], all[1], all[2]
	stale := rotated.twin(t)
	backend.login(user, `{"user":"u42","shared":true}`)
	backend.rotate(rotated)
	gone := ended.twin(t)
	wasGone, err := gone.session()
	if err != nil {
		t.Fatal(err)
	}
	ended.do(t, "DELETE", "/session", "").want(204)
	all = append(all[:1], all[2:]...)

	early := openTab(t, all[3].at(t, b)) // it is there before its session
	stop := make(chan struct{})
	var writing sync.WaitGroup
	for _, v := range all[4:] {
		writing.Go(func() {
			for {
				select {
				case <-stop:
					return
				default:
				}
				if _, err := v.post(`{"incr":{"n":1}}`, ""); err != nil {
					t.Error(err)
					return
				}
			}
		})
	}
	before := make([]frame, len(all))
	for i, v := range all {
		if before[i], err = v.session(); err != nil {
			t.Fatal(err)
		}
	}
	export := mustSeshd(t, "", "export", "--url", "http://"+a.internal)
	close(stop)
	writing.Wait()
	if strings.Contains(export, "token\":\"") || strings.Contains(export, strings.TrimPrefix(user.cookie(), "session=")) {
		t.Error("the export has a cookie or a token in it")
	}
	if got, want := mustSeshd(t, export, "import", "--url", "http://"+b.internal), imported(len(all), 0, 0, 3); got != want {
		t.Errorf("import says %q, want %q", got, want)
	}
	if f, err := early.next(); err != nil || f.Type != "change" || string(f.Set["fruit"]) != `"cherries"` {
		t.Errorf("a tab that was open is told %s, %v", f.text, err)
	}
	for i, v := range all {
		moved := v.at(t, b)
		s, err := moved.session()
		if err != nil || string(s.ID) != string(before[i].ID) || s.Version < before[i].Version || integer(s.Data["n"]) < integer(before[i].Data["n"]) ||
			string(s.Data["i"]) != string(before[i].Data["i"]) {
			t.Errorf("visitor %d has %+v, %v; had %+v", i, s, err, before[i])
		}
		if again, err := moved.post(`{"incr":{"n":1},"id":1}`, clientID+":1"); err != nil || again.Version != s.Version {
			t.Errorf("visitor %d sent a write again, and is at version %d, was at %d: %v", i, again.Version, s.Version, err)
		}
	}
	if s, err := gone.at(t, b).session(); err != nil || string(s.ID) == string(wasGone.ID) || len(s.Data) != 0 {
		t.Errorf("the session that was ended: %+v, %v", s, err)
	}
	stale.at(t, b).do(t, "GET", "/session", "").want(409, "stale_cookie")

	// Once more, for what was written since; nothing comes back that was ended at the new place.
	all[5].at(t, b).do(t, "DELETE", "/session", "").want(204)
	latest, err := all[6].post(`{"set":{"fruit":"plums"}}`, "")
	if err != nil {
		t.Fatal(err)
	}
	mustSeshd(t, mustSeshd(t, "", "export", "--url", "http://"+a.internal), "import", "--url", "http://"+b.internal)
	if s, err := all[6].at(t, b).session(); err != nil || s.Version != latest.Version || string(s.Data["fruit"]) != `"plums"` {
		t.Errorf("the second time: %+v, %v", s, err)
	}
	if s, err := all[5].at(t, b).session(); err != nil || len(s.Data) != 0 || s.Version != 0 {
		t.Errorf("a session that was ended at the new place: %+v, %v", s, err)
	}
}

// From a directory to a running server and back: what is written again is what was read.
func TestSessionsMoveThroughADirectory(t *testing.T) {
	data, file := t.TempDir(), filepath.Join(t.TempDir(), "sessions.ndjson")
	p, backend := startWithAPI(t, data)
	for i := range 5 {
		v := visitor(t, p, fmt.Sprintf(`{"set":{"i":%d,"text":"<&>","gone":1}}`, i))
		for _, m := range []string{`{"delete":["gone"]}`, `{"append":{"log":[1.50]},"merge":{"cart":{"a":{"b":null}}}}`} {
			if _, err := v.post(m, ""); err != nil {
				t.Fatal(err)
			}
		}
		if i == 0 {
			id := backend.login(v, `{"user":"u42"}`).ID
			backend.do("POST", "/v1/sessions/"+id, `{"set":{"_plan":"gold"}}`).want(200)
		}
	}
	if _, notes, err := seshd(t, "", "export", "--data", data); err == nil || !strings.Contains(notes, "is in use by another server") || !strings.Contains(notes, "--url") {
		t.Errorf("an export of a directory in use: %v %s", err, notes)
	}
	p.signal(t, syscall.SIGTERM)
	p.exit(t)
	mustSeshd(t, "", "export", "--data", data, "--out", file)
	if info, err := os.Stat(file); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("the file: %v, %v", info, err)
	}
	if _, notes, err := seshd(t, "", "export", "--data", data, "--out", file); err == nil || !strings.Contains(notes, "exists") {
		t.Errorf("an export over a file: %v %s", err, notes)
	}
	first := readText(t, file)
	q, _ := startWithAPI(t, t.TempDir())
	if got, want := mustSeshd(t, "", "import", "--in", file, "--url", "http://"+q.internal), imported(5, 0, 0, 1); got != want {
		t.Errorf("import says %q, want %q", got, want)
	}
	second := mustSeshd(t, "", "export", "--url", "http://"+q.internal)
	fresh := filepath.Join(t.TempDir(), "data")
	mustSeshd(t, second, "import", "--data", fresh)
	third := mustSeshd(t, "", "export", "--data", fresh)
	if withoutHeader(second) != withoutHeader(first) || withoutHeader(third) != withoutHeader(first) {
		t.Errorf("exported:\n%s\nafter an import:\n%s\nafter another:\n%s", first, second, third)
	}
	if got, want := mustSeshd(t, third, "import", "--data", fresh), imported(0, 5, 0, 0); got != want {
		t.Errorf("the same again says %q, want %q", got, want)
	}
}

func readText(t *testing.T, path string) string {
	t.Helper()
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// What is wrong with a file or a flag is said, and named by its line.
func TestAnImportThatCannotBe(t *testing.T) {
	p, b := startWithAPI(t, t.TempDir())
	for range 3 {
		visitor(t, p, `{"set":{"fruit":"cherries"}}`)
	}
	good := b.do("GET", "/v1/export", "").want(200).body
	lines := strings.SplitAfter(good, "\n")
	if len(lines) != 6 { // a header, three sessions, the end, and nothing after it
		t.Fatalf("%d lines: %s", len(lines), good)
	}
	running := []string{"--url", "http://" + p.internal}
	for name, test := range map[string]struct {
		in, want string
		args     []string
	}{
		"cut off":       {strings.Join(lines[:3], ""), "line 4: the export was cut off here, before its end. 0 sessions of it were imported", running},
		"garbage":       {lines[0] + lines[1] + "cherries\n", "line 3: invalid character 'c'", running},
		"newer format":  {strings.Replace(good, `"format":1`, `"format":2`, 1), "line 1: it has format 2, written by seshd ", running},
		"to a place":    {strings.Join(lines[:3], ""), "seshd: line 4: the export was cut off here, before its end. 2 sessions of it were imported", []string{"--data", t.TempDir()}},
		"to nowhere":    {good, "say where the sessions are", nil},
		"to two places": {good, "say where the sessions are", append(running, "--data", t.TempDir())},
		"no such URL":   {good, "want http://host:port", []string{"--url", "localhost"}},
		"the public":    {good, "is this the internal listener", []string{"--url", "http://" + p.addr}},
		"no key":        {good, "send an API key", append(running, "--api-key=wrong")},
	} {
		t.Run(name, func(t *testing.T) {
			_, notes, err := seshd(t, test.in, append([]string{"import"}, test.args...)...)
			if err == nil || !strings.Contains(notes, test.want) {
				t.Errorf("%v %s, want %q", err, notes, test.want)
			}
		})
	}
	b.do("POST", "/v1/import", good, "Content-Type", "application/x-ndjson").want(http.StatusOK)
}

// Whoever forgot --in waits at a terminal, and can leave.
func TestAnImportThatWaitsCanBeInterrupted(t *testing.T) {
	path, err := binary()
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.CommandContext(t.Context(), path, "import", "--data", t.TempDir())
	in, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	if _, err := in.Write(bytes.Repeat([]byte(" "), 1<<20)); err != nil { // more than a pipe holds: it reads
		t.Fatal(err)
	}
	if err := cmd.Process.Signal(os.Interrupt); err != nil {
		t.Fatal(err)
	}
	ended := make(chan error, 1)
	go func() { ended <- cmd.Wait() }()
	select {
	case err = <-ended:
	case <-time.After(10 * time.Second):
		t.Error("it goes on after an interrupt")
		err = errors.Join(cmd.Process.Kill(), <-ended)
	}
	if err == nil {
		t.Error("it says that all went well")
	}
}
