package web_test

import (
	"fmt"
	"strings"
	"testing"
)

func TestResumeGetsOneChangeFromThere(t *testing.T) {
	b := start(t, setup{}).visit()
	id := b.id()
	for i := 1; i <= 5; i++ {
		b.post(fmt.Sprintf(`{"set":{"n":%d,"k%d":true}}`, i, i)).want(200)
	}
	b.do("DELETE", "/session/keys/k5", "").want(200)
	x, first := b.enter("since=" + id + ":3")
	same(t, first.line, `{"type":"change","from":3,"version":6,"set":{"k4":true,"n":5},"delete":["k5"]}`)
	same(t, x.next().line, `{"type":"tabs","tabs":1}`)
	_, last := b.enter("since=" + id + ":5")
	same(t, last.line, `{"type":"change","from":5,"version":6,"set":{},"delete":["k5"],"by":"http"}`)
}

func TestResumeWithNothingNewGetsFromEqualToVersionAndThenTabs(t *testing.T) {
	b := start(t, setup{}).visit()
	id := b.id()
	x, first := b.enter("since=" + id + ":0")
	same(t, first.line, `{"type":"change","from":0,"version":0,"set":{},"delete":[]}`)
	same(t, x.next().line, `{"type":"tabs","tabs":1}`)
	b.post(`{"set":{"a":1}}`).want(200)
	y, first := b.enter("since=" + id + ":1")
	same(t, first.line, `{"type":"change","from":1,"version":1,"set":{},"delete":[]}`)
	same(t, y.next().line, `{"type":"tabs","tabs":2}`)
	b.post(`{"set":{"a":2}}`).want(200)
	if f := y.next(); f.From != 1 || f.Version != 2 {
		t.Errorf("the next change: %s", f.line)
	}
}

func TestResumeThatCannotBeToldGetsTheWholeSession(t *testing.T) {
	b := start(t, setup{}).visit()
	id := b.id()
	var names []string
	for i := range 257 {
		names = append(names, fmt.Sprintf("%q", fmt.Sprint("k", i)))
	}
	b.post(`{"set":{` + strings.Join(names, ":1,") + `:1}}`).want(200)
	b.post(`{"delete":[` + names[0] + `]}`).want(200)
	if _, f := b.enter("since=" + id + ":1"); f.Type != "change" {
		t.Errorf("one deletion can be told: %.200s", f.line)
	}
	b.post(`{"delete":[` + strings.Join(names[1:], ",") + `]}`).want(200) // 257 deletions: the first is forgotten
	_, f := b.enter("since=" + id + ":1")
	if f.Type != "session" || f.Version != 3 || len(f.Data) != 0 {
		t.Errorf("got %.200s", f.line)
	}
	if _, f := b.enter("since=" + id + ":2"); f.Type != "change" || len(f.Delete) != 256 {
		t.Errorf("256 deletions can be told: %.200s", f.line)
	}
}

// A connected tab too, when more was deleted at once than a state remembers.
func TestAConnectedTabIsToldOver256DeletionsByASession(t *testing.T) {
	b := start(t, setup{}).visit()
	x, _ := b.enter("")
	var names []string
	for i := range 300 {
		names = append(names, fmt.Sprintf("%q", fmt.Sprint("k", i)))
	}
	b.post(`{"set":{"stays":1,` + strings.Join(names, ":1,") + `:1}}`).want(200)
	x.until("change")
	b.post(`{"delete":[` + strings.Join(names, ",") + `]}`).want(200)
	f := x.next()
	if f.Type != "session" || f.Version != 2 || len(f.Data) != 1 {
		t.Errorf("got %.200s", f.line)
	}
	b.post(`{"set":{"a":1}}`).want(200)
	if f := x.next(); f.Type != "change" || f.From != 2 {
		t.Errorf("got %.200s", f.line)
	}
}

func TestASinceThatIsNoUseGetsTheWholeSession(t *testing.T) {
	b := start(t, setup{}).visit()
	id := b.id()
	b.post(`{"set":{"a":1}}`).want(200)
	for name, since := range map[string]string{
		"above the stored version": id + ":2",
		"far above":                id + ":18446744073709551615",
		"over 64 bits":             id + ":18446744073709551616",
		"of another session":       strings.Repeat("0", 32) + ":1",
		"upper case":               strings.ToUpper(id) + ":1",
		"without version":          id,
		"with an empty version":    id + ":",
		"negative":                 id + ":-1",
		"with a sign":              id + ":%2B1",
		"not a number":             id + ":one",
		"a version alone":          "1",
		"empty":                    "",
		"a fraction":               id + ":1.0",
		"hexadecimal":              id + ":0x1",
		"with space":               id + ":+1",
		"binary":                   "%00%ff",
	} {
		x, f := b.enter("since=" + since)
		if f.Type != "session" || f.Version != 1 {
			t.Errorf("%s: got %s", name, f.line)
		}
		x.conn.Close()
	}
}

func TestResumeHoldsAcrossARestart(t *testing.T) {
	dir := t.TempDir()
	s := start(t, setup{dir: dir})
	b := s.visit()
	id := b.id()
	for i := range 4 {
		b.post(fmt.Sprintf(`{"set":{"n":%d},"delete":["old%d"]}`, i, i)).want(200)
	}
	s.stop()
	after := start(t, setup{dir: dir})
	again := after.browser()
	again.setCookie(b.cookie().Value)
	_, f := again.enter("since=" + id + ":2")
	same(t, f.line, `{"type":"change","from":2,"version":4,"set":{"n":3},"delete":[]}`)
}

func TestAKeyThatCameAndWentWhileAwayIsToldAsItIsNow(t *testing.T) {
	b := start(t, setup{}).visit()
	id := b.id()
	for _, m := range []string{`{"set":{"a":1,"b":1}}`, `{"delete":["a"]}`, `{"set":{"a":2}}`, `{"set":{"c":1}}`, `{"delete":["b","c"]}`} {
		b.post(m).want(200)
	}
	_, f := b.enter("since=" + id + ":1")
	same(t, f.line, `{"type":"change","from":1,"version":5,"set":{"a":2},"delete":["b","c"]}`)
}
