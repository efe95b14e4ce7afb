package main

import (
	"net/url"
	"strings"
	"sync"
	"syscall"
	"testing"
)

// Row 12. That a ticket lasts 30 s is held by a test of package web, which need not wait.
func TestSecurity12TicketsAreForTheOwnerAndOnce(t *testing.T) {
	p, b := startWithAPI(t, t.TempDir())
	v := visitor(t, p, `{"set":{"a":1}}`)
	for _, headers := range [][]string{
		{"Origin", "http://evil.example"}, {"Origin", "null"}, {"Origin", "http://" + p.addr + ".evil.example"},
		{"Origin", "https://" + p.addr}, {"Sec-Fetch-Site", "cross-site"}, {"Sec-Fetch-Site", "same-site"},
	} {
		v.do(t, "POST", "/session/ticket", "", headers...).want(403, "foreign_origin")
	}
	v.do(t, "GET", "/session/ticket", "").want(405)
	if a := newBrowser(t, p.addr).do(t, "POST", "/session/ticket", ""); a.want(200).header.Get("Set-Cookie") == "" {
		t.Error("a ticket without a cookie is for whom?")
	}
	stranger := newBrowser(t, p.addr)
	if tb, err := stranger.open(url.Values{"ticket": {mint(t, stranger)}}); err != nil {
		t.Error(err)
	} else if f, err := tb.next(); err != nil || strings.Contains(f.text, b.resolve(v).ID) {
		t.Errorf("another visitor's ticket leads to %s %v", f.text, err)
	}

	ticket := mint(t, v)
	var in, out sync.Map
	var all sync.WaitGroup
	for i := range 50 {
		all.Go(func() {
			tb, err := newBrowser(t, p.addr).open(url.Values{"ticket": {ticket}})
			if err != nil {
				t.Error(err)
				return
			}
			if f, _ := tb.next(); f.Type == "session" {
				in.Store(i, tb)
			} else if f.Code == "bad_ticket" {
				out.Store(i, true)
			}
		})
	}
	all.Wait()
	if admitted, refused := lenOf(&in), lenOf(&out); admitted != 1 || refused != 49 {
		t.Errorf("%d got in by one ticket, %d were refused", admitted, refused)
	}

	for name, end := range map[string]func(v *browser){
		"rotated":    func(v *browser) { b.rotate(v) },
		"logged in":  func(v *browser) { b.login(v, `{"user":"u"}`) },
		"logged out": func(v *browser) { b.logout(v, "") },
		"destroyed":  func(v *browser) { v.do(t, "DELETE", "/session", "").want(204) },
	} {
		v := visitor(t, p, `{"set":{"a":1}}`)
		ticket := mint(t, v)
		end(v)
		t.Run(name, func(t *testing.T) { wsRefused(t, v, url.Values{"ticket": {ticket}}, 4401, "bad_ticket") })
	}
}

func lenOf(m *sync.Map) (n int) {
	m.Range(func(any, any) bool { n++; return true })
	return n
}

func TestSecurity12NoTicketIsInTheLogOrTheStore(t *testing.T) {
	data := t.TempDir()
	p, _ := startWithAPI(t, data, "--log-level=debug")
	log := p.journal()
	v := visitor(t, p, `{"set":{"a":1}}`)
	used, unused, wrong := mint(t, v), mint(t, v), strings.Repeat("x", 43)
	tb, err := v.open(url.Values{"ticket": {used}})
	if err != nil {
		t.Fatal(err)
	}
	want(t, tb, "session")
	wsRefused(t, v, url.Values{"ticket": {used}}, 4401, "bad_ticket")
	wsRefused(t, v, url.Values{"ticket": {wrong}}, 4401, "bad_ticket")
	v.do(t, "GET", "/session?ticket="+unused, "").want(200)
	v.do(t, "GET", "/nothing?ticket="+unused, "").want(404)
	tb.conn.Close()
	p.signal(t, syscall.SIGTERM)
	<-log.ended
	hidden(t, log, data, map[string][]byte{"a used ticket": []byte(used), "an unused ticket": []byte(unused), "a wrong ticket": []byte(wrong)})
}
