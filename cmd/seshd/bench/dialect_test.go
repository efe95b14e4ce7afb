package bench

import (
	"io"
	"strings"
	"testing"
	"time"
)

// The lines of a real server, all in one frame, and some that it may write one day.
func TestCentrifugeMessages(t *testing.T) {
	const info = `"info":{"user":"","client":"c7300fe7-d4ac-42f3-b380-45e06cfe9d80"}`
	lines := []struct {
		text string
		want message
	}{
		{`{"id":1,"connect":{"client":"c7300fe7-d4ac-42f3-b380-45e06cfe9d80","ping":25,"pong":true}}`, message{}},
		{`{"id":2,"subscribe":{}}`, message{Type: typeSession}},
		{`{"push":{"channel":"board7","pub":{"data":{"n":12},` + info + `}}}`, message{Type: typeChange, From: 11, Version: 12}},
		{`{"push":{"channel":"board7","pub":{"data":{"n":"13 xx"},` + info + `}}}`, message{Type: typeChange, From: 12, Version: 13}},
		{`{"push":{"pub":{` + info + `,"data":{"n":"13 xx"}},"channel":"board7"}}`, message{Type: typeChange, From: 12, Version: 13}},
		{`{"id":13,"publish":{}}`, message{Type: typeOK, id: 13, Version: 13}},
		{`{"publish":{},"id":13}`, message{Type: typeOK, id: 13, Version: 13}},
		{`{"id":2,"error":{"code":105,"message":"already subscribed"}}`, message{Type: "error", Code: "105", Message: "already subscribed"}},
		{`{}`, message{Type: typePing}},
	}
	texts := make([]string, len(lines))
	for i, line := range lines {
		texts[i] = line.text
	}
	rest := []byte(strings.Join(texts, "\n"))
	for _, line := range lines {
		var got message
		var err error
		got, rest, err = centrifugeDialect{}.read(rest)
		if err != nil || got.Type != line.want.Type || got.From != line.want.From || got.Version != line.want.Version ||
			got.id != line.want.id || got.Code != line.want.Code || got.Message != line.want.Message {
			t.Errorf("%s: %+v, %v", line.text, got, err)
		}
	}
	if len(rest) != 0 {
		t.Errorf("%q is left", rest)
	}
	for _, text := range []string{"hello", ""} {
		if _, _, err := (centrifugeDialect{}).read([]byte(text)); err == nil {
			t.Errorf("%q is read", text)
		}
	}
}

// A write arrives at both tabs, one of which is asked in the same frame whether it is there.
func TestCentrifugeLoad(t *testing.T) {
	l := newLoad(newFakeServer(), centrifugeDialect{}, io.Discard, 3)
	sent := make([]sentFrames, 2)
	b := &board{name: "board0"}
	for n := range sent {
		b.tabs = append(b.tabs, &tab{board: b, index: int32(n), link: &sent[n]})
	}
	l.boards, l.unjoined = []*board{b}, 2
	say := func(n int, text string) {
		t.Helper()
		if err := l.take(b.tabs[n], opText, []byte(text), time.Second); err != nil {
			t.Fatal(err)
		}
	}
	for n := range sent {
		say(n, `{"id":1,"connect":{"client":"x","ping":25,"pong":true}}`+"\n"+`{"id":2,"subscribe":{}}`)
	}
	if err := l.send(0, 1); err != nil {
		t.Fatal(err)
	}
	if want := `{"id":1,"publish":{"channel":"board0","data":{"n":"1 xxx"}}}`; string(sent[1]) != want {
		t.Errorf("it publishes %s, want %s", sent[1], want)
	}
	const push = `{"push":{"channel":"board0","pub":{"data":{"n":"1 xxx"},"info":{"user":"","client":"x"}}}}`
	say(0, "{}\n"+push)
	say(1, push+"\n"+`{"id":1,"publish":{}}`)
	if string(sent[0]) != `{}` {
		t.Errorf("the ping is answered by %q", sent[0])
	}
	c := l.tally
	if c.deliveries != 2 || c.errors != 0 || c.latency.TotalCount() != 1 || l.unjoined+l.undelivered+l.unanswered != 0 {
		t.Errorf("%d deliveries, %d errors, %d latencies, %d undelivered, %d unanswered, %d not joined",
			c.deliveries, c.errors, c.latency.TotalCount(), l.undelivered, l.unanswered, l.unjoined)
	}
}

// sentFrames has the payload of the last frame, which is short.
type sentFrames []byte

func (s *sentFrames) write(p []byte) (int, error) {
	_, payload, _, err := nextFrame(append([]byte{p[0], p[1] &^ maskBit}, p[6:]...))
	*s = payload
	return len(p), err
}

// The client shares a small machine with what it measures.
func TestDialectsAllocateNothing(t *testing.T) {
	for text, d := range map[string]dialect{
		`{"type":"change","from":3,"version":14,"set":{"n":4},"delete":[],"by":"tab"}`:                   seshdDialect{},
		`{"push":{"channel":"board7","pub":{"data":{"n":4}}}}` + "\n" + `{"id":4,"publish":{}}` + "\n{}": centrifugeDialect{},
	} {
		frame, b := []byte(text), make([]byte, 0, 1024)
		if n := testing.AllocsPerRun(100, func() {
			b = d.appendWrite(b[:0], "board7", 14, "xxx")
			for rest := frame; len(rest) > 0; {
				var err error
				if _, rest, err = d.read(rest); err != nil {
					t.Fatal(err)
				}
			}
		}); n > 0 {
			t.Errorf("%T allocates %v times", d, n)
		}
	}
}
