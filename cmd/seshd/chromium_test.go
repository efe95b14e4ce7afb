package main

import (
	"context"
	"testing"

	"github.com/chromedp/chromedp"
)

// Each chromium_*_test.go shows a part of what the client promises, in a real browser and with a real server.

// blankPage is a page of the server's origin that neither writes nor takes a cookie: the text of the client.
const blankPage = "/seshd.js"

// newcomer is somebody with a browser of their own: no cookie is there yet, and none of anybody else's.
func newcomer(t *testing.T, chromium context.Context, origin string) *page {
	t.Helper()
	return openPage(t, chromium, origin+blankPage, chromedp.WithNewBrowserContext())
}

// another opens one more page of the same visitor.
func (p *page) another(t *testing.T, origin string) *page {
	t.Helper()
	return openPage(t, p.ctx, origin+blankPage)
}

// liveNewcomer is one whose page runs the client.
func liveNewcomer(t *testing.T, chromium context.Context, origin string) *page {
	t.Helper()
	p := newcomer(t, chromium, origin)
	runClient(t, p)
	p.knows(t, `status == "live"`)
	return p
}

// does runs statements in a page and waits for none of what they begin.
func (p *page) does(t *testing.T, statements string) {
	t.Helper()
	evaluate[bool](t, p, `(() => { `+statements+`; return true; })()`)
}

// outcomes waits for the promises that a page put into window.written, and says what became of each.
func (p *page) outcomes(t *testing.T) []string {
	t.Helper()
	return evaluate[[]string](t, p, `Promise.allSettled(written).then((all) => all.map((w) => w.reason?.code ?? w.status))`)
}

// wantAll fails the test unless there are so many outcomes, all the same.
func wantAll(t *testing.T, outcomes []string, n int, want string) {
	t.Helper()
	if len(outcomes) != n {
		t.Errorf("%d writes have an outcome, want %d", len(outcomes), n)
	}
	for i, got := range outcomes {
		if got != want {
			t.Errorf("write %d: %s, want %s", i, got, want)
		}
	}
}
