package main

import (
	"bufio"
	"bytes"
	"encoding/json"
	"io"
	"net/http"
	"net/http/cookiejar"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/gorilla/websocket"
)

// buildDir is where binary puts the program; TestMain removes it.
var buildDir string

func TestMain(m *testing.M) {
	dir, err := os.MkdirTemp("", "seshd-test-")
	if err != nil {
		panic(err)
	}
	buildDir = dir
	code := m.Run()
	os.RemoveAll(dir)
	os.Exit(code)
}

// binary builds the program once, the way it is shipped.
var binary = sync.OnceValues(func() (string, error) {
	path := filepath.Join(buildDir, "seshd")
	build := exec.Command("go", "build", "-buildvcs=false", "-o", path, ".")
	build.Env = append(os.Environ(), "CGO_ENABLED=0")
	out, err := build.CombinedOutput()
	if err != nil {
		os.Stderr.Write(out)
	}
	return path, err
})

// process is a server that was started as a user starts it.
type process struct {
	cmd            *exec.Cmd
	addr, internal string

	lines chan map[string]any // of its log, from "listening" on; closed at its end
}

// command prepares the program on ports of the system's choosing.
func command(t *testing.T, data string, args ...string) *exec.Cmd {
	t.Helper()
	path, err := binary()
	if err != nil {
		t.Fatal(err)
	}
	return exec.CommandContext(t.Context(), path, append([]string{"--data", data, "--addr", "127.0.0.1:0", "--internal-addr", "127.0.0.1:0"}, args...)...)
}

// start waits until the server listens. It is killed at the end of the test if it still runs.
func start(t *testing.T, data string, args ...string) *process {
	t.Helper()
	return launch(t, command(t, data, args...))
}

func launch(t *testing.T, cmd *exec.Cmd) *process {
	t.Helper()
	p := &process{cmd: cmd, lines: make(chan map[string]any, 1000)}
	stderr, err := p.cmd.StderrPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := p.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { p.cmd.Process.Kill(); p.cmd.Wait() })
	scanner := bufio.NewScanner(stderr)
	for scanner.Scan() {
		line := map[string]any{}
		if err := json.Unmarshal(scanner.Bytes(), &line); err != nil {
			t.Fatalf("not a line of JSON: %s", scanner.Text())
		}
		if line["msg"] == "listening" {
			p.addr, _ = line["addr"].(string)
			p.internal, _ = line["internal_addr"].(string)
			break
		}
	}
	if p.addr == "" {
		t.Fatal("it ended without listening")
	}
	go func() {
		defer close(p.lines)
		for scanner.Scan() {
			line := map[string]any{}
			json.Unmarshal(scanner.Bytes(), &line)
			p.lines <- line
		}
	}()
	return p
}

// logged waits for a line of the log.
func (p *process) logged(t *testing.T, msg string) {
	t.Helper()
	for line := range p.lines {
		if line["msg"] == msg {
			return
		}
	}
	t.Fatalf("it ended without logging %q", msg)
}

func (p *process) signal(t *testing.T, s os.Signal) {
	t.Helper()
	if err := p.cmd.Process.Signal(s); err != nil {
		t.Fatal(err)
	}
}

// exit waits for the end and returns the exit code.
func (p *process) exit(t *testing.T) int {
	t.Helper()
	defer p.stuck().Stop()
	for range p.lines { // read to the end before Wait closes the pipe
	}
	p.cmd.Wait()
	return p.cmd.ProcessState.ExitCode()
}

// stuck ends a server that should have ended long ago, with a code that no test expects.
func (p *process) stuck() *time.Timer {
	return time.AfterFunc(patience, func() { p.cmd.Process.Signal(syscall.SIGQUIT) })
}

func get(t *testing.T, client *http.Client, url string) string {
	t.Helper()
	response, err := client.Get(url)
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	body, err := io.ReadAll(response.Body)
	if err != nil || response.StatusCode != http.StatusOK {
		t.Fatalf("%s: %s %s %v", url, response.Status, body, err)
	}
	return string(body)
}

func TestServerKeepsSessionsThroughARestart(t *testing.T) {
	data := filepath.Join(t.TempDir(), "data")
	jar, _ := cookiejar.New(nil)
	browser := &http.Client{Jar: jar}

	p := start(t, data)
	if got := get(t, browser, "http://"+p.addr+"/"); got != "hello" {
		t.Errorf("/ says %q", got)
	}
	get(t, browser, "http://"+p.addr+"/cherries")
	p.signal(t, syscall.SIGTERM)
	if code := p.exit(t); code != 0 {
		t.Fatalf("exit %d after SIGTERM", code)
	}

	p = start(t, data)
	var s struct{ Data map[string]any }
	if err := json.Unmarshal([]byte(get(t, browser, "http://"+p.addr+"/session")), &s); err != nil {
		t.Fatal(err)
	}
	if s.Data["fruit"] != "cherries" || s.Data["start"] != true {
		t.Errorf("after the restart: %v", s.Data)
	}
	p.signal(t, os.Interrupt)
	if code := p.exit(t); code != 0 {
		t.Fatalf("exit %d after SIGINT", code)
	}
}

