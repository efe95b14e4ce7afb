package pebblestore

import (
	"bytes"
	"context"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/cockroachdb/pebble/v2"

	"github.com/seshd/seshd/session"
)

// filled is a data directory with guests, users, ended sessions, tickets and a story, closed.
func filled(t *testing.T) string {
	t.Helper()
	dir := filepath.Join(t.TempDir(), "data")
	s := openStore(t, dir)
	m := session.NewManager(s, session.Options{Logger: slog.New(slog.DiscardHandler), NewSessions: -1})
	for n := range 40 {
		_, h := m.Begin()
		data := map[string]any{"fruit": "cherries", "long": strings.Repeat("plum ", 200), "n": n}
		for key, value := range data {
			if _, err := m.Session(h).Set(t.Context(), key, value); err != nil {
				t.Fatal(err)
			}
		}
		if n%2 == 0 {
			into, err := m.Login(t.Context(), h, session.Login{User: fmt.Sprintf("u%d", n%6), Shared: n%4 == 0})
			if err != nil {
				t.Fatal(err)
			}
			h = into.Handle
		}
		if _, err := m.MintTicket(t.Context(), h); err != nil {
			t.Fatal(err)
		}
		if n%5 == 0 {
			if err := m.Destroy(t.Context(), h, nil); err != nil {
				t.Fatal(err)
			}
		}
	}
	if err := m.Close(); err != nil {
		t.Fatal(err)
	}
	return dir
}

func TestCheckFindsNothingWrongWhereNothingIs(t *testing.T) {
	dir := filled(t)
	f := sound(t, dir)
	if f.Sessions == 0 || f.Tokens < f.Sessions || f.Tickets != 40 || f.Users == 0 || f.Lives < f.Sessions {
		t.Errorf("%+v", f)
	}
	before := files(t, dir)
	sound(t, dir)
	if !slices.Equal(before, files(t, dir)) {
		t.Error("a check changed something")
	}
	s := openStore(t, dir)
	if _, err := Check(t.Context(), dir, quiet); err == nil || !strings.Contains(err.Error(), "in use") {
		t.Errorf("of a directory in use: %v", err)
	}
	if f, err := CheckBackup(t.Context(), bytes.NewReader(backupOf(t, s)), quiet); err != nil || len(f.Damage) > 0 || f.Tickets != 40 {
		t.Errorf("of a backup: %+v, %v", f, err)
	}
	if _, err := Check(t.Context(), t.TempDir(), quiet); err == nil || !strings.Contains(err.Error(), "no data directory") {
		t.Errorf("of nothing: %v", err)
	}
}

