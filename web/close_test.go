package web_test

import (
	"context"
	"crypto/sha256"
	"net"
	"strings"
	"testing"
	"time"

	"github.com/gorilla/websocket"

	"github.com/seshd/seshd/session"
	"github.com/seshd/seshd/web"
)

func TestAMessageOverTheLimitIsClosedWith1009(t *testing.T) {
	b := start(t, setup{web: web.Options{MaxMessageBytes: 1000}}).visit()
	x, _ := b.enter("")
	x.send(`{"id":1` + strings.Repeat(" ", 992) + `}`) // 1,000 bytes
	if f := x.next(); f.Type != "ok" {
		t.Errorf("a message at the limit: %s", f.line)
	}
	x.send(`{"id":1` + strings.Repeat(" ", 993) + `}`)
	f := x.bye("too_large", 1009)
	if !strings.Contains(f.Message, "1001") || !strings.Contains(f.Message, "1000") {
		t.Errorf("both figures are named: %s", f.line)
	}
}

func TestAMessageFarOverTheLimitIsClosedWith1009(t *testing.T) {
	x, _ := start(t, setup{}).visit().enter("")
	x.send(`{"set":{"a":"` + strings.Repeat("x", 5<<20) + `"}}`)
	x.bye("too_large", 1009)
}

func TestAMessageOverTheLimitInFragmentsIsClosedWith1009(t *testing.T) {
	x, _ := start(t, setup{}).visit().enter("")
	w, _ := x.conn.NextWriter(websocket.TextMessage)
	for range 40 {
		w.Write([]byte(strings.Repeat(" ", 4096)))
	}
	w.Close()
	x.bye("too_large", 1009)
}

func TestWhatWasSentBeforeTheBadMessageIsAnswered(t *testing.T) {
	x, _ := start(t, setup{}).visit().enter("")
	x.send(`{"set":{"a":1},"id":1}`)
	x.conn.WriteMessage(websocket.BinaryMessage, []byte(`{}`))
	x.send(`{"set":{"a":2},"id":2}`) // too late
	if f := x.until("ok"); string(f.ID) != "1" {
		t.Errorf("got %s", f.line)
	}
	if f := x.next(); f.Type != "bye" {
		t.Errorf("got %s", f.line)
	}
	x.closed(4400)
}

func TestABinaryFrameIsClosedWith4400(t *testing.T) {
	x, _ := start(t, setup{}).visit().enter("")
	x.conn.WriteMessage(websocket.BinaryMessage, []byte(`{"get":true}`))
	x.bye("bad_request", 4400)
}

func TestBrokenFramingIsClosedWith1002(t *testing.T) {
	x, _ := start(t, setup{}).visit().enter("")
	x.conn.NetConn().Write([]byte{0x81, 2, '{', '}'}) // not masked
	x.conn.SetReadDeadline(time.Now().Add(patience))
	x.closed(websocket.CloseProtocolError)
}

func TestAClientThatIsNoUUIDIsClosedWith4400(t *testing.T) {
	b := start(t, setup{}).visit()
	for _, client := range []string{"", "me", "0", "00000000-0000-0000-0000-000000000000", "{" + client1 + "}", "urn:uuid:" + client1, client1 + "0"} {
		b.open("client="+client).bye("bad_request", 4400)
	}
}

func TestABadTicketIsClosedWith4401(t *testing.T) {
	s := start(t, setup{})
	b := s.visit()
	for name, ticket := range map[string]string{
		"unknown": "Xv0cYk3WbNq2iOQ0Y2FzY2FkZXMgYXJlIG5pY2Ugc28", "empty": "", "short": "x", "long": strings.Repeat("x", 4000), "odd": "%00%ff",
	} {
		t.Run(name, func(*testing.T) { b.open("ticket="+ticket).bye("bad_ticket", 4401) })
	}
	_, good := s.manager.Begin()
	past := session.Ticket{Handle: good, Expires: time.Now().Add(-time.Millisecond)}
	if err := s.store.PutTicket(context.Background(), sha256.Sum256([]byte("late")), past); err != nil {
		t.Fatal(err)
	}
	b.open("ticket=late").bye("bad_ticket", 4401)
}

