package main

import (
	"cmp"
	"errors"
	"fmt"
	"net/url"
	"testing"

	"github.com/google/uuid"
)

const (
	crashTabs     = 2  // of a session, besides one that writes over HTTP
	crashInFlight = 16 // what a tab sends without waiting for answers
	crashSlots    = 8  // keys that a sender's values take turns in
)

// crashSession is a visitor with several connections that all write.
type crashSession struct {
	browser *browser
	senders []*sender
}

func newCrashSession(t *testing.T, addr string) *crashSession {
	t.Helper()
	cs := &crashSession{browser: newBrowser(t, addr)}
	first, err := cs.browser.session() // the cookie, before several ask for one
	if err != nil {
		t.Fatal(err)
	}
	for i := range crashTabs + 1 {
		cs.senders = append(cs.senders, &sender{
			session: cs, client: uuid.NewString(), overHTTP: i == crashTabs,
			name: fmt.Sprintf("%.9s-%d", first.ID[1:], i),
		})
	}
	return cs
}

// sender is one client: its ids rise by 1, and answers come in the order sent, so a number says which were answered.
type sender struct {
	session  *crashSession
	name     string // also the key that it counts under
	client   string
	overHTTP bool
	tab      *tab

	sent         uint64 // the highest id
	acknowledged uint64
	version      uint64 // the highest acknowledged
	again        uint64 // sent again after a crash
	before       uint64 // of these, applied before it
}

// slot is where the value of a write goes.
func (s *sender) slot(id uint64) (key, value string) {
	return fmt.Sprintf("%s.%d", s.name, id%crashSlots), fmt.Sprintf(`"%s:%d"`, s.client, id)
}

// mutation counts, for the session and for the sender, and sets a value that is its own: what is applied twice counts twice.
func (s *sender) mutation(id uint64) string {
	key, value := s.slot(id)
	return fmt.Sprintf(`{"incr":{"n":1,%q:1},"set":{%q:%s},"id":%d}`, s.name, key, value, id)
}

// connect resumes where the tab was.
func (s *sender) connect() error {
	if s.overHTTP {
		return nil
	}
	before := cmp.Or(s.tab, &tab{})
	query := url.Values{"client": {s.client}}
	if before.session != "" {
		query.Set("since", fmt.Sprintf("%s:%d", before.session[1:len(before.session)-1], before.version))
		before.conn.Close()
	}
	resumed, err := s.session.browser.open(query)
	if err != nil {
		return err
	}
	resumed.session, resumed.version, resumed.data = before.session, before.version, before.data
	s.tab = resumed
	f, err := s.tab.next()
	if err == nil && f.Type != "session" && f.Type != "change" {
		err = fmt.Errorf("%w: the first frame is %s", errMisled, f.text)
	}
	return err
}

// write writes until the server is killed.
func (s *sender) write(l *crashLoad) error {
	for {
		err := s.step()
		switch {
		case err == nil:
			l.answered()
		case errors.Is(err, errMisled) || !l.killed.Load():
			return err
		default:
			return nil
		}
	}
}

// step sends what may be sent and waits for one answer.
func (s *sender) step() error {
	if s.overHTTP {
		if s.sent == s.acknowledged {
			s.sent++
		}
		return s.request(s.acknowledged + 1)
	}
	for s.sent < s.acknowledged+crashInFlight {
		s.sent++
		if err := s.tab.send(s.mutation(s.sent)); err != nil {
			return err
		}
	}
	return s.answer()
}

func (s *sender) request(id uint64) error {
	f, err := s.session.browser.post(s.mutation(id), fmt.Sprintf("%s:%d", s.client, id))
	if err != nil {
		return err
	}
	return s.acknowledge(id, f)
}

func (s *sender) answer() error {
	f, err := s.tab.until("ok")
	if err != nil {
		return err
	}
	return s.acknowledge(f.number(), f)
}

func (s *sender) acknowledge(id uint64, f frame) error {
	if id != s.acknowledged+1 {
		return fmt.Errorf("%w: answer to %d, want %d", errMisled, id, s.acknowledged+1)
	}
	if f.Version < s.version {
		return fmt.Errorf("%w: version %d acknowledged after %d", errMisled, f.Version, s.version)
	}
	s.acknowledged, s.version = id, f.Version
	if f.Duplicate {
		s.before++
	}
	return nil
}

// settle sends everything again that was not answered, and waits for the answers.
func (s *sender) settle() error {
	s.again += s.sent - s.acknowledged
	for id := s.acknowledged + 1; id <= s.sent; id++ {
		var err error
		if s.overHTTP {
			err = s.request(id)
		} else {
			err = s.tab.send(s.mutation(id))
		}
		if err != nil {
			return err
		}
	}
	for s.acknowledged < s.sent {
		if err := s.answer(); err != nil {
			return err
		}
	}
	return nil
}
