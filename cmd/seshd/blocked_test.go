package main

import (
	"context"
	"io"
	"log"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/chromedp/chromedp"
)

// blockade is a proxy like those of some offices: it speaks HTTP/1.1 and lets no WebSocket through.
type blockade struct {
	*httptest.Server

	mu      sync.Mutex // guards the rest
	lifted  bool
	streams int            // open through it
	moved   chan struct{}  // closed when that changes
	most    int            // streams at one time
	posts   map[string]int // under way, by client
	crowd   int            // posts of one client at one time
}

func newBlockade(t *testing.T, addr string) *blockade {
	b := &blockade{moved: make(chan struct{}), posts: map[string]int{}}
	proxy := &httputil.ReverseProxy{
		Rewrite: func(r *httputil.ProxyRequest) {
			r.SetURL(&url.URL{Scheme: "http", Host: addr})
			r.Out.Host = r.In.Host // else the page's origin is foreign
		},
		ErrorLog: log.New(io.Discard, "", 0), // the server dies under it
	}
	b.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Header.Get("Upgrade") != "" && !b.isLifted() {
			http.Error(w, "no such thing here", http.StatusForbidden)
			return
		}
		defer b.pass(r)()
		proxy.ServeHTTP(w, r)
	}))
	t.Cleanup(func() {
		b.CloseClientConnections()
		b.Close()
	})
	return b
}

// pass counts a request in, and out again by what it returns.
func (b *blockade) pass(r *http.Request) (done func()) {
	switch {
	case r.URL.Path == "/session/events":
		b.stream(1)
		return func() { b.stream(-1) }
	case r.Method == http.MethodPost:
		client, _, _ := strings.Cut(r.Header.Get("Idempotency-Key"), ":")
		b.post(client, 1)
		return func() { b.post(client, -1) }
	}
	return func() {}
}

func (b *blockade) stream(by int) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.streams += by
	b.most = max(b.most, b.streams)
	close(b.moved)
	b.moved = make(chan struct{})
}

func (b *blockade) post(client string, by int) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.posts[client] += by
	b.crowd = max(b.crowd, b.posts[client])
}

// holds waits until as many streams are open.
func (b *blockade) holds(t *testing.T, streams int) {
	t.Helper()
	late := time.After(patience)
	for {
		b.mu.Lock()
		open, moved := b.streams, b.moved
		b.mu.Unlock()
		if open == streams {
			return
		}
		select {
		case <-moved:
		case <-late:
			t.Fatalf("%d streams are open, want %d", open, streams)
		}
	}
}

func (b *blockade) isLifted() bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.lifted
}

func (b *blockade) lift() {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.lifted = true
}

// runClient opens the client in a page, as s.
func runClient(t *testing.T, p *page) {
	t.Helper()
	evaluate[bool](t, p, `import("/seshd.js").then((m) => { window.s = m.open(); return s.ready; }).then(() => true)`)
}

// knows waits until the client in a page is where the condition says: it sees data, status, version, tabs and pending.
func (p *page) knows(t *testing.T, condition string) {
	t.Helper()
	ctx, cancel := context.WithTimeout(p.ctx, patience)
	defer cancel()
	wait := `new Promise((yes) => {
		const check = () => {
			const { data, status, version, tabs, pending } = s.getSnapshot();
			if (` + condition + `) yes(true);
		};
		s.subscribe(check);
		check();
	})`
	if _, err := chromedp.Run(ctx, chromedp.Evaluate[bool](wait, chromedp.EvalAwaitPromise)); err != nil {
		has, _ := chromedp.Run(p.ctx, chromedp.Evaluate[string](`JSON.stringify(s.getSnapshot())`))
		t.Fatalf("the client does not come to %s (%v): it has %.2000s", condition, err, has)
	}
}

// transports names the ways by which the session's tabs are connected.
func transports(t *testing.T, p *page) string {
	t.Helper()
	return evaluate[string](t, p, `fetch("/session/tabs").then((r) => r.json()).then((tabs) => tabs.map((t) => t.transport).join(" "))`)
}

// onlyBlocked fails the test for what a page complains of beyond a blockade, a server that is gone, writes that are refused, and an
// icon that nobody has.
func onlyBlocked(t *testing.T, p *page) {
	t.Helper()
	if rest := p.complaints("WebSocket connection to 'ws://", "502 (Bad Gateway)", "net::ERR_", "409 (Conflict)", "422 (Unproc", "favicon.ico"); len(rest) > 0 {
		t.Errorf("errors in the console:\n%s", strings.Join(rest, "\n"))
	}
}
