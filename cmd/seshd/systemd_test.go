package main

import (
	"bufio"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"
)

// units writes the units of docs/deploy where systemd-analyze finds them, with the program that there is.
func units(t *testing.T) (service, socket string) {
	t.Helper()
	path, err := binary()
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	service, socket = filepath.Join(dir, "seshd.service"), filepath.Join(dir, "seshd.socket")
	for file, text := range map[string]string{
		service: deployed(t, "seshd.service", "/usr/local/bin/seshd", path),
		socket:  deployed(t, "seshd.socket"),
	} {
		if err := os.WriteFile(file, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	return service, socket
}

func TestSystemdTakesTheUnits(t *testing.T) {
	service, socket := units(t)
	out, err := exec.Command("systemd-analyze", "verify", "--man=no", "--recursive-errors=no", service, socket).CombinedOutput()
	if err != nil {
		t.Error(err)
	}
	for line := range strings.Lines(string(out)) {
		if strings.Contains(line, "seshd") { // what it thinks of other units of this machine is not for us
			t.Error(line)
		}
	}
}

func TestTheServiceIsExposedToLittle(t *testing.T) {
	service, _ := units(t)
	const most = "20" // tenths, of a hundred
	out, err := exec.Command("systemd-analyze", "security", "--offline=true", "--no-pager", "--threshold="+most, service).CombinedOutput()
	lines := strings.Split(strings.TrimSpace(string(out)), "\n")
	if err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	t.Log(lines[len(lines)-1])
}

// TestTheUnitsFitTheProgram: systemd knows its own words, but not ours.
func TestTheUnitsFitTheProgram(t *testing.T) {
	service, socket := readFile(t, "docs/deploy/seshd.service"), readFile(t, "docs/deploy/seshd.socket")
	value := func(text, name string) string {
		t.Helper()
		found := regexp.MustCompile(`(?m)^` + name + `=(.*)$`).FindStringSubmatch(text)
		if found == nil {
			t.Fatalf("there is no %s=", name)
		}
		return found[1]
	}
	if got := value(socket, "FileDescriptorName"); got != publicSocket {
		t.Errorf("the socket is called %q", got)
	}
	// Credentials are files, as far as the program knows; here they are of the test.
	dir := t.TempDir()
	for _, credential := range regexp.MustCompile(`(?m)^LoadCredential=([^:]+):/etc/seshd/`).FindAllStringSubmatch(service, -1) {
		if err := os.WriteFile(filepath.Join(dir, credential[1]), []byte(cherryKey), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	var environ []string
	for _, line := range regexp.MustCompile(`(?m)^Environment=(.*)$`).FindAllStringSubmatch(service, -1) {
		environ = append(environ, strings.Fields(strings.NewReplacer("%S", dir, "%d", dir).Replace(line[1]))...)
	}
	c, err := loadWith(t, nil, environ)
	if err != nil {
		t.Fatal(err)
	}
	if len(c.secretKeys) != 1 || len(c.apiKeys) != 1 || string(c.data) != filepath.Join(dir, value(service, "StateDirectory")) {
		t.Errorf("the service has keys %d and %d, and data in %s", len(c.secretKeys), len(c.apiKeys), c.data)
	}
	stop, err := time.ParseDuration(value(service, "TimeoutStopSec"))
	if err != nil || stop < time.Duration(c.shutdownTimeout)+closeWait {
		t.Errorf("a stop may take %v (%v), and --shutdown-timeout is %v", stop, err, time.Duration(c.shutdownTimeout))
	}
	watchdog, err := time.ParseDuration(value(service, "WatchdogSec"))
	if err != nil || watchdog < 10*askWait {
		t.Errorf("the watchdog waits %v (%v)", watchdog, err)
	}
}

// isGivenASocket runs systemd's own way to try that out, which starts seshd as soon as somebody connects.
func (r *reader) isGivenASocket(t *testing.T, text string) {
	path, err := binary()
	if err != nil {
		t.Fatal(err)
	}
	addr := freeAddr(t)
	line := strings.Replace(strings.TrimSpace(text), " 8000 ", " "+addr+" ", 1)
	cmd := exec.CommandContext(t.Context(), "sh", "-c", "exec "+line+" --internal-addr= --data="+t.TempDir())
	cmd.Env = append(os.Environ(), "PATH="+filepath.Dir(path)+":"+os.Getenv("PATH"))
	stderr, err := cmd.StderrPipe()
	if err == nil {
		err = cmd.Start()
	}
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { cmd.Process.Kill(); cmd.Wait() })
	log := bufio.NewScanner(stderr)
	if !log.Scan() || !strings.HasPrefix(log.Text(), "Listening on") {
		t.Fatalf("it says %q", log.Text())
	}
	get(t, http.DefaultClient, "http://"+addr+"/session")
	for log.Scan() {
		if strings.Contains(log.Text(), `"took the sockets that were given"`) {
			return
		}
	}
	t.Error("it ended without taking the socket")
}
