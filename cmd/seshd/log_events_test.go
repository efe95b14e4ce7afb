package main

import (
	"io/fs"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"syscall"
	"testing"
)

// The log tells each refusal with its reason and the public id, and at debug the tabs that come and go.
func TestTheLogTellsRefusalsAndTabs(t *testing.T) {
	p, b := startWithAPI(t, t.TempDir(), "--log-level=debug", "--max-tabs-per-session=1")
	log := p.journal()
	v := visitor(t, p, `{"set":{"a":"x"}}`)
	who := b.resolve(v)
	x := openTab(t, v)
	log.has(t, "tab opened", "session", who.ID, "device", who.Device, "transport", "websocket", "level", "DEBUG")
	wsRefused(t, v, nil, 4229, "too_many_tabs")
	log.has(t, "connection refused", "session", who.ID, "code", "too_many_tabs", "reason", "the session has its 1 tabs open*")
	x.send(`{"incr":{"a":1},"id":1}`)
	log.has(t, "frame refused", "session", who.ID, "code", "not_a_number", "reason", `incr of "a"*`, "level", "INFO")
	x.send(`no JSON`)
	log.has(t, "frame refused", "session", who.ID, "code", "invalid_json", "level", "INFO")
	x.send(`{"if_version":9,"id":2}`)
	log.has(t, "frame refused", "session", who.ID, "code", "conflict", "level", "DEBUG")
	v.do(t, "POST", "/session", `{"incr":{"a":1}}`).want(422)
	log.has(t, "request refused", "session", who.ID, "code", "not_a_number", "method", "POST", "path", "/session", "status", "422")
	v.do(t, "GET", "/session/keys/none", "").want(404)
	log.has(t, "request refused", "session", who.ID, "code", "no_such_key")
	newBrowser(t, p.addr).do(t, "GET", "/ws", "", "Connection", "Upgrade", "Upgrade", "websocket", "Sec-WebSocket-Version", "7").want(http.StatusBadRequest)
	log.has(t, "request refused", "path", "/ws", "code", "bad_request", "reason", "broken handshake: *")
	b.rotate(v)
	x.goes(t, 4001, "rotated")
	x.conn.Close()
	log.has(t, "tab closed", "session", who.ID, "transport", "websocket", "reason", "rotated", "level", "DEBUG")
	openTab(t, v).conn.Close()
	log.has(t, "tab closed", "session", who.ID, "reason", "left")
	wsRefused(t, v, url.Values{"ticket": {"x"}}, 4401, "bad_ticket")
	p.signal(t, syscall.SIGTERM)
	log.has(t, "stopping: closing the tabs; a second signal stops at once", "signal", "terminated")
	log.has(t, "shutting down", "tabs", "0", "timeout", "25s")
	log.has(t, "stopped")
}

// Each event of the log that the page tells of is one that the code logs.
func TestThePageTellsOfEventsThatThereAre(t *testing.T) {
	_, table, _ := strings.Cut(readFile(t, "docs/observe.md"), "\n## Logs\n")
	table, _, _ = strings.Cut(table, "\n## ")
	var code strings.Builder
	err := filepath.WalkDir(repoRoot(t), func(path string, d fs.DirEntry, err error) error {
		if err != nil || filepath.Ext(path) != ".go" || strings.HasSuffix(path, "_test.go") {
			return err
		}
		text, err := os.ReadFile(path)
		code.Write(text)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	events := regexp.MustCompile("(?m)^\\| `([^`]+)` \\|").FindAllStringSubmatch(table, -1)
	for _, event := range events {
		if event[1] != "msg" && !strings.Contains(code.String(), `"`+event[1]+`"`) && event[1] != "session logged_out" { // made of a cause
			t.Errorf("nobody logs %q", event[1])
		}
	}
	if len(events) < 20 {
		t.Errorf("the page tells of %d events", len(events))
	}
}
