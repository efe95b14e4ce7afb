package main

import (
	"fmt"
	"net/url"
	"testing"
	"time"

	"github.com/seshd/seshd/session/redisstore/redistest"
)

// TestTabsOverAFailover: a replica takes the primary's place and lacks what was written last. Every tab is told so, at a version
// that is higher than any, and so is whoever comes back with a version of before.
func TestTabsOverAFailover(t *testing.T) {
	sentinels := redistest.Redis.StartSentinels(t, 1, 1)
	p1, _ := startAt(t, sentinels.URL(0))
	p2, _ := startAt(t, sentinels.URL(0))
	v := visitor(t, p1, `{"set":{"fruit":"cherries"},"incr":{"n":1}}`)
	tabs := []*tab{openTab(t, v), openTab(t, v.at(t, p2))}
	sentinels.Detach()
	if err := tabs[0].send(`{"incr":{"n":1},"id":1}`); err != nil {
		t.Fatal(err)
	}
	want(t, tabs[0], "ok")
	if f := want(t, tabs[1], "change"); integer(f.Set["n"]) != 2 {
		t.Fatalf("the tab on the other server was told %s", f.text)
	}
	since := url.Values{"since": {fmt.Sprintf("%s:%d", tabs[0].session[1:len(tabs[0].session)-1], tabs[0].version)}}
	before := tabs[0].version
	began := time.Now()
	sentinels.Primary.Kill()
	for i, tb := range tabs {
		f := want(t, tb, "session")
		if f.Version <= before || integer(f.Data["n"]) != 1 || string(f.Data["fruit"]) != `"cherries"` {
			t.Errorf("tab %d was at version %d and is told %s", i, before, f.text)
		}
	}
	t.Logf("both tabs were told anew %v after the kill", time.Since(began))
	for _, p := range []*process{p1, p2} {
		resumed, err := v.at(t, p).open(since)
		if err != nil {
			t.Fatal(err)
		}
		defer resumed.conn.Close()
		if f, err := resumed.next(); err != nil || f.Type != "session" || integer(f.Data["n"]) != 1 {
			t.Errorf("a tab that comes back is told %s, %v", f.text, err)
		}
	}
	if err := tabs[1].send(`{"incr":{"n":1},"id":1}`); err != nil {
		t.Fatal(err)
	}
	want(t, tabs[1], "ok")
	if f := want(t, tabs[0], "change"); integer(f.Set["n"]) != 2 {
		t.Errorf("after that the first tab is told %s", f.text)
	}
}
