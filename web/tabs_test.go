package web_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"regexp"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

func TestTabsAreListedInExactlyTheirShape(t *testing.T) {
	b := start(t, setup{}).visit()
	same(t, b.get("/session/tabs").want(200).guarded().body, "[]\n")
	x := b.open("client="+client1, "User-Agent", "Mosaic/1.0 (X11)")
	x.next()
	x.does(`{"set":{"a":1},"id":1}`)
	a := b.get("/session/tabs").want(200)
	shape := regexp.MustCompile(`^\[\{"tab":"[0-9a-f]{8,}","transport":"websocket","opened":"[-0-9T:.]+Z","version":1,"user_agent":"Mosaic/1.0 \(X11\)","you":true\}\]\n$`)
	if !shape.MatchString(a.body) {
		t.Errorf("got %s", a.body)
	}
	same(t, a.header.Get("Content-Type"), "application/json")
	if strings.Contains(a.body, client1) {
		t.Error("a client's id is for its own eyes")
	}
	y, _ := b.enter("client=" + client2)
	var tabs []struct {
		Tab    string
		Opened time.Time
		You    bool
	}
	if err := json.Unmarshal([]byte(b.get("/session/tabs?client="+client2).body), &tabs); err != nil || len(tabs) != 2 {
		t.Fatal(err, tabs)
	}
	if tabs[0].You || !tabs[1].You || tabs[0].Tab == tabs[1].Tab || time.Since(tabs[0].Opened) > time.Minute {
		t.Errorf("got %+v", tabs)
	}
	for x.until("tabs").Tabs != 2 {
	}
	y.conn.Close()
	for x.until("tabs").Tabs != 1 {
	}
}

func TestEveryTabHearsHowManyThereAre(t *testing.T) {
	b := start(t, setup{}).visit()
	x, first := b.enter("")
	if first.Tabs != 1 {
		t.Errorf("got %s", first.line)
	}
	y, second := b.enter("")
	if second.Tabs != 2 {
		t.Errorf("got %s", second.line)
	}
	same(t, x.next().line, `{"type":"tabs","tabs":2}`)
	y.conn.Close() // without a word
	same(t, x.next().line, `{"type":"tabs","tabs":1}`)
}

type ticket struct {
	Ticket    string
	ExpiresIn int `json:"expires_in"`
	URL       string
}

func (b *browser) ticket() (k ticket) {
	b.t.Helper()
	a := b.do("POST", "/session/ticket", "").want(200).guarded()
	if err := json.Unmarshal([]byte(a.body), &k); err != nil {
		b.t.Fatal(err)
	}
	return k
}

func TestATicketJoinsTheSessionWithoutTheCookie(t *testing.T) {
	s := start(t, setup{})
	for _, written := range []bool{false, true} {
		b := s.visit()
		if written {
			b.post(`{"set":{"a":1}}`).want(200)
		}
		k := b.ticket()
		if k.ExpiresIn != 30 || k.URL != strings.Replace(s.url, "http://", "ws://", 1)+"/ws?ticket="+k.Ticket || len(k.Ticket) < 43 {
			t.Errorf("got %+v", k)
		}
		terminal := s.browser()
		x, f := terminal.enter("ticket=" + k.Ticket)
		same(t, string(f.ID), `"`+b.id()+`"`)
		if x.http.Header.Get("Set-Cookie") != "" {
			t.Error("a ticket is no cookie")
		}
		if f := x.does(`{"set":{"from":"terminal"},"id":1}`); f.Type != "ok" {
			t.Errorf("got %s", f.line)
		}
		same(t, b.get("/session/keys/from").body, "\"terminal\"\n")
		terminal.open("ticket="+k.Ticket).bye("bad_ticket", 4401)
	}
}

func TestATicketIsUsedUpOnceBy50AtOnce(t *testing.T) {
	s := start(t, setup{})
	b := s.visit()
	k := b.ticket()
	var in, out atomic.Int32
	var wait sync.WaitGroup
	for range 50 {
		wait.Go(func() {
			x, _, err := s.browser().dial("ticket=" + k.Ticket)
			if err != nil {
				t.Error(err)
				return
			}
			switch f := x.next(); {
			case f.Type == "session":
				in.Add(1)
			case f.Type == "bye" && f.Code == "bad_ticket":
				out.Add(1)
				x.closed(4401)
			default:
				t.Errorf("got %s", f.line)
			}
		})
	}
	wait.Wait()
	if in.Load() != 1 || out.Load() != 49 {
		t.Errorf("%d were let in, %d refused", in.Load(), out.Load())
	}
}

func TestATicketThatIsNoGoodIsNotReplacedByAGoodCookie(t *testing.T) {
	b := start(t, setup{}).visit()
	b.open("ticket=nonsense").bye("bad_ticket", 4401)
	b.open("ticket=").bye("bad_ticket", 4401)
}

func TestATicketGoesBeforeTheCookie(t *testing.T) {
	s := start(t, setup{})
	one, two := s.visit(), s.visit()
	_, f := two.enter("ticket=" + one.ticket().Ticket)
	same(t, string(f.ID), `"`+one.id()+`"`)
}

func TestTicketsDieWithTheirSession(t *testing.T) {
	s := start(t, setup{})
	for _, written := range []bool{false, true} {
		b := s.visit()
		if written {
			b.post(`{"set":{"a":1}}`).want(200)
		}
		k := b.ticket()
		b.do("DELETE", "/session", "").want(204)
		s.browser().open("ticket="+k.Ticket).bye("bad_ticket", 4401)
	}
}

func TestATicketIsMintedBySameOriginRequestsAlone(t *testing.T) {
	b := start(t, setup{}).visit()
	b.do("POST", "/session/ticket", "", "Origin", "https://evil.example").problem(403, "foreign_origin")
	b.do("POST", "/session/ticket", "", "Sec-Fetch-Site", "cross-site").problem(403, "foreign_origin")
	b.do("GET", "/session/ticket", "").problem(405, "method_not_allowed")
}

func TestWSWithoutUpgradeIs426WithALineOfHelp(t *testing.T) {
	b := start(t, setup{}).visit()
	a := b.get("/ws").want(http.StatusUpgradeRequired)
	if !strings.Contains(a.body, "wscat -c "+strings.Replace(b.s.url, "http", "ws", 1)+"/ws") || strings.Count(a.body, "\n") != 1 {
		t.Errorf("got %q", a.body)
	}
	same(t, fmt.Sprint(a.header.Get("Upgrade")), "websocket")
}
