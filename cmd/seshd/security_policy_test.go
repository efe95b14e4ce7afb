package main

import (
	"bufio"
	"encoding/json"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"sync"
	"testing"

	"github.com/google/uuid"
)

// overheard keeps everything that a browser is ever told: bodies, headers, events and frames.
type overheard struct {
	mu   sync.Mutex // guards text
	text strings.Builder
}

func (o *overheard) hears(text string) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.text.WriteString(text + "\n")
}

// asks sends a request as the browser and keeps the answer.
func (o *overheard) asks(t *testing.T, b *browser, method, path, body string, headers ...string) answered {
	t.Helper()
	a := b.do(t, method, path, body, headers...)
	var header strings.Builder
	a.header.Write(&header)
	o.hears(header.String() + a.body)
	return a
}

// reads keeps the frames of a tab up to one of a version.
func (o *overheard) reads(t *testing.T, tb *tab, version uint64) {
	t.Helper()
	for tb.version < version {
		f, err := tb.next()
		if err != nil {
			t.Fatal(err)
		}
		o.hears(f.text)
	}
}

// follows keeps the events of a stream up to one of a version.
func (o *overheard) follows(t *testing.T, b *browser, last string) func(version string) {
	t.Helper()
	r, _ := http.NewRequestWithContext(t.Context(), "GET", "http://"+b.addr+"/session/events", nil)
	r.Header.Set("Last-Event-ID", last)
	response, err := b.http.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { response.Body.Close() })
	lines := bufio.NewScanner(response.Body)
	return func(version string) {
		t.Helper()
		for lines.Scan() {
			o.hears(lines.Text())
			if strings.HasPrefix(lines.Text(), "data:") && strings.Contains(lines.Text(), `"version":`+version) {
				return
			}
		}
		t.Fatalf("the stream ended before version %s: %v", version, lines.Err())
	}
}

func TestSecurity15TabsNeitherSeeNorWriteWhatIsNotTheirs(t *testing.T) {
	p, api := startWithAPI(t, t.TempDir(), "--tab-read=cart,open*", "--tab-write=cart,open*,inbox")
	b, o := newBrowser(t, p.addr), &overheard{}
	o.asks(t, b, "POST", "/session", `{"set":{"cart":{"cherries":1}}}`).want(200)
	id := api.resolve(b).ID
	early, stream := openTab(t, b), o.follows(t, b, "")
	path := "/v1/sessions/" + id
	mutate := func(mutation string) { t.Helper(); api.do("POST", path, mutation).want(200) }
	// Private and unlisted keys, in every operation there is; each word of it that a browser must not hear has "hush" in it.
	mutate(`{"set":{"_hush":"hush","role":"hush","cart":{"cherries":2}}}`)
	mutate(`{"merge":{"_hush_cart":{"hush":1}},"append":{"hush_log":["hush"]},"incr":{"hush_n":1}}`)
	mutate(`{"delete":["_hush","hush_log"],"set":{"opened":1}}`)
	mutate(`{"set":{"_hush":"hush","hush_log":["hush"]}}`)
	const version = 5

	o.reads(t, early, version)
	stream("5")
	for _, since := range []string{"", id + ":0", id + ":1", id + ":2", id + ":4", id + ":5"} {
		late, err := b.open(url.Values{"since": {since}, "client": {uuid.NewString()}})
		if err != nil {
			t.Fatal(err)
		}
		defer late.conn.Close()
		_, at, _ := strings.Cut(since, ":")
		late.version, _ = strconv.ParseUint(at, 10, 64) // where its first change begins
		f := first(t, late)
		o.hears(f.text)
		o.hears(want(t, ask(t, late, `{"get":true}`), "session").text)
		for _, line := range []string{
			`{"set":{"_hush":1},"id":1}`, `{"delete":["hush_log"],"id":2}`, `{"merge":{"_hush_cart":null},"id":3}`, `{"append":{"hush_log":[1]},"id":4}`,
			`{"incr":{"hush_n":1},"id":5}`, `{"set":{"cart":{},"role":"admin"},"id":6}`, `{"set":{"\u005fhush":1},"id":7}`,
		} {
			o.hears(ask(t, late, line).refusedWith(t, "forbidden_key"))
		}
	}
	o.follows(t, b, id+":1")("5")
	for _, key := range []string{"_hush", "role", "hush_log", "%5Fhush", "_hush_cart"} {
		o.asks(t, b, "GET", "/session/keys/"+key, "").want(404, "no_such_key")
		o.asks(t, b, "PUT", "/session/keys/"+key, `1`).want(403, "forbidden_key")
		o.asks(t, b, "DELETE", "/session/keys/"+key, "").want(403, "forbidden_key")
	}
	o.asks(t, b, "PATCH", "/session", `{"role":"admin"}`, "Content-Type", "application/merge-patch+json").want(403, "forbidden_key")
	o.asks(t, b, "GET", "/session", "").want(200)
	o.asks(t, b, "GET", "/session/tabs", "").want(200)
	once := uuid.NewString() + ":1"
	for range 2 { // applied, then a duplicate
		o.asks(t, b, "POST", "/session", `{"append":{"inbox":["hush, but the browser's own"]}}`, "Idempotency-Key", once).want(200)
	}
	o.asks(t, b, "POST", "/session", `{"clear":true}`).want(200)

	var kept whole
	api.do("GET", path, "").want(200).into(&kept)
	for _, key := range []string{"_hush", "_hush_cart", "role", "hush_log", "hush_n"} {
		if kept.Data[key] == nil {
			t.Errorf("a browser's clear took %s", key)
		}
	}
	// The tests' own words come back in refusals, which quote the key that was asked for.
	for line := range strings.Lines(o.text.String()) {
		quoted := strings.Contains(line, "forbidden_key") || strings.Contains(line, "no_such_key")
		if !quoted && (strings.Contains(line, "hush") || strings.Contains(line, "role")) {
			t.Errorf("a browser was told: %s", line)
		}
	}
}

