package web_test

import (
	"encoding/json"
	"net/http"

	"github.com/seshd/seshd/session"
	"github.com/seshd/seshd/web"
)

// writePrivate adds a route that writes what no browser may see.
func writePrivate(app *web.App) {
	app.HandleFunc("/private", func(w http.ResponseWriter, r *http.Request) {
		_, err := web.Session(r).Apply(r.Context(), session.Mutation{Set: map[string]json.RawMessage{
			"_secret": json.RawMessage(`"hidden treasure"`), "open": json.RawMessage(`1`),
		}})
		if err != nil {
			http.Error(w, err.Error(), http.StatusInternalServerError)
		}
	})
}

// handleOf is the browser's session in the hands of Go code.
func (s *server) handleOf(b *browser) *session.Session {
	s.t.Helper()
	id, ok := session.ParseID(b.id())
	if !ok {
		s.t.Fatal("no id")
	}
	return s.manager.Session(session.Handle{ID: id})
}
