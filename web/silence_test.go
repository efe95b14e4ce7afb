package web

import (
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/gorilla/websocket"
)

// TestAnsweredPingsKeepAnIdleTabOpen: pongs alone are a sign of life, and a tab that gives none is closed.
func TestAnsweredPingsKeepAnIdleTabOpen(t *testing.T) {
	const wait = 400 * time.Millisecond
	for _, answers := range []bool{true, false} {
		app := newApp(t)
		app.pongWait = wait
		server := httptest.NewServer(app)
		defer server.Close()
		conn, _, err := websocket.DefaultDialer.Dial("ws"+strings.TrimPrefix(server.URL, "http")+"/ws", nil)
		if err != nil {
			t.Fatal(err)
		}
		defer conn.Close()
		if _, _, err := conn.ReadMessage(); err != nil { // from its first frame on, the tab is in the round of pings
			t.Fatal(err)
		}
		pings, closed := make(chan struct{}, 1), make(chan struct{})
		pong := conn.PingHandler()
		conn.SetPingHandler(func(data string) error {
			select {
			case pings <- struct{}{}:
			default: // the test has one to go on with
			}
			if !answers {
				return nil
			}
			return pong(data)
		})
		go func() {
			defer close(closed)
			for {
				if _, _, err := conn.ReadMessage(); err != nil {
					return
				}
			}
		}()
		began := time.Now()
		for open := true; open && time.Since(began) < 4*wait; {
			for slot := range pingSlots {
				app.pinger.ping(slot)
			}
			select {
			case <-pings:
			case <-closed:
				open = false
			}
		}
		select {
		case <-closed:
			if answers {
				t.Errorf("a tab that answers its pings was closed after %v", time.Since(began))
			}
		default:
			if !answers {
				t.Errorf("a tab that answers no ping was open after %v", time.Since(began))
			}
		}
	}
}
