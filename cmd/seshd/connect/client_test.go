package connect

import (
	"bytes"
	"errors"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/gorilla/websocket"
)

// patience is how long a test waits for what must come.
const patience = 30 * time.Second

// visit is one connection to a server that a test plays.
type visit struct {
	t     *testing.T
	conn  *websocket.Conn
	query url.Values
}

func (v *visit) says(frame string) {
	if err := v.conn.WriteMessage(websocket.TextMessage, []byte(frame)); err != nil {
		v.t.Error(err)
	}
}

func (v *visit) hears(want string) {
	v.conn.SetReadDeadline(time.Now().Add(patience))
	if _, text, err := v.conn.ReadMessage(); err != nil || string(text) != want {
		v.t.Errorf("heard %q, %v; want %q", text, err, want)
	}
}

func (v *visit) closes(code int, text string) {
	v.conn.WriteControl(websocket.CloseMessage, websocket.FormatCloseMessage(code, text), time.Now().Add(patience))
}

// play runs connect against a server that treats its visits, in order, as told. There must be exactly as many.
func play(t *testing.T, o Options, visits ...func(*visit)) (out, notes string, err error) {
	t.Helper()
	var mu sync.Mutex // one visit at a time
	n := 0
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		conn, err := new(websocket.Upgrader).Upgrade(w, r, nil)
		if err != nil {
			t.Error(err)
			return
		}
		defer conn.Close()
		mu.Lock()
		if n++; n <= len(visits) {
			visits[n-1](&visit{t, conn, r.URL.Query()})
		}
		mu.Unlock()
		conn.SetReadDeadline(time.Now().Add(patience))
		for err == nil { // until it is closed
			_, _, err = conn.ReadMessage()
		}
	}))
	var outs, noted bytes.Buffer
	o.URL, o.Out, o.Notes = server.URL, &outs, &noted
	if o.In == nil {
		o.In = strings.NewReader("")
	}
	err = Run(t.Context(), o)
	server.Close()
	mu.Lock()
	defer mu.Unlock()
	if n != len(visits) {
		t.Errorf("%d visits, want %d", n, len(visits))
	}
	return outs.String(), noted.String(), err
}

func wantExit(t *testing.T, err error, code int, message string) {
	t.Helper()
	end, ok := errors.AsType[*Exit](err)
	if !ok || end.Code != code || !strings.Contains(end.Message, message) {
		t.Errorf("%v, want exit %d with %q", err, code, message)
	}
}

const (
	id        = "0123456789abcdef0123456789abcdef"
	otherID   = "fedcba9876543210fedcba9876543210"
	welcome   = `{"type":"session","id":"` + id + `","version":4,"data":{},"tabs":1}`
	elsewhere = `{"type":"session","id":"` + otherID + `","version":0,"data":{},"tabs":1}`
)

func TestLineIsSentAgainUnderItsIdUntilItIsAnswered(t *testing.T) {
	var client string
	o := Options{In: strings.NewReader("incr n\nincr m\n")}
	out, notes, err := play(t, o,
		func(v *visit) {
			client = v.query.Get("client")
			v.says(welcome)
			v.hears(`{"incr":{"n":1},"id":1}`)
			v.hears(`{"incr":{"m":1},"id":2}`)
			v.says(`{"type":"ok","id":1,"version":5}`)
			v.conn.NetConn().Close() // nobody knows what became of the second
		},
		func(v *visit) {
			if v.query.Get("client") != client || v.query.Get("since") != id+":4" {
				t.Errorf("came back with %v, was %s", v.query, client)
			}
			v.says(`{"type":"change","from":4,"version":6,"set":{"n":1,"m":1},"delete":[]}`)
			v.hears(`{"incr":{"m":1},"id":2}`)
			v.says(`{"type":"ok","id":2,"version":6,"duplicate":true}`)
		})
	if err != nil || strings.Count(out, `"type":"ok"`) != 2 {
		t.Errorf("%v\n%s", err, out)
	}
	if !strings.Contains(notes, "again in ") || !strings.Contains(notes, "connected again") {
		t.Errorf("nobody was told: %s", notes)
	}
}

