package archive_test

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/seshd/seshd/session"
	"github.com/seshd/seshd/session/archive"
)

// shelf is a store that keeps what it is given.
type shelf struct {
	mu     sync.Mutex
	things []session.Saved
	fails  error
}

func (s *shelf) Export(_ context.Context, fn func(session.Saved) error) error {
	for _, saved := range s.things {
		if err := fn(saved); err != nil {
			return err
		}
	}
	return s.fails
}

func (s *shelf) Import(_ context.Context, saved session.Saved) (session.Fate, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.things = append(s.things, saved)
	return session.Taken, s.fails
}

// full has something in each member.
func full(t *testing.T) *shelf {
	t.Helper()
	at := time.Date(2026, 1, 2, 3, 4, 5, 6e6, time.UTC)
	state := &session.State{}
	for _, text := range []string{
		`{"set":{"fruit":"cherries & <plums>","big":123456789012345678901234567890.10e400,"\u2028":"\u2028\u00e9","_p":null}}`,
		`{"set":{"gone":1,"went":2}}`, `{"delete":["went","gone"],"append":{"log":[{"a":[]}]}}`,
	} {
		m, err := session.DecodeMutation([]byte(text))
		if err != nil {
			t.Fatal(err)
		}
		if state, err = state.Apply(&m, session.Rules{}); err != nil {
			t.Fatal(err)
		}
	}
	state.Floor = 1
	return &shelf{things: []session.Saved{
		{Key: session.TokenKey{1, 2}, Token: session.TokenRecord{ID: session.ID{3}, Ends: at}},
		{Key: session.TokenKey{2, 2}, Token: session.TokenRecord{ID: session.ID{3}, Ends: at, Replaced: at.Add(-time.Hour)}},
		{Record: &session.Record{
			ID: session.ID{0xab, 15: 1}, Epoch: 3, State: state, By: session.ByTab, User: "u42", Shared: true, Created: at, Touched: at, Deadline: at.Add(time.Hour),
			Devices:  []session.Device{{ID: session.DeviceID{4}, Key: session.TokenKey{5}, Issued: at, Ends: at, Seen: at, Agent: `a "browser"`}, {ID: session.DeviceID{6}}},
			Senders:  []session.Sender{{ID: session.SenderID{7}, Highest: session.MaxMutationID, Mask: 1<<63 | 1}},
			Absorbed: []session.ID{{8}, {9}},
		}},
		{Record: &session.Record{ID: session.ID{0xac}, State: &session.State{}, Created: at, Touched: at, Deadline: at}},
	}}
}

func write(t *testing.T, from archive.Exporter) string {
	t.Helper()
	var text bytes.Buffer
	if err := archive.Write(context.Background(), &text, from); err != nil {
		t.Fatal(err)
	}
	return text.String()
}

func TestWhatIsWrittenIsRead(t *testing.T) {
	from, to := full(t), &shelf{}
	text := write(t, from)
	counts, err := archive.Read(context.Background(), strings.NewReader(text), to)
	if err != nil || counts != (archive.Counts{Imported: 2, Tokens: 2}) {
		t.Errorf("%+v, %v", counts, err)
	}
	slices.SortFunc(to.things, func(a, b session.Saved) int { // they may overtake each other
		return strings.Compare(fmt.Sprint(a.Record != nil, a.Key, a.ID()), fmt.Sprint(b.Record != nil, b.Key, b.ID()))
	})
	if diff := cmp.Diff(from.things, to.things, cmpopts.EquateEmpty(), cmp.AllowUnexported(session.State{}), cmpopts.EquateApproxTime(0)); diff != "" {
		t.Errorf("read and written differ: %s", diff)
	}
	after := func(text string) string { _, rest, _ := strings.Cut(text, "\n"); return rest }
	if again := write(t, to); after(again) != after(text) {
		t.Errorf("written again:\n%s\nbefore:\n%s", again, text)
	}
	for _, readable := range []string{`"fruit":"cherries & <plums>"`, `"versions":{`, `"client":"07000000-0000-0000-0000-000000000000"`, `"applied":"8000000000000001"`} {
		if !strings.Contains(text, readable) {
			t.Errorf("no %s in\n%s", readable, text)
		}
	}
}

