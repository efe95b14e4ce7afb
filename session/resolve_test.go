package session_test

import (
	"context"
	"log/slog"
	"testing"

	"github.com/seshd/seshd/session"
	"github.com/seshd/seshd/session/pebblestore"
)

// lateStore lets something happen after a token was looked up and before its session is.
type lateStore struct {
	session.Store
	afterToken func()
}

func (s *lateStore) Token(ctx context.Context, key session.TokenKey) (*session.TokenRecord, error) {
	token, err := s.Store.Token(ctx, key)
	if hook := s.afterToken; hook != nil {
		s.afterToken = nil
		hook()
	}
	return token, err
}

// TestResolveOvertaken: the cookie is replaced while it is looked up. Taken for one that was ended, it would be answered
// with a new visitor's cookie, and the browser would lose the one that replaced it.
func TestResolveOvertaken(t *testing.T) {
	ctx := context.Background()
	quiet := slog.New(slog.DiscardHandler)
	inner, err := pebblestore.Open(t.TempDir(), pebblestore.Options{Logger: quiet})
	if err != nil {
		t.Fatal(err)
	}
	store := &lateStore{Store: inner}
	s := server{t, session.NewManager(store, session.Options{Logger: quiet})}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	s.login(s.visitor(""), session.Login{User: "ann", Shared: true})
	for name, replace := range map[string]func(h session.Handle){
		"rotated": func(h session.Handle) {
			if _, err := s.Rotate(ctx, h); err != nil {
				t.Error(err)
			}
		},
		"login":    func(h session.Handle) { s.login(h, session.Login{User: "bob"}) },
		"combined": func(h session.Handle) { s.login(h, session.Login{User: "ann", Shared: true}) },
	} {
		for _, written := range []bool{false, true} {
			token, h := s.Begin()
			if written {
				s.set(h, `{"a":1}`)
			}
			store.afterToken = func() { replace(h) }
			_, r, err := s.Resolve(ctx, token, h.Issued)
			unseen := name == "combined" && !written // as if asked before: there is no record that could tell
			if unseen && err != nil || !unseen && (session.CodeOf(err) != session.StaleCookie || r != nil) {
				t.Errorf("%s, written %v: %v, %v", name, written, r, err)
			}
			if _, _, err := s.Resolve(ctx, token, h.Issued); session.CodeOf(err) != session.StaleCookie {
				t.Errorf("%s, written %v, asked again: %v", name, written, err)
			}
		}
	}
}