func TestLinesAreNotForAnotherSession(t *testing.T) {
	_, notes, err := play(t, Options{Lines: []string{"incr n", "incr m"}},
		func(v *visit) {
			v.says(welcome)
			v.hears(`{"incr":{"n":1},"id":1}`)
			v.closes(4003, "expired")
		},
		func(v *visit) { v.says(elsewhere) })
	wantExit(t, err, CodeRefused, "the session was over before 1 line could be answered")
	if !strings.Contains(notes, "this is a new one") {
		t.Errorf("nobody was told: %s", notes)
	}
}

func TestLinesGoOnWhereTheSessionContinues(t *testing.T) {
	continues := strings.Replace(elsewhere, `"version"`, `"continues":"`+id+`","version"`, 1)
	_, _, err := play(t, Options{Lines: []string{"incr n"}, Jar: t.TempDir() + "/jar"},
		func(v *visit) {
			v.says(welcome)
			v.hears(`{"incr":{"n":1},"id":1}`)
			v.says(`{"type":"bye","code":"rotated","message":"a login replaced the cookie"}`)
			v.closes(4001, "rotated")
		},
		func(v *visit) {
			v.says(continues)
			v.hears(`{"incr":{"n":1},"id":1}`)
			v.says(`{"type":"ok","id":1,"version":1}`)
		})
	if err != nil {
		t.Error(err)
	}
}

func TestFinalEnds(t *testing.T) {
	for name, test := range map[string]struct {
		close   int
		options Options
		code    int
		message string
	}{
		"not this protocol":         {4400, Options{}, CodeNoConnection, "close 4400"},
		"rotated, nobody has it":    {4001, Options{}, CodeNoConnection, "with --jar it could go on"},
		"too large":                 {1009, Options{}, CodeRefused, "close 1009"},
		"a used ticket":             {1012, Options{Ticket: "t"}, CodeNoConnection, "get another"},
		"whoever wants no other":    {1012, Options{NoReconnect: true}, CodeNoConnection, "close 1012"},
		"a line nobody knows about": {4400, Options{Lines: []string{"incr n"}}, CodeNoConnection, "not answered: 1 line,"},
	} {
		t.Run(name, func(t *testing.T) {
			test.options.Follow = true
			_, _, err := play(t, test.options, func(v *visit) {
				v.says(welcome)
				if len(test.options.Lines) > 0 {
					v.hears(`{"incr":{"n":1},"id":1}`)
				}
				v.closes(test.close, "")
			})
			wantExit(t, err, test.code, test.message)
		})
	}
}

func TestAtMostAsManyAsTheServerAnswers(t *testing.T) {
	lines := strings.Repeat("ping\n", maxUnanswered+1)
	_, _, err := play(t, Options{In: strings.NewReader(lines)}, func(v *visit) {
		v.says(welcome)
		for range maxUnanswered {
			v.hears(`{"ping":true}`)
		}
		v.says(`{"type":"pong"}`)
		v.hears(`{"ping":true}`)
		for range maxUnanswered {
			v.says(`{"type":"pong"}`)
		}
	})
	if err != nil {
		t.Error(err)
	}
}

func TestPausesGrowAndEnd(t *testing.T) {
	c := new(client)
	later := &websocket.CloseError{Code: 4253}
	for range 1000 {
		c.next = 0
		if p := c.pause(errors.New("it broke")); p > firstPause {
			t.Fatalf("first %v", p)
		}
	}
	longest := time.Duration(0)
	c.next = 1000
	for range 1000 {
		longest = max(longest, c.pause(later))
	}
	if longest > maxPause || longest < maxPause/2 {
		t.Errorf("the longest of many is %v", longest)
	}
	c.next = 0
	if c.pause(later); c.next != attemptsLater+1 {
		t.Errorf("after a 42xx: attempt %d", c.next)
	}
}
