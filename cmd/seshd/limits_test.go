package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/gorilla/websocket"
)

// answers reads up to the answer to a mutation that had an id.
func (tb *tab) answers(line string) (f frame, err error) {
	if err := tb.send(line); err != nil {
		return f, err
	}
	for f.Type != "ok" && f.Type != "error" && err == nil {
		f, err = tb.next()
	}
	return f, err
}

func wantOK(t *testing.T, tb *tab, line string) frame {
	t.Helper()
	f, err := tb.answers(line)
	if err != nil || f.Type != "ok" {
		t.Fatalf("%.100s: %s %v", line, f.text, err)
	}
	return f
}

func wantCode(t *testing.T, tb *tab, line, code string, named ...string) {
	t.Helper()
	f, err := tb.answers(line)
	if err != nil || f.Code != code {
		t.Fatalf("%.100s: %.300s %v, want %s", line, f.text, err, code)
	}
	for _, name := range named {
		if !strings.Contains(f.Message, name) {
			t.Errorf("%.100s: the refusal does not name %s: %s", line, name, f.Message)
		}
	}
}

// wantBye reads up to the close.
func wantBye(t *testing.T, tb *tab, code string, closeCode int, named ...string) {
	t.Helper()
	for {
		f, err := tb.next()
		if err != nil {
			t.Fatalf("waiting for the bye %s: %v", code, err)
		}
		if f.Type != "bye" {
			continue
		}
		if f.Code != code {
			t.Errorf("got %s, want %s", f.text, code)
		}
		for _, name := range named {
			if !strings.Contains(f.Message, name) {
				t.Errorf("the bye does not name %s: %s", name, f.Message)
			}
		}
		break
	}
	var closed *websocket.CloseError
	if _, err := tb.next(); !errors.As(err, &closed) || closed.Code != closeCode {
		t.Errorf("closed by %v, want %d", err, closeCode)
	}
}

func TestARateIsPerSession(t *testing.T) {
	p := start(t, t.TempDir(), "--rate=1", "--burst=5")
	hasty, calm := newBrowser(t, p.addr), newBrowser(t, p.addr)
	for _, b := range []*browser{hasty, calm} {
		if _, err := b.session(); err != nil {
			t.Fatal(err)
		}
	}
	tb, err := hasty.open(url.Values{"client": {"6f2b8f9e-0c7d-4a55-9a44-0f3f8f7a1b01"}})
	if err != nil {
		t.Fatal(err)
	}
	defer tb.conn.Close()
	want(t, tb, "session")
	var f frame
	id := 0
	for ; f.Type != "error" && id < 100; id++ { // a slow machine is given a few more
		if f, err = tb.answers(fmt.Sprintf(`{"incr":{"n":1},"id":%d}`, id+1)); err != nil {
			t.Fatal(err)
		}
	}
	if id <= 5 || f.Code != "rate_limited" || !strings.Contains(f.Message, "1 mutations a second per session (--rate), bursts of 5 (--burst)") {
		t.Fatalf("mutation %d: %s", id, f.text)
	}
	for range 20 { // what is sent again costs nothing
		if f := wantOK(t, tb, fmt.Sprintf(`{"incr":{"n":1},"id":%d}`, id-1)); !f.Duplicate {
			t.Fatal(f.text)
		}
	}
	response := write(t, hasty, `{"incr":{"n":1}}`)
	for i := 0; response.StatusCode == http.StatusOK && i < 100; i++ {
		response = write(t, hasty, `{"incr":{"n":1}}`)
	}
	if response.StatusCode != http.StatusTooManyRequests || response.Header.Get("Retry-After") != "1" {
		t.Errorf("%s, Retry-After %q", response.Status, response.Header.Get("Retry-After"))
	}
	other := openTab(t, calm)
	for id := range 5 {
		wantOK(t, other, fmt.Sprintf(`{"incr":{"n":1},"id":%d}`, id+1))
	}
	time.Sleep(1100 * time.Millisecond) // as Retry-After says
	if response := write(t, hasty, `{"incr":{"n":1}}`); response.StatusCode != http.StatusOK {
		t.Errorf("after Retry-After: %s", response.Status)
	}
}

