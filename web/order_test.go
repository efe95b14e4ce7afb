package web_test

import (
	"errors"
	"fmt"
	"net"
	"strings"
	"testing"
	"time"

	"github.com/gorilla/websocket"
)

func TestAnswersComeInTheOrderSent(t *testing.T) {
	x, _ := start(t, setup{}).visit().enter("")
	const n = 60 // fewer than may be unanswered
	var want []string
	for id := 1; id <= n; id++ {
		switch id % 5 {
		case 0:
			x.send(`{"get":true}`)
			want = append(want, "session")
		case 1:
			x.send(`{"ping":true}`)
			want = append(want, "pong")
		case 2:
			x.send(fmt.Sprintf(`{"append":{"a":1},"id":%d}`, id)) // wrong operand
			want = append(want, fmt.Sprint("error", id))
		case 3:
			x.send(`nonsense`)
			want = append(want, "error")
		default:
			x.send(fmt.Sprintf(`{"append":{"ids":[%d]},"id":%d}`, id, id))
			want = append(want, fmt.Sprint("ok", id))
		}
	}
	for i, w := range want {
		f := x.next()
		for f.Type == "change" || f.Type == "tabs" {
			f = x.next()
		}
		if got := f.Type; got != w && got+string(f.ID) != w {
			t.Fatalf("answer %d: want %s, got %s", i, w, f.line)
		}
	}
	x.send(`{"get":true}`)
	same(t, string(x.until("session").Data["ids"]), "[4,9,14,19,24,29,34,39,44,49,54,59]")
}

func TestAGetShowsWhatWasSentBeforeIt(t *testing.T) {
	x, _ := start(t, setup{}).visit().enter("")
	for i := 1; i <= 20; i++ {
		x.send(fmt.Sprintf(`{"set":{"n":%d},"id":%d}`, i, i))
		x.send(`{"get":true}`)
	}
	for i := 1; i <= 20; i++ {
		if f := x.until("session"); f.Version < uint64(i) {
			t.Errorf("get %d: %s", i, f.line)
		}
	}
}

// Each get and its answer are of 60 kB, so buffers of a few MB between the two hide only some of what was sent.
func TestOver64UnansweredTheServerStopsReading(t *testing.T) {
	b := start(t, setup{}).visit()
	b.post(`{"set":{"big":"` + strings.Repeat("x", 60_000) + `"}}`).want(200)
	x, _ := b.enter("")
	line := []byte(`{"get":true}` + strings.Repeat(" ", 60_000))
	const most = 5000 // 300 MB, if it read all
	sent, blocked := 0, false
	for !blocked && sent < most {
		x.conn.SetWriteDeadline(time.Now().Add(time.Second))
		if err := x.conn.WriteMessage(websocket.TextMessage, line); err != nil {
			var timeout net.Error
			if blocked = errors.As(err, &timeout) && timeout.Timeout(); !blocked {
				t.Fatal(err)
			}
			break
		}
		sent++
	}
	if !blocked {
		t.Fatalf("%d gets were taken while none of the answers was read", sent)
	}
	if sent < 64 {
		t.Errorf("only %d were taken", sent)
	}
	x.conn.SetPingHandler(func(string) error { return nil }) // this side can write no more
	for i := range sent {
		if f := x.next(); f.Type != "session" {
			t.Fatalf("answer %d of %d: %.100s", i, sent, f.line)
		}
	}
}

func TestATabThatReadsMaySendAnyNumber(t *testing.T) {
	x, first := start(t, setup{}).visit().enter("")
	const n = 1000
	go func() {
		for id := 1; id <= n; id++ {
			if x.conn.WriteMessage(websocket.TextMessage, fmt.Appendf(nil, `{"incr":{"n":1},"id":%d}`, id)) != nil {
				return
			}
		}
	}()
	told := first.Version
	for range n {
		told = x.followToOk(told)
	}
	if told != n {
		t.Errorf("version %d after %d increments", told, n)
	}
}
