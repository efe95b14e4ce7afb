package web_test

import (
	"encoding/json"
	"errors"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/gorilla/websocket"
)

// frame is a line from the server.
type frame struct {
	Type      string
	ID        json.RawMessage
	From      uint64
	Version   uint64
	Set, Data map[string]json.RawMessage
	Delete    []string
	Tabs      int
	By        string
	Code      string
	Message   string
	Duplicate bool
	line      string
}

// tab is a WebSocket connection.
type tab struct {
	t    *testing.T
	conn *websocket.Conn
	http *http.Response
}

// dial opens a connection, which may be refused.
func (b *browser) dial(query string, headers ...string) (*tab, *http.Response, error) {
	b.t.Helper()
	header := http.Header{}
	for i := 0; i < len(headers); i += 2 {
		header.Add(headers[i], headers[i+1])
	}
	dialer := websocket.Dialer{Jar: b.jar, HandshakeTimeout: patience}
	if query != "" {
		query = "?" + query
	}
	conn, response, err := dialer.Dial(strings.Replace(b.s.url, "http", "ws", 1)+"/ws"+query, header)
	if err != nil {
		return nil, response, err
	}
	b.t.Cleanup(func() { conn.Close() })
	return &tab{b.t, conn, response}, response, nil
}

// open opens a tab; its first frame is still to be read.
func (b *browser) open(query string, headers ...string) *tab {
	b.t.Helper()
	x, response, err := b.dial(query, headers...)
	if err != nil {
		b.t.Fatalf("open tab: %v %v", err, response)
	}
	return x
}

// enter opens a tab and reads its first frame.
func (b *browser) enter(query string) (*tab, frame) {
	b.t.Helper()
	x := b.open(query)
	return x, x.next()
}

func (x *tab) send(line string) {
	x.t.Helper()
	if err := x.conn.WriteMessage(websocket.TextMessage, []byte(line)); err != nil {
		x.t.Fatalf("send %.100s: %v", line, err)
	}
}

// next reads the next frame, which must come.
func (x *tab) next() (f frame) {
	x.t.Helper()
	x.conn.SetReadDeadline(time.Now().Add(patience))
	kind, text, err := x.conn.ReadMessage()
	if err != nil {
		x.t.Fatalf("read frame: %v", err)
	}
	f.line = string(text)
	if err := json.Unmarshal(text, &f); err != nil || kind != websocket.TextMessage || strings.Contains(f.line, "\n") {
		x.t.Fatalf("not a line of JSON: %q %v", text, err)
	}
	return f
}

// until reads up to the first frame of a type.
func (x *tab) until(kind string) frame {
	x.t.Helper()
	for {
		if f := x.next(); f.Type == kind {
			return f
		}
	}
}

// does sends a mutation with an id and returns its answer.
func (x *tab) does(line string) frame {
	x.t.Helper()
	x.send(line)
	for {
		if f := x.next(); f.Type == "ok" || f.Type == "error" {
			return f
		}
	}
}

// bye reads up to the last frame and the close after it.
func (x *tab) bye(code string, closeCode int) frame {
	x.t.Helper()
	f := x.until("bye")
	if f.Code != code || f.Message == "" {
		x.t.Errorf("want a bye with code %s, got %s", code, f.line)
	}
	x.closed(closeCode)
	return f
}

func (x *tab) closed(code int) {
	x.t.Helper()
	_, text, err := x.conn.ReadMessage()
	var closed *websocket.CloseError
	if !errors.As(err, &closed) || closed.Code != code {
		x.t.Errorf("want close code %d, got %v %s", code, err, text)
	}
}