func TestHealthOfARunningServer(t *testing.T) {
	p := start(t, t.TempDir())
	path, _ := binary()
	health := exec.Command(path, "health")
	health.Env = append(os.Environ(), "SESHD_INTERNAL_ADDR="+p.internal)
	if out, err := health.CombinedOutput(); err != nil || string(out) != "ready\n" {
		t.Errorf("%q %v", out, err)
	}
	p.signal(t, syscall.SIGTERM)
	p.exit(t)
	health = exec.Command(path, "health", "--internal-addr", p.internal)
	out, err := health.CombinedOutput()
	if err == nil || health.ProcessState.ExitCode() != 1 || !strings.Contains(string(out), "not ready") {
		t.Errorf("%q %v", out, err)
	}
}

func TestTabsAreToldBeforeAStop(t *testing.T) {
	p := start(t, t.TempDir())
	tab, _, err := websocket.DefaultDialer.Dial("ws://"+p.addr+"/ws", nil)
	if err != nil {
		t.Fatal(err)
	}
	defer tab.Close()
	if _, _, err := tab.ReadMessage(); err != nil {
		t.Fatal(err)
	}
	p.signal(t, syscall.SIGTERM)
	for err == nil {
		_, _, err = tab.ReadMessage()
	}
	if !websocket.IsCloseError(err, websocket.CloseServiceRestart) {
		t.Errorf("closed by %v, want 1012", err)
	}
	if code := p.exit(t); code != 0 {
		t.Errorf("exit %d", code)
	}
}

func TestSecondSignalEndsARunningServer(t *testing.T) {
	// A request that never ends its body holds the stop up, for longer than any test waits.
	p := start(t, t.TempDir(), "--shutdown-timeout=1h")
	body, never := io.Pipe()
	defer never.Close()
	request, _ := http.NewRequest(http.MethodPost, "http://"+p.addr+"/session", body)
	request.Header.Set("Content-Type", "application/json")
	request.Header.Set("Expect", "100-continue") // so that the body is asked for only once a handler reads it
	go (&http.Client{Transport: &http.Transport{ExpectContinueTimeout: time.Hour}}).Do(request)
	if _, err := never.Write([]byte(`{"set":`)); err != nil {
		t.Fatal(err)
	}
	p.signal(t, syscall.SIGTERM)
	p.logged(t, "stopping: closing the tabs; a second signal stops at once")
	p.signal(t, syscall.SIGTERM)
	p.logged(t, "stopped at once")
	if code := p.exit(t); code != 1 {
		t.Errorf("exit %d", code)
	}
}

func TestSecondServerSaysWhatIsTaken(t *testing.T) {
	data := t.TempDir()
	p := start(t, data)
	for name, test := range map[string]struct {
		args []string
		want string
	}{
		"data":     {nil, data + " is in use by another server"},
		"port":     {[]string{"--data", t.TempDir(), "--addr", p.addr}, "is taken: choose another with --addr 127.0.0.1:"},
		"internal": {[]string{"--data", t.TempDir(), "--internal-addr", p.internal}, "is taken: choose another with --internal-addr 127.0.0.1:"},
	} {
		t.Run(name, func(t *testing.T) {
			second := command(t, data, test.args...)
			out, err := second.CombinedOutput()
			if err == nil || second.ProcessState.ExitCode() != 1 || !strings.Contains(string(out), test.want) {
				t.Errorf("%v %s, want %q", err, out, test.want)
			}
			if !json.Valid(bytes.TrimSpace(out)) {
				t.Errorf("not one line of JSON: %s", out)
			}
		})
	}
}

func TestSecretsStayOutOfTheLog(t *testing.T) {
	cmd := command(t, t.TempDir(), "--log-level=debug", "--secret-key="+cherryKey, "--api-key="+plumKey)
	var out bytes.Buffer
	reader, err := cmd.StderrPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	scanner := bufio.NewScanner(io.TeeReader(reader, &out))
	for scanner.Scan() {
		var line struct{ Msg, Addr string }
		if json.Unmarshal(scanner.Bytes(), &line); line.Msg == "listening" {
			get(t, http.DefaultClient, "http://"+line.Addr+"/cherries")
			cmd.Process.Signal(syscall.SIGTERM)
		}
	}
	if err := cmd.Wait(); err != nil {
		t.Fatal(err)
	}
	for _, secret := range []string{cherryKey, plumKey} {
		if strings.Contains(out.String(), secret) {
			t.Errorf("the log shows a secret:\n%s", &out)
		}
	}
}

func TestOnlyTheOwnerReadsTheData(t *testing.T) {
	data := filepath.Join(t.TempDir(), "data")
	start(t, data)
	for name, want := range map[string]os.FileMode{"": 0o700, "secret-key": 0o600, "api-key": 0o600} {
		info, err := os.Stat(filepath.Join(data, name))
		if err != nil {
			t.Fatal(err)
		}
		if got := info.Mode().Perm(); got != want {
			t.Errorf("%q has mode %o, want %o", name, got, want)
		}
	}
}