// TestSecurity13NoOtherSiteWrites sends what browsers send for pages of other sites, in each way that they mark it.
func TestSecurity13NoOtherSiteWrites(t *testing.T) {
	p, api := startWithAPI(t, t.TempDir(), "--tour=false")
	b, o := newBrowser(t, p.addr), &overheard{}
	o.asks(t, b, "POST", "/session", `{"set":{"fruit":"cherries"}}`).want(200)
	writes := [][3]string{
		{"POST", "/session", `{"clear":true}`}, {"PUT", "/session/keys/fruit", `1`}, {"PATCH", "/session", `{"fruit":null}`},
		{"DELETE", "/session/keys/fruit", ""}, {"DELETE", "/session", ""}, {"POST", "/session/ticket", ""},
	}
	for _, w := range writes {
		o.asks(t, b, w[0], w[1], w[2], "Origin", "https://other.example").want(403, "foreign_origin")
		o.asks(t, b, w[0], w[1], w[2], "Origin", "null").want(403, "foreign_origin")
		o.asks(t, b, w[0], w[1], w[2], "Sec-Fetch-Site", "cross-site").want(403, "foreign_origin")
		o.asks(t, b, w[0], w[1], w[2], "Sec-Fetch-Site", "same-site").want(403, "foreign_origin")
	}
	for _, kind := range []string{"text/plain", "application/x-www-form-urlencoded", "multipart/form-data; boundary=b", "", "application/merge-patch+json"} {
		o.asks(t, b, "POST", "/session", `{"clear":true}`, "Content-Type", kind).want(415, "unsupported_media_type")
		o.asks(t, b, "PUT", "/session/keys/fruit", `1`, "Content-Type", kind).want(415, "unsupported_media_type")
	}
	before := api.resolve(b)
	for _, path := range []string{
		"/", "/cherries", "/blueberries", "/destroy-session", "/live", "/shop", "/session", "/session/tabs", "/session/keys/fruit", "/seshd.js", "/seshd-events.js", "/ws",
		"/session?_method=DELETE", "/session/ticket", "/session?set=1",
	} {
		for _, method := range []string{"GET", "HEAD"} {
			o.asks(t, b, method, path, "", "X-HTTP-Method-Override", "DELETE")
		}
	}
	if after := api.resolve(b); after.Version != before.Version || string(after.Data["fruit"]) != `"cherries"` {
		t.Errorf("a GET wrote: %+v, it was %+v", after, before)
	}
}

// ask sends a line.
func ask(t *testing.T, tb *tab, line string) *tab {
	t.Helper()
	if err := tb.send(line); err != nil {
		t.Fatal(err)
	}
	return tb
}

// refusedWith reads up to an error of a code, and gives its text.
func (tb *tab) refusedWith(t *testing.T, code string) string {
	t.Helper()
	for {
		f, err := tb.next()
		if err != nil {
			t.Fatal(err)
		}
		if f.Type == "error" && f.Code == code {
			return f.text
		}
		if f.Type == "ok" || f.Type == "error" {
			t.Fatalf("want %s: %s", code, f.text)
		}
	}
}

// first reads the first frame of a tab.
func first(t *testing.T, tb *tab) frame {
	t.Helper()
	tb.data = map[string]json.RawMessage{}
	f, err := tb.next()
	if err != nil {
		t.Fatal(err)
	}
	return f
}
