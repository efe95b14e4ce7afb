package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"net/http"
	"net/http/cookiejar"
	"net/url"
	"testing"
	"time"

	"github.com/gorilla/websocket"
)

// patience is how long a test waits for what must come. Nothing waits this long unless it fails.
const patience = time.Minute

// withoutLimits are the flags that let a test write as fast as it can.
func withoutLimits(more ...string) []string {
	return append(more, "--rate=0", "--new-sessions=0")
}

// browser is a cookie jar with a way to the server: one visitor, without pages.
type browser struct {
	http *http.Client
	addr string
}

func newBrowser(t *testing.T, addr string) *browser {
	jar, _ := cookiejar.New(nil)
	transport := &http.Transport{MaxIdleConnsPerHost: 64} // no proxy, and no connection thrown away under load
	t.Cleanup(transport.CloseIdleConnections)
	return &browser{&http.Client{Jar: jar, Transport: transport, Timeout: patience}, addr}
}

// session is GET /session.
func (b *browser) session() (s frame, err error) {
	response, err := b.http.Get("http://" + b.addr + "/session")
	if err != nil {
		return s, err
	}
	return s, decode(response, &s)
}

// post is POST /session. once is the Idempotency-Key, if there is one.
func (b *browser) post(mutation, once string) (s frame, err error) {
	request, err := http.NewRequest(http.MethodPost, "http://"+b.addr+"/session", bytes.NewReader([]byte(mutation)))
	if err != nil {
		return s, err
	}
	request.Header.Set("Content-Type", "application/json")
	if once != "" {
		request.Header.Set("Idempotency-Key", once)
	}
	response, err := b.http.Do(request)
	if err != nil {
		return s, err
	}
	return s, decode(response, &s)
}

func decode(response *http.Response, v any) error {
	defer response.Body.Close()
	body, err := io.ReadAll(response.Body)
	if err != nil {
		return err
	}
	if response.StatusCode != http.StatusOK {
		return fmt.Errorf("%s: %s", response.Status, body)
	}
	return json.Unmarshal(body, v)
}

// frame is any frame to a tab, and any answer about a session.
type frame struct {
	Type      string
	ID        json.RawMessage // a session's name, or the number of a mutation
	From      *uint64
	Version   uint64
	Data, Set map[string]json.RawMessage
	Delete    []string
	By        string
	Tabs      int
	Code      string
	Into      string
	Continues string
	Message   string
	Duplicate bool

	text string
}

// number is the id of the mutation that an ok or an error is about.
func (f frame) number() (n uint64) {
	json.Unmarshal(f.ID, &n)
	return n
}

// tab is a WebSocket of a browser. It holds what it was told, and takes no frame that does not fit to that.
type tab struct {
	conn    *websocket.Conn
	session string // its id, as JSON
	version uint64
	data    map[string]json.RawMessage
	tabs    int
}

// open opens a tab. Query may be empty.
func (b *browser) open(query url.Values) (*tab, error) {
	dialer := websocket.Dialer{Jar: b.http.Jar, HandshakeTimeout: patience}
	conn, _, err := dialer.Dial("ws://"+b.addr+"/ws?"+query.Encode(), nil)
	if err != nil {
		return nil, err
	}
	return &tab{conn: conn}, nil
}

func openTab(t *testing.T, b *browser) *tab {
	t.Helper()
	tb, err := b.open(nil)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { tb.conn.Close() })
	if f, err := tb.next(); err != nil || f.Type != "session" {
		t.Fatalf("the first frame is %s, %v", f.text, err)
	}
	return tb
}

func (tb *tab) send(line string) error {
	tb.conn.SetWriteDeadline(time.Now().Add(patience))
	return tb.conn.WriteMessage(websocket.TextMessage, []byte(line))
}

// errMisled is a frame that breaks a promise, as against a connection that broke.
var errMisled = errors.New("misled")

// next reads a frame and follows it: a change must begin where the tab is (guarantee 1 of the contract).
func (tb *tab) next() (f frame, err error) {
	tb.conn.SetReadDeadline(time.Now().Add(patience))
	_, text, err := tb.conn.ReadMessage()
	if err != nil {
		return f, err
	}
	f.text = string(text)
	if err := json.Unmarshal(text, &f); err != nil {
		return f, fmt.Errorf("%w: %s: %w", errMisled, text, err)
	}
	return f, tb.follow(f)
}

func (tb *tab) follow(f frame) error {
	switch f.Type {
	case "session":
		if tb.session == string(f.ID) && f.Version < tb.version {
			return fmt.Errorf("%w: told version %d after %d", errMisled, f.Version, tb.version)
		}
		tb.session, tb.version, tb.data, tb.tabs = string(f.ID), f.Version, maps.Clone(f.Data), f.Tabs
	case "change":
		if f.From == nil || *f.From != tb.version || f.Version < tb.version {
			return fmt.Errorf("%w: the tab is at version %d and was told %s", errMisled, tb.version, f.text)
		}
		tb.version = f.Version
		maps.Copy(tb.data, f.Set)
		for _, key := range f.Delete {
			delete(tb.data, key)
		}
	case "tabs":
		tb.tabs = f.Tabs
	}
	return nil
}

// until reads up to the first frame of a type, and returns that.
func (tb *tab) until(kind string) (frame, error) {
	for {
		f, err := tb.next()
		if err != nil || f.Type == kind {
			return f, err
		}
		if f.Type == "error" || f.Type == "bye" {
			return f, fmt.Errorf("waiting for %q: %s", kind, f.text)
		}
	}
}

func want(t *testing.T, tb *tab, kind string) frame {
	t.Helper()
	f, err := tb.until(kind)
	if err != nil {
		t.Fatal(err)
	}
	return f
}

// integer reads a value as a whole number; what is not one is none.
func integer(value json.RawMessage) (n int) {
	json.Unmarshal(value, &n)
	return n
}
