package main

import (
	"net/url"
	"sync"
	"testing"

	"github.com/seshd/seshd/session/redisstore/redistest"
)

// TestTabsOfAllNodesAreOfOneSession: they are limited, counted and listed together.
func TestTabsOfAllNodesAreOfOneSession(t *testing.T) {
	const most = 4
	nodes := startNodes(t, redistest.Start(t), "--max-tabs-per-session=4")
	v := visitor(t, nodes[0].process, `{"set":{"fruit":"cherries"}}`)
	var tries []*browser
	for i := range most * len(nodes) {
		tries = append(tries, v.at(t, nodes[i%len(nodes)].process))
	}
	in, byes := openAtOnce(t, tries, nil)
	if len(in) != most || len(byes) != most*(len(nodes)-1) {
		t.Fatalf("%d tabs are open, and %q were refused", len(in), byes)
	}
	for _, bye := range byes {
		if bye != "too_many_tabs" {
			t.Errorf("refused with %s", bye)
		}
	}
	for _, n := range nodes {
		var listed []struct{ Tab, Transport string }
		names := map[string]bool{}
		v.at(t, n.process).do(t, "GET", "/session/tabs", "").want(200).into(&listed)
		for _, tb := range listed {
			names[tb.Tab] = true
		}
		if len(listed) != most || len(names) != most {
			t.Errorf("listed are %+v", listed)
		}
	}
	in[0].counts(t, most)
	in[1].conn.Close()
	in[0].counts(t, most-1)
	openTab(t, v.at(t, nodes[2].process))
	in[0].counts(t, most)
}

// openAtOnce opens a tab in each of some browsers, and returns those that got in, and what the others were told.
func openAtOnce(t *testing.T, browsers []*browser, query url.Values) (in []*tab, byes []string) {
	t.Helper()
	var all sync.WaitGroup
	var mu sync.Mutex
	for _, b := range browsers {
		all.Go(func() {
			tb, err := b.open(query)
			if err != nil {
				t.Error(err)
				return
			}
			t.Cleanup(func() { tb.conn.Close() })
			f, err := tb.next()
			mu.Lock()
			defer mu.Unlock()
			if err == nil && f.Type == "session" {
				in = append(in, tb)
			} else {
				byes = append(byes, f.Code)
			}
		})
	}
	all.Wait()
	return in, byes
}