func TestABrokenExportIsRefused(t *testing.T) {
	good := write(t, full(t))
	lines := strings.SplitAfter(good, "\n")
	line := func(n int, old, new string) string {
		if !strings.Contains(lines[n-1], old) {
			t.Fatalf("no %s in %s", old, lines[n-1])
		}
		changed := slices.Clone(lines)
		changed[n-1] = strings.Replace(changed[n-1], old, new, 1)
		return strings.Join(changed, "")
	}
	for name, test := range map[string]struct{ text, want string }{
		"empty":             {"", "line 1: the export was cut off"},
		"cut off in a line": {good[:len(good)-2], "line 6: the export was cut off here, before its end. 2 sessions of it were imported"},
		"cut off between":   {strings.Join(lines[:5], ""), "line 6: the export was cut off"},
		"two":               {good + good, "line 6: something follows the end"},
		"a line is missing": {strings.Join(slices.Delete(slices.Clone(lines), 2, 3), ""), "2 sessions and 1 tokens came before the end"},
		"no export":         {`{"fruit":"cherries"}` + "\n", "line 1: this is no export of seshd"},
		"another kind":      {strings.Join(lines[1:], ""), "line 1: this is no export of seshd"},
		"newer format":      {line(1, `"format":1`, `"format":2,"new":{}`), "line 1: it has format 2, written by seshd "},
		"garbage":           {line(3, `{"token"`, `garbage`), "line 3: invalid character"},
		"two on a line":     {line(3, "}\n", "}{}\n"), "line 3: there is more than one"},
		"neither":           {line(3, lines[2], "{}\n"), "line 3: it has neither"},
		"unknown member":    {line(4, `"epoch"`, `"epic"`), `line 4: json: unknown field "epic"`},
		"short id":          {line(4, `"id":"ab`, `"id":"`), `line 4: "id" has 30 hex digits, not 32`},
		"no hex":            {line(4, `"id":"ab`, `"id":"xy`), "line 4: "},
		"bad key":           {line(4, `"fruit":"`, `"a/b":"`), `line 4: key "a/b"`},
		"a version too new": {line(4, `"fruit":1`, `"fruit":9`), `key "fruit" is of version 9, the session of 3`},
		"a version missing": {line(4, `"fruit":1,`, ``), "line 4: it has 5 keys and the versions of 4"},
		"deleted and there": {line(4, `{"key":"gone"`, `{"key":"fruit"`), `key "fruit" cannot have been deleted`},
		"no client":         {line(4, `"client":"07`, `"client":"xx`), "line 4: a client"},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := archive.Read(context.Background(), strings.NewReader(test.text), &shelf{})
			if session.CodeOf(err) != session.BadRequest || err == nil || !strings.Contains(err.Error(), test.want) {
				t.Errorf("got %v\nwant %s", err, test.want)
			}
		})
	}
}

func TestAFailingStoreEndsIt(t *testing.T) {
	down := session.Refuse(session.Unavailable, "down")
	if _, err := archive.Read(context.Background(), strings.NewReader(write(t, full(t))), &shelf{fails: down}); err != down {
		t.Errorf("read: %v", err)
	}
	broken := full(t)
	broken.fails = down
	var text bytes.Buffer
	if err := archive.Write(context.Background(), &text, broken); err != down || strings.Contains(text.String(), `"end"`) {
		t.Errorf("write: %v", err)
	}
}

func TestALineHasALimit(t *testing.T) {
	long := strings.NewReader(write(t, &shelf{})[:20] + strings.Repeat("x", archive.MaxLine))
	if _, err := archive.Read(context.Background(), long, &shelf{}); err == nil || !strings.Contains(err.Error(), "line 1: it has more than 67108864 bytes") {
		t.Errorf("read: %v", err)
	}
	value, _ := json.Marshal(strings.Repeat("x", archive.MaxLine))
	state, err := session.NewState(1, 0, []session.Entry{{Key: "big", Value: value, Version: 1}}, nil)
	if err != nil {
		t.Fatal(err)
	}
	err = archive.Write(context.Background(), &bytes.Buffer{}, &shelf{things: []session.Saved{{Record: &session.Record{State: state}}}})
	if err == nil || !strings.Contains(err.Error(), "the limit is 67108864") {
		t.Errorf("write: %v", err)
	}
}