func TestTooManyTabsAreClosedWith4229(t *testing.T) {
	b := start(t, setup{session: session.Options{MaxTabs: 2}}).visit()
	b.enter("")
	x, _ := b.enter("")
	f := b.open("").bye("too_many_tabs", 4229)
	if !strings.Contains(f.Message, "2") {
		t.Errorf("the limit is named: %s", f.line)
	}
	x.send(`{"ping":true}`)
	if f := x.until("pong"); f.Type != "pong" {
		t.Error("those who are in stay")
	}
	x.conn.WriteMessage(websocket.CloseMessage, websocket.FormatCloseMessage(1000, ""))
	x.conn.SetReadDeadline(time.Now().Add(patience))
	x.closed(1000)
	if _, f := b.enter(""); f.Type != "session" {
		t.Errorf("after one has left: %s", f.line)
	}
}

func TestDestroyedFromAnotherTabIsClosedWith4002(t *testing.T) {
	for _, written := range []bool{false, true} {
		b := start(t, setup{}).visit()
		if written {
			b.post(`{"set":{"a":1}}`).want(200)
		}
		x, _ := b.enter("")
		y, _ := b.enter("")
		b.do("DELETE", "/session", "").want(204)
		x.bye("destroyed", 4002)
		y.bye("destroyed", 4002)
	}
}

func TestDrainIsClosedWith1012(t *testing.T) {
	s := start(t, setup{})
	b := s.visit()
	tabs := []*tab{}
	for range 10 {
		x, _ := b.enter("")
		tabs = append(tabs, x)
	}
	tabs[0].send(`{"set":{"a":1},"id":1}`)
	tabs[0].until("ok")
	s.drain()
	for _, x := range tabs {
		x.bye("restarting", 1012)
	}
	begun := time.Now()
	s.stop()
	if took := time.Since(begun); took > patience/2 {
		t.Errorf("all had gone, and the server stopped %v later", took)
	}
}

// The drain must not miss who comes in just as it begins.
func TestNobodyWhoArrivesDuringTheDrainHoldsItUp(t *testing.T) {
	s := start(t, setup{})
	b := s.visit()
	done, some := make(chan struct{}), make(chan struct{}, 1)
	go func() {
		defer close(done)
		for {
			x, _, err := b.dial("")
			if err != nil {
				return
			}
			select {
			case some <- struct{}{}:
			default:
			}
			go func() { // a well-behaved client: reads until it is closed
				for {
					if _, _, err := x.conn.ReadMessage(); err != nil {
						x.conn.Close()
						return
					}
				}
			}()
		}
	}()
	<-some
	begun := time.Now()
	s.stop()
	if took := time.Since(begun); took > patience/2 {
		t.Errorf("the drain took %v", took)
	}
	<-done
}

func TestATabThatDoesNotAnswerTheCloseIsCutOff(t *testing.T) {
	s := start(t, setup{web: web.Options{ShutdownTimeout: time.Second}})
	s.visit().enter("") // and reads nothing more
	begun := time.Now()
	s.stop()
	if took := time.Since(begun); took > 5*time.Second {
		t.Errorf("the drain took %v", took)
	}
}

func TestAClientsCloseIsAnsweredWithItsOwnCode(t *testing.T) {
	b := start(t, setup{}).visit()
	for _, code := range []int{1000, 1001, 4999} {
		x, _ := b.enter("")
		x.conn.WriteMessage(websocket.CloseMessage, websocket.FormatCloseMessage(code, "bye"))
		for {
			x.conn.SetReadDeadline(time.Now().Add(patience))
			if _, _, err := x.conn.ReadMessage(); err != nil {
				if !websocket.IsCloseError(err, code) {
					t.Errorf("close %d was answered by %v", code, err)
				}
				break
			}
		}
	}
}

func TestAHalfOpenConnectionHoldsUpNobody(t *testing.T) {
	s := start(t, setup{})
	b := s.visit()
	for range 50 {
		conn, err := net.Dial("tcp", strings.TrimPrefix(s.url, "http://"))
		if err != nil {
			t.Fatal(err)
		}
		defer conn.Close()
		conn.Write([]byte("GET /ws HTTP/1.1\r\nHost: x\r\n"))
	}
	x, _ := b.enter("")
	if f := x.does(`{"set":{"a":1},"id":1}`); f.Type != "ok" {
		t.Errorf("got %s", f.line)
	}
}
