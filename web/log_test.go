package web

import (
	"bytes"
	"encoding/json"
	"fmt"
	"log/slog"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/seshd/seshd/session"
)

// Whoever is refused again and again does not fill the log, nor hide what others are refused for.
func TestRefusalsDoNotFillTheLog(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var out bytes.Buffer
		a := &App{refusals: refusalLogs(slog.New(slog.NewJSONHandler(&out, nil)))}
		refuse := func(code session.Code, times int) []string {
			out.Reset()
			for range times {
				a.logRefusal(slog.LevelInfo, "frame refused", string(code), "too fast", session.ID{1})
			}
			return strings.Split(strings.TrimSuffix(out.String(), "\n"), "\n")
		}
		lines := refuse(session.RateLimited, 10_000)
		if len(lines) != logBurst {
			t.Errorf("%d lines of 10,000 refusals", len(lines))
		}
		if len(out.String()) > logBurst*300 {
			t.Errorf("they are %d bytes", out.Len())
		}
		if lines := refuse(session.BadTicket, 3); len(lines) != 3 {
			t.Errorf("another kind is hidden: %q", lines)
		}
		time.Sleep(time.Second)
		lines = refuse(session.RateLimited, 5)
		var line map[string]any
		if len(lines) != 1 || json.Unmarshal([]byte(lines[0]), &line) != nil {
			t.Fatalf("a second later: %q", lines)
		}
		if got := fmt.Sprint(line["not_logged"], line["code"], line["reason"], line["session"]); got != fmt.Sprint(10_000-logBurst, "rate_limited", "too fast", session.ID{1}) {
			t.Errorf("it says %s", got)
		}
	})
}
