package connect

import (
	"encoding/json"
	"strings"
	"testing"
	"time"
)

// Whatever a person types, or a server says, is a line or a refusal, and nothing of it moves the cursor.
func FuzzLines(f *testing.F) {
	for _, text := range []string{
		`set fruit cherries`, `set a {"b":1}`, `incr n 2`, `incr n x`, `delete a b`, "get", "ping", `{"set":{"a":1}}`, `{"id":7}`, `{}`, `{"get":true}`, "\u00a0", `[]`, `{"id":-1}`,
		"a=b", `"type"=x`, `type=change`, "version=3", `"a`, "localhost\tFALSE\t/\tTRUE\t0\tsession\tx", "#HttpOnly_.shop.test\tTRUE\t/a\tFALSE\t12\t__Host-session\ty",
		`{"type":"change","from":1,"version":2,"set":{"\u001b[2J":"\u202e"},"delete":["\u0007"],"by":"tab"}`, `{"type":"bye","code":"\u0000","message":"x"}`,
		"localhost:8000", "wss://shop.test/ws?ticket=t", "http://u:p@h", ":1",
	} {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		if c, err := newCommand(text, 5); err == nil && c.id == 5 && (c.get || c.ping || !json.Valid(c.text)) {
			t.Errorf("%q became %+v", text, c)
		}
		if line, ok := readCookieLine(text); ok {
			if again, ok := readCookieLine(line.String()); !ok || again != line {
				t.Errorf("cookie line %q: %+v, then %+v", text, line, again)
			}
		}
		m := readMessage([]byte(text))
		if c, err := newCondition(text); err == nil {
			_ = c.saidBy(m)
		}
		short := (&client{}).short(m, time.Now())
		if strings.ContainsFunc(strings.TrimSuffix(short, "\n"), func(r rune) bool { return r < ' ' || r == 0x7f || r == 0x202e }) {
			t.Errorf("%q is shown as %q", text, short)
		}
		if to, ticket, err := newTarget(text); err == nil && (to.url.Host == "" || ticket != "" && strings.Contains(to.String(), "ticket=")) {
			t.Errorf("%q leads to %v", text, to)
		}
	})
}
