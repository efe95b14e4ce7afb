package main

import (
	"context"
	"errors"
	"log/slog"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"
)

// manager is who started a server and wants to hear how it is, as systemd does.
type manager struct {
	t    *testing.T
	conn *net.UnixConn
	path string
}

func newManager(t *testing.T) *manager {
	t.Helper()
	m := &manager{t: t, path: filepath.Join(t.TempDir(), "notify")}
	var err error
	if m.conn, err = net.ListenUnixgram("unixgram", &net.UnixAddr{Name: m.path, Net: "unixgram"}); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { m.conn.Close() })
	return m
}

// next is the next message.
func (m *manager) next() string {
	m.t.Helper()
	m.conn.SetReadDeadline(time.Now().Add(patience))
	message := make([]byte, 4096)
	n, err := m.conn.Read(message)
	if err != nil {
		m.t.Fatal(err)
	}
	return string(message[:n])
}

// hears waits for a message that is no word to the watchdog, and says how many of those came before it.
func (m *manager) hears(want string) (alive int) {
	m.t.Helper()
	for {
		switch got := m.next(); got {
		case "WATCHDOG=1":
			alive++
		case want:
			return alive
		default:
			m.t.Fatalf("heard %q, want %q", got, want)
		}
	}
}

func TestAServerSaysWhenItIsReadyAndWhenItStops(t *testing.T) {
	m := newManager(t)
	cmd := command(t, t.TempDir(), "--shutdown-timeout=20s")
	cmd.Env = append(os.Environ(), "NOTIFY_SOCKET="+m.path, "WATCHDOG_USEC=20000")
	p := launch(t, cmd)
	m.hears("READY=1\nSTATUS=ready")
	get(t, http.DefaultClient, "http://"+p.addr+"/session")
	get(t, http.DefaultClient, "http://"+p.internal+"/readyz")
	for range 3 {
		if got := m.next(); got != "WATCHDOG=1" {
			t.Errorf("heard %q", got)
		}
	}
	tab := openTab(t, newBrowser(t, p.addr))
	p.signal(t, syscall.SIGTERM)
	m.hears("STOPPING=1\nSTATUS=sending the tabs away, within 20s\nEXTEND_TIMEOUT_USEC=30000000")
	tab.goes(t, 1012, "restarting")
	if code := p.exit(t); code != 0 {
		t.Errorf("exit %d", code)
	}
}

func TestTheWatchdogHearsNothingWhileTheStoreDoesNotAnswer(t *testing.T) {
	m := newManager(t)
	t.Setenv("NOTIFY_SOCKET", m.path)
	t.Setenv("WATCHDOG_USEC", "20000")
	store := make(chan error) // one answer a question
	ctx, stop := context.WithCancel(t.Context())
	end := notify(ctx, slog.New(slog.DiscardHandler), func(ctx context.Context) error {
		select {
		case err := <-store:
			return err
		case <-ctx.Done():
			return ctx.Err()
		}
	}, time.Second)
	defer end()

	down := errors.Join(errors.New("the store cannot be reached"), errors.New("no route"))
	store <- down
	m.hears("STATUS=not ready: the store cannot be reached; no route")
	store <- down
	store <- down
	store <- nil
	if alive := m.hears("READY=1\nSTATUS=ready"); alive > 0 {
		t.Errorf("the watchdog heard %d times from a server whose store did not answer", alive)
	}
	store <- nil
	store <- down
	if alive := m.hears("STATUS=not ready: the store cannot be reached; no route"); alive != 2 {
		t.Errorf("the watchdog heard %d times, want 2: once for each answer of the store", alive)
	}
	stop()
	for got := ""; !strings.HasPrefix(got, "STOPPING=1\n"); got = m.next() {
		if got == "WATCHDOG=1" {
			t.Error("the watchdog heard from a server whose store does not answer")
		}
	}
	store <- nil // a drain goes on, and so does the watchdog
	if got := m.next(); got != "WATCHDOG=1" {
		t.Errorf("heard %q while it drained", got)
	}
}

func TestAServerGoesOnWhereNobodyHearsIt(t *testing.T) {
	cmd := command(t, t.TempDir())
	cmd.Env = append(os.Environ(), "NOTIFY_SOCKET="+filepath.Join(t.TempDir(), "nobody"), "WATCHDOG_USEC=soon")
	p := launch(t, cmd)
	p.logged(t, "who started the server cannot be told how it is")
	get(t, http.DefaultClient, "http://"+p.addr+"/session")
}
