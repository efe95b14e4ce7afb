package web_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/seshd/seshd/session"
	"github.com/seshd/seshd/web"
)

// dataOf cuts the data out of a frame or body as it was sent.
func dataOf(line string) string {
	_, rest, _ := strings.Cut(line, `"data":`)
	at := strings.LastIndex(rest, `,"tabs":`)
	return rest[:max(0, at)]
}

func names(t *testing.T, detail any, figures ...int) {
	t.Helper()
	text := fmt.Sprint(detail)
	for _, figure := range figures {
		if !strings.Contains(text, fmt.Sprint(figure)) {
			t.Errorf("%d is not named: %s", figure, text)
		}
	}
}

func TestASessionOverItsBytesIsTooLarge(t *testing.T) {
	b := start(t, setup{session: session.Options{MaxBytes: 100}}).visit()
	b.post(`{"set":{"k":"` + strings.Repeat("x", 97) + `"}}`).want(200) // 1 + 99
	p := b.post(`{"set":{"l":1}}`).problem(413, "too_large")
	names(t, p["detail"], 102, 100)
	b.post(`{"append":{"l":["`+strings.Repeat("y", 200)+`"]}}`).problem(413, "too_large")
	b.do("PUT", "/session/keys/l", `1`).problem(413, "too_large")
	x, _ := b.enter("")
	f := x.does(`{"set":{"l":1},"id":1}`)
	if f.Code != "too_large" {
		t.Errorf("got %s", f.line)
	}
	names(t, f.Message, 102, 100)
	b.post(`{"set":{"k":1,"l":1}}`).want(200) // in one step it fits
}

func TestASessionOverItsKeysIsTooLarge(t *testing.T) {
	b := start(t, setup{session: session.Options{MaxKeys: 3}}).visit()
	b.post(`{"set":{"a":1,"b":1,"c":1}}`).want(200)
	p := b.post(`{"set":{"d":1}}`).problem(413, "too_large")
	names(t, p["detail"], 4, 3)
	b.post(`{"set":{"d":1},"delete":["a"]}`).want(200)
}

func TestPrivateKeysCountToo(t *testing.T) {
	s := start(t, setup{session: session.Options{MaxBytes: 100}, routes: writePrivate})
	b := s.visit()
	b.get("/private").want(200)
	b.post(`{"set":{"k":"`+strings.Repeat("x", 90)+`"}}`).problem(413, "too_large")
}

func TestABodyOverTheLimitIsTooLarge(t *testing.T) {
	b := start(t, setup{web: web.Options{MaxMessageBytes: 1000}}).visit()
	b.post(`{` + strings.Repeat(" ", 998) + `}`).want(200)
	p := b.post(`{`+strings.Repeat(" ", 1234)+`}`).problem(413, "too_large")
	names(t, p["detail"], 1236, 1000)
	b.do("PUT", "/session/keys/a", `"`+strings.Repeat("x", 2000)+`"`).problem(413, "too_large")
	b.do("PATCH", "/session", `{`+strings.Repeat(" ", 999)+`}`, "Content-Type", "application/merge-patch+json").problem(413, "too_large")
}

func TestTheDefaultLimitsAreThoseOfTheContract(t *testing.T) {
	b := start(t, setup{}).visit()
	var full strings.Builder
	for i := range 1024 {
		fmt.Fprintf(&full, `,"k%d":1`, i)
	}
	b.post(`{"set":{` + full.String()[1:] + `}}`).want(200)
	names(t, b.post(`{"set":{"one more":1}}`).problem(413, "too_large")["detail"], 1025, 1024)
	b.post(`{"clear":true}`).want(200)
	b.do("PUT", "/session/keys/k", `"`+strings.Repeat("x", 65533)+`"`).want(200) // 64 KiB with its key
	names(t, b.post(`{"set":{"l":1}}`).problem(413, "too_large")["detail"], 65538, 65536)
	for i := range 64 {
		if _, f := b.enter(""); f.Type != "session" {
			t.Fatalf("tab %d: %s", i, f.line)
		}
	}
	names(t, b.open("").bye("too_many_tabs", 4229).Message, 64)
}