// files lists a directory, with sizes and times.
func files(t *testing.T, dir string) (list []string) {
	t.Helper()
	err := filepath.Walk(dir, func(path string, info os.FileInfo, err error) error {
		if err == nil && !info.IsDir() && info.Name() != "LOCK" {
			list = append(list, fmt.Sprint(path, info.Size(), info.ModTime()))
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return list
}

// Each kind of key is held against those that it must agree with, and named.
func TestCheckNamesTheKeyThatDoesNotAgree(t *testing.T) {
	type damage func(*testing.T, *Store) (wants []string)
	for name, do := range map[string]damage{
		"a session that cannot be read": func(t *testing.T, s *Store) []string {
			r := someone(t, s, func(r *session.Record) bool { return true })
			put(t, s, sessionKey(r.ID), []byte("garbage"))
			return []string{fmt.Sprintf("key s %x: ", r.ID[:])}
		},
		"a session under another's key": func(t *testing.T, s *Store) []string {
			r := someone(t, s, func(r *session.Record) bool { return r.User == "" })
			id := session.ID{0xff}
			put(t, s, sessionKey(id), session.AppendRecord(nil, r))
			return []string{fmt.Sprintf("key s %x: it holds session %s", id[:], r.ID)}
		},
		"no token": func(t *testing.T, s *Store) []string {
			r := someone(t, s, func(r *session.Record) bool { return true })
			put(t, s, tokenKey(r.Devices[0].Key), nil)
			return []string{fmt.Sprintf("key s %x: device %s is listed, and its token", r.ID[:], r.Devices[0].ID), "is not known"}
		},
		"a token that leads elsewhere": func(t *testing.T, s *Store) []string {
			r := someone(t, s, func(r *session.Record) bool { return true })
			put(t, s, tokenKey(r.Devices[0].Key), session.AppendToken(nil, session.TokenRecord{ID: session.ID{1}, Ends: time.Now().Add(time.Hour)}))
			return []string{"leads to session 01000000000000000000000000000000"}
		},
		"a token that was replaced": func(t *testing.T, s *Store) []string {
			r := someone(t, s, func(r *session.Record) bool { return true })
			put(t, s, tokenKey(r.Devices[0].Key), session.AppendToken(nil, session.TokenRecord{ID: r.ID, Ends: time.Now().Add(time.Hour), Replaced: time.Now()}))
			return []string{"was replaced"}
		},
		"a token that cannot be read": func(t *testing.T, s *Store) []string {
			put(t, s, tokenKey(session.TokenKey{0xff}), []byte("garbage"))
			return []string{"key t ff000000", "a damaged token record"}
		},
		"a ticket that cannot be read": func(t *testing.T, s *Store) []string {
			put(t, s, ticketKey(session.TicketKey{0xff}), []byte("garbage"))
			return []string{"key k ff000000", "a damaged ticket"}
		},
		"no list of the user": func(t *testing.T, s *Store) []string {
			r := someone(t, s, func(r *session.Record) bool { return r.User != "" })
			put(t, s, userKey(r.User), nil)
			return []string{fmt.Sprintf("key s %x: it is not in the list of its user, %q", r.ID[:], r.User)}
		},
		"a list with another's session": func(t *testing.T, s *Store) []string {
			r := someone(t, s, func(r *session.Record) bool { return r.User == "" })
			put(t, s, userKey("cid"), encodeIDs([]session.ID{r.ID}))
			return []string{`key u "cid": it lists session ` + r.ID.String()}
		},
		"a list with no session": func(t *testing.T, s *Store) []string {
			put(t, s, userKey("cid"), encodeIDs([]session.ID{{0xff}}))
			return []string{`key u "cid": it lists session ff000000000000000000000000000000, which is not there`}
		},
		"a list that cannot be read": func(t *testing.T, s *Store) []string {
			put(t, s, userKey("cid"), []byte("garbage"))
			return []string{`key u "cid": `, "a damaged list"}
		},
		"a line that cannot be read": func(t *testing.T, s *Store) []string {
			put(t, s, string(lifeKey(1<<40)), []byte("garbage"))
			return []string{"key e 0000010000000000: a damaged line of the story"}
		},
		"a session that was lost": func(t *testing.T, s *Store) []string {
			r := someone(t, s, func(r *session.Record) bool { return r.User == "" })
			put(t, s, sessionKey(r.ID), nil)
			return []string{"session " + r.ID.String() + " began, as the story tells, and was not ended; it is not there"}
		},
		"a session that came back": func(t *testing.T, s *Store) []string {
			r := someone(t, s, func(r *session.Record) bool { return r.User == "" })
			put(t, s, string(lifeKey(1<<40)), session.AppendLife(nil, session.Life{Cause: session.Destroyed, ID: r.ID}))
			return []string{"session " + r.ID.String() + " was ended, as the story tells; it is there"}
		},
		"an entry of nothing": func(t *testing.T, s *Store) []string {
			put(t, s, prefixIndex+"cherries!", []byte{})
			return []string{"an entry in the index of what is due"}
		},
		"a format mark": func(t *testing.T, s *Store) []string {
			put(t, s, prefixFormat, []byte{})
			return []string{"the format mark: "}
		},
		"a lineage": func(t *testing.T, s *Store) []string {
			put(t, s, prefixLineage, []byte("7"))
			return []string{"the lineage: "}
		},
	} {
		t.Run(name, func(t *testing.T) {
			dir := filled(t)
			s := openStore(t, dir)
			wants := do(t, s)
			if err := s.Close(); err != nil {
				t.Fatal(err)
			}
			f, err := Check(t.Context(), dir, quiet)
			if err != nil || len(f.Damage) == 0 {
				t.Fatalf("%+v, %v", f, err)
			}
			for _, want := range wants {
				if all := strings.Join(f.Damage, "\n"); !strings.Contains(all, want) {
					t.Errorf("found:\n%s\nwant %q", all, want)
				}
			}
		})
	}
}

// put writes a key past the store; nil removes it.
func put(t *testing.T, s *Store, key string, value []byte) {
	t.Helper()
	err := s.db.Set([]byte(key), value, pebble.Sync)
	if value == nil {
		err = s.db.Delete([]byte(key), pebble.Sync)
	}
	if err != nil {
		t.Fatal(err)
	}
}

// someone is a session that is there.
func someone(t *testing.T, s *Store, fits func(*session.Record) bool) (found *session.Record) {
	t.Helper()
	err := s.Export(context.Background(), func(saved session.Saved) error {
		if saved.Record != nil && fits(saved.Record) {
			found = saved.Record
		}
		return nil
	})
	if err != nil || found == nil {
		t.Fatal(found, err)
	}
	return found
}

// A list of what is wrong has an end.
func TestCheckNamesAHundredThings(t *testing.T) {
	dir := filled(t)
	s := openStore(t, dir)
	for n := range byte(maxDamage + 20) {
		put(t, s, tokenKey(session.TokenKey{n}), []byte("garbage"))
	}
	s.Close()
	if f, err := Check(t.Context(), dir, quiet); err != nil || len(f.Damage) != maxDamage || f.More != 20 {
		t.Errorf("%d things and %d more, %v", len(f.Damage), f.More, err)
	}
}
