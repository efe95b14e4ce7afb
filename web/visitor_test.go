package web

import (
	"context"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"github.com/seshd/seshd/session"
	"github.com/seshd/seshd/session/pebblestore"
)

// TestARequestForAnotherSessionIsNoActivity: it writes nothing, not even that it came; nor does HEAD. GET does.
func TestARequestForAnotherSessionIsNoActivity(t *testing.T) {
	quiet := slog.New(slog.DiscardHandler)
	store, err := pebblestore.Open(t.TempDir(), pebblestore.Options{Logger: quiet})
	if err != nil {
		t.Fatal(err)
	}
	m := session.NewManager(store, session.Options{Logger: quiet, IdleTimeout: 2 * time.Second})
	app := New(m, Options{Logger: quiet})
	t.Cleanup(func() {
		app.Close()
		if err := m.Close(); err != nil {
			t.Error(err)
		}
	})
	ctx := context.Background()
	token, handle := m.Begin()
	if _, err := m.Session(handle).Set(ctx, "fruit", "cherries"); err != nil {
		t.Fatal(err)
	}
	touched := func() time.Time {
		if err := m.Ready(ctx); err != nil { // answered after a touch, as updates are in order
			t.Fatal(err)
		}
		r, err := m.Load(ctx, handle)
		if err != nil {
			t.Fatal(err)
		}
		return r.Touched
	}
	began := touched()
	<-time.After(m.Grain() + 20*time.Millisecond) // less is not worth a commit
	for _, test := range []struct {
		method, named string
		status        int
		activity      bool
	}{
		{"GET", "0123456789abcdef0123456789abcdef", http.StatusConflict, false},
		{"HEAD", "", http.StatusOK, false},
		{"GET", handle.ID.String(), http.StatusOK, true},
	} {
		r := httptest.NewRequest(test.method, "/session", nil)
		cookie, err := app.cookies.seal(false, token, handle.Issued)
		if err != nil {
			t.Fatal(err)
		}
		r.AddCookie(cookie)
		r.Header.Set("Session-Id", test.named)
		w := httptest.NewRecorder()
		app.ServeHTTP(w, r)
		if active := touched().After(began); w.Code != test.status || active != test.activity {
			t.Errorf("%s naming %q: status %d, counts as activity: %v", test.method, test.named, w.Code, active)
		}
	}
}
