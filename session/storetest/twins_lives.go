package storetest

import (
	"context"
	"encoding/binary"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/seshd/seshd/session"
)

const (
	visitors = 3
	// tokenFor is how long tokens live: sweeps go less far ahead, since some stores forget tokens by a clock of their own.
	tokenFor = 24 * time.Hour
	sweptAt  = 90 * time.Minute
)

// lives is one draw.
type lives struct {
	*rapid.T
	*Twins
	user    string
	now     time.Time
	tokens  byte // that were drawn
	handles []session.Handle
	records []*session.Record // that there were
	story   [2]uint64         // the newest line that was seen
}

// fresh is a new token that leads to a session.
func (l *lives) fresh(id session.ID) session.Handle {
	binary.BigEndian.PutUint32(id[:], l.round)
	h := session.Handle{ID: id, Issued: l.now, Ends: l.now.Add(tokenFor), Agent: "browser"}
	l.tokens++
	h.Device[4], h.Key[4] = l.tokens, l.tokens
	copy(h.Device[:4], id[:4])
	copy(h.Key[:4], id[:4])
	l.handles = append(l.handles, h)
	return h
}

func (l *lives) mustNot(err error) {
	l.Helper()
	if err != nil {
		l.Fatal(err)
	}
}

func (l *lives) step() {
	h := rapid.SampledFrom(l.handles).Draw(l.T, "who")
	l.now = l.now.Add(time.Millisecond)
	what := rapid.SampledFrom([]string{"write", "write", "write", "write", "login", "rotate", "logout", "destroy", "ticket", "import", "bury", "sweep"}).Draw(l.T, "what")
	switch what {
	case "write":
		l.both(what, l.writes(h))
	case "login":
		l.both(what, l.login(h))
	case "rotate":
		l.both(what, l.rotate(h))
	case "logout":
		l.both(what, l.leave(h, session.LoggedOut, func(r *session.Record) *session.Record { return without(r, h.Device) }))
	case "destroy":
		l.both(what, l.leave(h, session.Destroyed, func(*session.Record) *session.Record { return nil }))
	case "ticket":
		l.both(what, l.ticket(h))
	case "import":
		l.both(what, l.imported())
	case "bury":
		saved := session.Saved{Key: h.Key, Token: session.TokenRecord{ID: h.ID, Ends: h.Ends}}
		l.both(what, func(s session.Store) string { return fmt.Sprint(s.Import(context.Background(), saved)) })
	case "sweep":
		l.both(what, func(s session.Store) string { return fmt.Sprint(s.Sweep(context.Background(), l.now.Add(sweptAt))) })
	}
}

// seen is all that can be known of a store after a step.
type seen struct {
	Answer   string
	Sessions map[string]string
	Tokens   map[string]string
	User     []string
	Told     []string
	Story    []string
}

func (l *lives) both(what string, ask func(session.Store) string) {
	var all [2]seen
	for i, store := range l.stores {
		all[i].Answer = ask(store)
		l.look(i, &all[i])
	}
	if diff := cmp.Diff(all[0], all[1]); diff != "" {
		l.Fatalf("after %s they differ: %s", what, diff)
	}
	l.handles = slices.DeleteFunc(l.handles, func(h session.Handle) bool { // whose login or rotation was refused: nobody has that token
		return h.Device[4] > visitors && all[0].Tokens[h.Device.String()] == ""
	})
}

func (l *lives) look(i int, s *seen) {
	s.Sessions, s.Tokens = map[string]string{}, map[string]string{}
	for n, h := range l.handles {
		token, err := l.stores[i].Token(context.Background(), h.Key)
		l.mustNot(err)
		s.Tokens[h.Device.String()] = tokenText(token)
		if token != nil {
			h.ID, l.handles[n].ID = token.ID, token.ID
		}
		if s.Sessions[h.ID.String()] != "" {
			continue
		}
		r, err := l.stores[i].Load(context.Background(), h.ID)
		l.mustNot(err)
		s.Sessions[h.ID.String()] = recordText(r)
		if r != nil {
			l.records = append(l.records, r)
		}
	}
	ids, err := l.stores[i].UserSessions(context.Background(), l.user)
	l.mustNot(err)
	for _, id := range ids {
		s.User = append(s.User, id.String())
	}
	s.Told = l.heard(i)
	lines, newest, _, err := l.stores[i].Lives(context.Background(), l.story[i], 1<<16)
	l.mustNot(err)
	l.story[i] = newest
	for _, line := range lines {
		if l.ours(line.ID) {
			s.Story = append(s.Story, fmt.Sprintf("%s %s %s %s from %s", line.ID, line.Cause, line.Device, line.User, line.From))
		}
	}
	bySession(s.Story)
}

// heard is what the feed has told of this draw's sessions since the last time.
func (l *lives) heard(i int) (told []string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, e := range l.told[i] {
		if l.ours(e.ID) {
			told = append(told, fmt.Sprintf("%s %s gone %s replaced %s into %s: %s", e.ID, e.Cause, e.Gone, e.Replaced, e.Into, recordText(e.Record)))
		}
	}
	l.told[i] = nil
	bySession(told)
	return told
}

func (l *lives) ours(id session.ID) bool { return binary.BigEndian.Uint32(id[:]) == l.round }

// bySession keeps the order of each session, which is all that is promised.
func bySession(lines []string) {
	slices.SortStableFunc(lines, func(a, b string) int { return strings.Compare(a[:32], b[:32]) })
}
