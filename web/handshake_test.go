package web_test

import (
	"io"
	"testing"
	"time"

	"github.com/gorilla/websocket"
)

// A handshake that is none is refused as any other request, and spends no ticket.
func TestABrokenHandshakeIsAProblemAndSpendsNoTicket(t *testing.T) {
	b := start(t, setup{}).visit()
	ticket := b.ticket().Ticket
	const key = "dGhlIHNhbXBsZSBub25jZQ=="
	for name, headers := range map[string][]string{
		"an old version": {"Sec-WebSocket-Version", "12", "Sec-WebSocket-Key", key},
		"no version":     {"Sec-WebSocket-Key", key},
		"no key":         {"Sec-WebSocket-Version", "13"},
		"a short key":    {"Sec-WebSocket-Version", "13", "Sec-WebSocket-Key", "c2hvcnQ="},
	} {
		a := b.get("/ws?ticket="+ticket, append(headers, "Connection", "Upgrade", "Upgrade", "websocket")...)
		a.problem(400, "bad_request")
		if got := a.header.Get("Sec-WebSocket-Version"); got != "13" {
			t.Errorf("%s: version %q", name, got)
		}
	}
	if _, f := b.enter("ticket=" + ticket); f.Type != "session" {
		t.Errorf("the ticket is spent: %s", f.line)
	}
	b.open("ticket="+ticket).bye("bad_ticket", 4401)
}

// TestOneCloseIsSent: whoever closes first, each side says so once. Browsers take a second close frame for a failure.
func TestOneCloseIsSent(t *testing.T) {
	for name, begin := range map[string]func(*websocket.Conn) error{
		"by us":   func(c *websocket.Conn) error { return c.WriteMessage(websocket.BinaryMessage, []byte("x")) },
		"by them": func(c *websocket.Conn) error { return c.WriteMessage(websocket.CloseMessage, nil) },
	} {
		t.Run(name, func(t *testing.T) {
			s := start(t, setup{})
			conn, _, err := websocket.DefaultDialer.Dial("ws"+s.url[len("http"):]+"/ws", nil)
			if err != nil {
				t.Fatal(err)
			}
			defer conn.Close()
			if err := begin(conn); err != nil {
				t.Fatal(err)
			}
			for err == nil { // the first close, which gorilla answers if it was not the answer
				_, _, err = conn.ReadMessage()
			}
			if _, ok := err.(*websocket.CloseError); !ok {
				t.Fatalf("closed by %v", err)
			}
			conn.NetConn().SetReadDeadline(time.Now().Add(10 * time.Second))
			if rest, err := io.ReadAll(conn.NetConn()); len(rest) > 0 || err != nil {
				t.Errorf("after the close came % x, %v", rest, err)
			}
		})
	}
}
