package main

import (
	"net/url"
	"testing"

	"github.com/seshd/seshd/session/redisstore/redistest"
)

// Rows 6 and 8 across nodes: what ends a cookie's part in a session closes its tabs on every node, and then it leads back on none.
func TestSecurity08AnEndClosesTheTabsOnEveryNode(t *testing.T) {
	nodes := startNodes(t, redistest.Start(t))
	b := nodes[0].api
	const shared = `{"user":"u","shared":true}`
	for name, test := range map[string]struct {
		end       func(v *browser)
		anonymous bool // before the end
		code      int
		bye       string
		otherToo  bool // the other device of the shared session
	}{
		"login":       {func(v *browser) { b.login(v, `{"user":"u2"}`) }, true, 4001, "rotated", false},
		"combined":    {func(v *browser) { b.login(v, shared) }, true, 4001, "rotated", false},
		"rotation":    {func(v *browser) { b.rotate(v) }, false, 4001, "rotated", false},
		"logout":      {func(v *browser) { b.logout(v, "") }, false, 4002, "logged_out", false},
		"logout all":  {func(v *browser) { b.logout(v, `{"scope":"all"}`) }, false, 4002, "logged_out", true},
		"destroy":     {func(v *browser) { v.do(t, "DELETE", "/session", "").want(204) }, false, 4002, "destroyed", true},
		"API destroy": {func(v *browser) { b.do("DELETE", "/v1/sessions/"+b.resolve(v).ID, "").want(204) }, false, 4002, "destroyed", true},
	} {
		t.Run(name, func(t *testing.T) {
			v := visitor(t, nodes[0].process, `{"set":{"fruit":"cherries"}}`)
			other := newBrowser(t, nodes[0].addr)
			other.session()
			b.login(other, shared)
			defer b.do("DELETE", "/v1/users/u/sessions", "")
			if !test.anonymous {
				b.login(v, shared)
			}
			old, ticket := v.twin(t), mint(t, v)
			var tabs, others []*tab
			for _, n := range nodes {
				tabs, others = append(tabs, openTab(t, v.at(t, n.process))), append(others, openTab(t, other.at(t, n.process)))
			}

			test.end(v)
			for _, tb := range tabs {
				tb.goes(t, test.code, test.bye)
			}
			if !test.otherToo {
				other.post(`{"incr":{"n":1}}`, "")
			}
			for _, tb := range others {
				if test.otherToo {
					tb.goes(t, test.code, test.bye)
				} else {
					want(t, tb, "change")
				}
			}
			for i, n := range nodes {
				wsRefused(t, newBrowser(t, n.addr), url.Values{"ticket": {ticket}}, 4401, "bad_ticket")
				if test.code == 4001 {
					wsRefused(t, old.at(t, n.process), nil, 4253, "stale_cookie")
				} else if rejoin := openTab(t, old.at(t, n.process)); rejoin.session == tabs[i].session || rejoin.version != 0 || len(rejoin.data) > 0 {
					t.Errorf("the old cookie rejoins %s: %s", rejoin.session, rejoin.data)
				}
			}
		})
	}
}

// Row 8 across nodes: a session that times out is over on every node, and is alive on all while somebody is active on one.
func TestSecurity08ATimeoutClosesTheTabsOnEveryNode(t *testing.T) {
	nodes := startNodes(t, redistest.Start(t), "--idle-timeout=1s", "--open-tab-keeps-alive=false")
	v := visitor(t, nodes[0].process, `{"set":{"fruit":"cherries"}}`)
	old := v.twin(t)
	var tabs []*tab
	for _, n := range nodes {
		tabs = append(tabs, openTab(t, v.at(t, n.process)))
	}
	for _, tb := range tabs {
		tb.goes(t, 4003, "expired")
	}
	for i, n := range nodes {
		if rejoin := openTab(t, old.at(t, n.process)); rejoin.session == tabs[i].session || len(rejoin.data) > 0 {
			t.Errorf("the old cookie rejoins %s", rejoin.session)
		}
	}
}

// Row 12 across nodes: a ticket lets one in, however many try it at once and wherever.
func TestSecurity12ATicketIsTakenOnceOnAllNodes(t *testing.T) {
	nodes := startNodes(t, redistest.Start(t))
	ticket := mint(t, visitor(t, nodes[0].process, `{"set":{"fruit":"cherries"}}`))
	var tries []*browser
	for i := range 10 * len(nodes) {
		tries = append(tries, newBrowser(t, nodes[i%len(nodes)].addr))
	}
	in, byes := openAtOnce(t, tries, url.Values{"ticket": {ticket}})
	if len(in) != 1 || len(byes) != len(tries)-1 {
		t.Errorf("%d got in by one ticket, %d were refused", len(in), len(byes))
	}
	for _, bye := range byes {
		if bye != "bad_ticket" {
			t.Errorf("refused with %s", bye)
		}
	}
}