// write is POST /session, with any answer.
func write(t *testing.T, b *browser, mutation string) *http.Response {
	t.Helper()
	response, err := b.http.Post("http://"+b.addr+"/session", "application/json", strings.NewReader(mutation))
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	body, err := io.ReadAll(response.Body)
	var refusal struct{ Code string }
	if json.Unmarshal(body, &refusal); err != nil || response.StatusCode >= 400 && refusal.Code != "rate_limited" {
		t.Fatalf("%s %s %v", response.Status, body, err)
	}
	return response
}

func TestATabThatGoesOnOverItsRateIsClosed(t *testing.T) {
	p := start(t, t.TempDir(), "--rate=1", "--burst=1")
	b := newBrowser(t, p.addr)
	if _, err := b.session(); err != nil {
		t.Fatal(err)
	}
	tb := openTab(t, b)
	go func() {
		for id := range 1000 {
			if tb.send(fmt.Sprintf(`{"set":{"n":%d},"id":%d}`, id, id+1)) != nil {
				return
			}
		}
	}()
	wantBye(t, tb, "rate_limited", 4229, "100", "10s")
	openTab(t, b) // it may come back
}

func TestAFloodOfNewSessionsFromOneAddressIsRefused(t *testing.T) {
	p := start(t, t.TempDir())
	var begun atomic.Int64
	logged := make(chan struct{})
	go func() { // all of the log, which would hold the server up if nobody read it
		defer close(logged)
		for line := range p.lines {
			if line["msg"] == "session begun" {
				begun.Add(1)
			}
		}
	}()
	b := newBrowser(t, p.addr)
	if _, err := b.session(); err != nil {
		t.Fatal(err)
	}
	old := openTab(t, b)
	wantOK(t, old, `{"set":{"n":0},"id":1}`)

	const flood = 1000
	stranger := newBrowser(t, p.addr)
	stranger.http.Jar = nil // each of its writes is a new visitor's
	let := int64(0)
	start := time.Now()
	for i := range flood {
		if write(t, stranger, `{"set":{"n":1}}`).StatusCode == http.StatusOK {
			let++
		}
		if i%10 == 0 {
			wantOK(t, old, fmt.Sprintf(`{"set":{"n":%d},"id":%d}`, i, i+2))
		}
	}
	if most := int64(201 + 20*time.Since(start).Seconds()); let < 200 || let > most || let == flood {
		t.Errorf("%d of %d new sessions were let through, want 200 and 20 a second, at most %d", let, flood, most)
	}
	p.signal(t, syscall.SIGTERM)
	<-logged
	p.cmd.Wait()
	if begun.Load() != let+1 {
		t.Errorf("%d sessions were begun, %d let through", begun.Load(), let+1)
	}
}

