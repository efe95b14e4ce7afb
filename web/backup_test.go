package web

import (
	"log/slog"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/seshd/seshd/session"
	"github.com/seshd/seshd/session/pebblestore"
)

// A store that keeps no files of its own says so, and what has no key gets nothing.
func TestABackupIsTheStoresToGive(t *testing.T) {
	store, err := pebblestore.Open(t.TempDir(), pebblestore.Options{Logger: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatal(err)
	}
	manager := session.NewManager(struct{ session.Store }{store}, session.Options{})
	defer manager.Close()
	a := New(manager, Options{Secrets: []string{strings.Repeat("cherries", 4)}, APIKeys: []string{"plums"}, Logger: slog.New(slog.DiscardHandler)})
	defer a.Close()
	for key, want := range map[string]string{"plums": `"status":400,"detail":"this server's store`, "pears": `"status":401`} {
		request, answer := httptest.NewRequest("GET", "/v1/backup", nil), httptest.NewRecorder()
		request.Header.Set("Authorization", "Bearer "+key)
		a.Internal().ServeHTTP(answer, request)
		if !strings.Contains(answer.Body.String(), want) {
			t.Errorf("with %s: %s", key, answer.Body)
		}
	}
}
