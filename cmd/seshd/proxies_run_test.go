package main

import (
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"
)

// A runner runs a proxy until the end of the test, with a site that listens at addr. What it returns gives the proxy another site
// while it runs.
type runner func(t *testing.T, addr, site string) (reload func(site string))

func runNginx(t *testing.T, addr, site string) func(site string) {
	t.Helper()
	dir := t.TempDir()
	// With every file in a directory of the test, into which no other user may look.
	main := "daemon off; worker_processes 1; user root; pid nginx.pid; error_log stderr;\nevents {}\nhttp {\naccess_log off;\ninclude site.conf;\n"
	for _, temporary := range []string{"client_body", "proxy", "fastcgi", "uwsgi", "scgi"} {
		main += temporary + "_temp_path " + temporary + ";\n"
	}
	write := func(name, text string) {
		t.Helper()
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	write("nginx.conf", main+"}\n")
	write("site.conf", site)
	process := startFrontend(t, addr, "nginx", "apt-get install nginx-light", "-p", dir, "-c", filepath.Join(dir, "nginx.conf"), "-e", "stderr")
	return func(site string) {
		t.Helper()
		write("site.conf", site)
		if err := process.Signal(syscall.SIGHUP); err != nil {
			t.Fatal(err)
		}
	}
}

func runCaddy(t *testing.T, addr, site string) func(site string) {
	t.Helper()
	file, admin := filepath.Join(t.TempDir(), "Caddyfile"), freeAddr(t)
	write := func(site string) {
		t.Helper()
		global := "{\n\tadmin " + admin + "\n\tdefault_bind 127.0.0.1\n\tauto_https disable_redirects\n}\n" // nothing at ports 80 and 2019
		if err := os.WriteFile(file, []byte(global+site), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	write(site)
	startFrontend(t, addr, "caddy", "apt-get install caddy", "run", "--config", file, "--adapter", "caddyfile")
	return func(site string) {
		t.Helper()
		write(site)
		out, err := exec.CommandContext(t.Context(), "caddy", "reload", "--address", admin, "--config", file, "--adapter", "caddyfile").CombinedOutput()
		if err != nil {
			t.Fatalf("caddy reload: %v\n%s", err, out)
		}
	}
}

// startFrontend runs a proxy, or another server, with what it starts, until the end of the test, and waits until it listens.
func startFrontend(t *testing.T, addr, program, from string, args ...string) *os.Process {
	t.Helper()
	path, err := exec.LookPath(program)
	if err != nil {
		path, err = exec.LookPath("/usr/sbin/" + program) // where Debian has it, and not every user looks
	}
	if err != nil {
		t.Fatalf("%s is needed (%s, as sh .ci/test does): %v", program, from, err)
	}
	cmd := exec.CommandContext(t.Context(), path, args...)
	home := t.TempDir() // what caddy would keep
	cmd.Env = append(os.Environ(), "HOME="+home, "XDG_CONFIG_HOME="+home, "XDG_DATA_HOME="+home)
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	cmd.Cancel = func() error { return syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL) } // nginx' workers too
	var out strings.Builder
	cmd.Stdout, cmd.Stderr = &out, &out
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	ended := make(chan struct{})
	go func() {
		cmd.Wait()
		close(ended)
	}()
	t.Cleanup(func() { <-ended }) // by then the test's context is done
	listens(t, addr, func() {
		select {
		case <-ended:
			t.Fatalf("%s ended:\n%s", program, out.String())
		default:
		}
	})
	return cmd.Process
}

// listens waits until somebody does at addr; alive fails the test where nobody ever will.
func listens(t *testing.T, addr string, alive func()) {
	t.Helper()
	look := time.NewTicker(10 * time.Millisecond)
	defer look.Stop()
	for began := time.Now(); ; <-look.C {
		conn, err := net.Dial("tcp", addr)
		if err == nil {
			conn.Close()
			return
		}
		if alive(); time.Since(began) > patience {
			t.Fatal(err)
		}
	}
}