func TestSecurity14LimitsAreNamed(t *testing.T) {
	p := start(t, t.TempDir(), "--max-session-bytes=2000", "--max-keys=10", "--max-message-bytes=1MiB", "--max-tabs-per-session=3")
	b := newBrowser(t, p.addr)
	if _, err := b.session(); err != nil {
		t.Fatal(err)
	}
	dialer := websocket.Dialer{Jar: b.http.Jar, HandshakeTimeout: patience, EnableCompression: true}
	conn, response, err := dialer.Dial("ws://"+p.addr+"/ws", nil)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	if extensions := response.Header.Values("Sec-WebSocket-Extensions"); len(extensions) > 0 {
		t.Errorf("compression was negotiated: %q", extensions)
	}
	tb := &tab{conn: conn}
	want(t, tb, "session")

	nested := func(depth int) string { return strings.Repeat("[", depth) + strings.Repeat("]", depth) }
	wantOK(t, tb, `{"set":{"deep":`+nested(62)+`},"id":1}`)
	wantCode(t, tb, `{"set":{"deep":`+nested(63)+`},"id":2}`, "invalid_json", "64")
	wantCode(t, tb, nested(65), "invalid_json", "64")
	wantCode(t, tb, nested(100_000), "invalid_json", "64")
	wantCode(t, tb, strings.Repeat("[", 100_000), "invalid_json", "64")
	wantCode(t, tb, strings.Repeat(`{"a":`, 100_000), "invalid_json", "64")
	wantCode(t, tb, strings.Repeat("]", 100_000), "invalid_json")
	wantCode(t, tb, `{"set":{"a":1,"a":2},"id":2}`, "invalid_json", `duplicate member "a"`)
	wantCode(t, tb, `{"set":{"a":1,"\u0061":2},"id":2}`, "invalid_json", `duplicate member "a"`)
	wantCode(t, tb, "{\"set\":{\"a\":\"\xff\"},\"id\":2}", "invalid_json", "UTF-8")
	wantCode(t, tb, `{"set":{"a\u0000b":1},"id":2}`, "bad_key", "control characters")
	wantCode(t, tb, "{\"set\":{\"a\x00b\":1},\"id\":2}", "invalid_json")
	wantCode(t, tb, `{"set":{"`+strings.Repeat("k", 129)+`":1},"id":2}`, "bad_key", "128", "129")
	wantCode(t, tb, `{"set":{"a":"`+strings.Repeat("x", 2000)+`"},"id":2}`, "too_large", "2000")
	wantCode(t, tb, `{"set":{"1":1,"2":1,"3":1,"4":1,"5":1,"6":1,"7":1,"8":1,"9":1,"10":1},"id":2}`, "too_large", "11", "10")
	wantOK(t, tb, `{"set":{"a":1},"id":2}`) // and none of it did any harm

	openTab(t, b)
	openTab(t, b)
	fourth, err := b.open(nil)
	if err != nil {
		t.Fatal(err)
	}
	defer fourth.conn.Close()
	wantBye(t, fourth, "too_many_tabs", 4229, "3")
	if err := tb.send(`{"set":{"a":"` + strings.Repeat("x", 1<<20) + `"},"id":3}`); err != nil {
		t.Fatal(err)
	}
	wantBye(t, tb, "too_large", websocket.CloseMessageTooBig, "1048576")
}

// A tab that floods the server with what is no mutation costs itself only.
func TestAFloodOfFramesHoldsUpNobodyElse(t *testing.T) {
	p := start(t, t.TempDir())
	hostile, honest := newBrowser(t, p.addr), newBrowser(t, p.addr)
	for _, b := range []*browser{hostile, honest} {
		if _, err := b.session(); err != nil {
			t.Fatal(err)
		}
	}
	flood, tb := openTab(t, hostile), openTab(t, honest)
	go func() {
		for range 10_000 {
			if flood.send(`{"set":garbled`) != nil || flood.send(`{"get":true}`) != nil {
				return
			}
		}
	}()
	var served atomic.Int64
	over := make(chan error, 1) // why the flood's reader ended
	go func() {
		for {
			f, err := flood.next()
			if err != nil {
				over <- err
				return
			}
			if f.Type == "error" && f.Code == "invalid_json" || f.Type == "session" {
				served.Add(1)
			}
		}
	}()
	for id := range 200 {
		wantOK(t, tb, fmt.Sprintf(`{"incr":{"n":1},"id":%d}`, id+1))
	}
	before := served.Load()
	for id, until := 200, time.Now().Add(patience); served.Load() == before; id++ {
		if time.Now().After(until) {
			t.Fatalf("the tab that floods is neither served nor closed, after %d answers", before)
		}
		select {
		case err := <-over:
			if !websocket.IsCloseError(err, 4229) {
				t.Fatalf("the tab that floods ended by %v", err)
			}
			return
		default:
			wantOK(t, tb, fmt.Sprintf(`{"incr":{"n":1},"id":%d}`, id+1))
		}
	}
	if before == 20_000 {
		t.Error("the flood was over before the honest tab was done: this shows nothing")
	}
}
