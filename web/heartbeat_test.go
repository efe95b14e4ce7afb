package web

import (
	"bufio"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"github.com/gorilla/websocket"

	"github.com/seshd/seshd/hub"
	"github.com/seshd/seshd/session"
	"github.com/seshd/seshd/session/pebblestore"
)

func newApp(t testing.TB) *App {
	t.Helper()
	quiet := slog.New(slog.DiscardHandler)
	store, err := pebblestore.Open(t.TempDir(), pebblestore.Options{Logger: quiet})
	if err != nil {
		t.Fatal(err)
	}
	manager := session.NewManager(store, session.Options{Logger: quiet})
	app := New(manager, Options{Logger: quiet})
	t.Cleanup(func() {
		app.Close()
		if err := manager.Close(); err != nil {
			t.Error(err)
		}
	})
	return app
}

func TestAHeartbeatIsACommentThatProxiesCount(t *testing.T) {
	app := newApp(t)
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_, handle := app.manager.Begin()
		member, err := app.hub.Join(r.Context(), hub.Join{Handle: handle, Wake: func() {}})
		if err != nil {
			t.Error(err)
			return
		}
		defer member.Leave()
		stream := eventStream{w: w, control: http.NewResponseController(w), heartbeat: time.Millisecond, pushed: app.metrics.pushed}
		stream.run(r, member, nil)
	}))
	defer server.Close()
	response, err := http.Get(server.URL)
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	lines := bufio.NewScanner(response.Body)
	for beats := 0; beats < 3 && lines.Scan(); {
		if lines.Text() != ":" {
			continue
		}
		if beats++; !lines.Scan() || lines.Text() != "" {
			t.Errorf("after a heartbeat: %q", lines.Text())
		}
	}
	if lines.Err() != nil {
		t.Error(lines.Err())
	}
	if heartbeat >= 30*time.Second {
		t.Errorf("a heartbeat every %v is too late for proxies", heartbeat)
	}
}

func TestEveryTabIsPingedOnceARound(t *testing.T) {
	app := newApp(t)
	server := httptest.NewServer(app)
	defer server.Close()
	const tabs = 2 * pingSlots
	pinged := make(chan int, 2*tabs)
	for i := range tabs {
		conn, _, err := websocket.DefaultDialer.Dial("ws"+server.URL[len("http"):]+"/ws", nil)
		if err != nil {
			t.Fatal(err)
		}
		defer conn.Close()
		if _, _, err := conn.ReadMessage(); err != nil { // a tab that was told something is in the round
			t.Fatal(err)
		}
		conn.SetPingHandler(func(string) error { pinged <- i; return nil })
		go func() {
			for {
				if _, _, err := conn.ReadMessage(); err != nil {
					return
				}
			}
		}()
	}
	seen := make(map[int]bool)
	for slot := range pingSlots { // a round, without its seconds
		app.pinger.ping(slot)
	}
	for len(seen) < tabs {
		select {
		case i := <-pinged:
			seen[i] = true
		case <-time.After(10 * time.Second):
			t.Fatalf("%d of %d were pinged", len(seen), tabs)
		}
	}
}
