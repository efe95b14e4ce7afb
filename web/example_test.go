package web_test

import (
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"

	"github.com/seshd/seshd/session"
	"github.com/seshd/seshd/session/pebblestore"
	"github.com/seshd/seshd/web"
)

// A program with a route of its own. What the handler sets is on disk when Set returns, and on its way to every open
// tab of the visitor.
func Example() {
	dir, err := os.MkdirTemp("", "seshd")
	if err != nil {
		panic(err)
	}
	defer os.RemoveAll(dir)
	quiet := slog.New(slog.DiscardHandler)

	store, err := pebblestore.Open(dir, pebblestore.Options{Logger: quiet})
	if err != nil {
		panic(err)
	}
	sessions := session.NewManager(store, session.Options{Logger: quiet})
	defer sessions.Close()
	app := web.New(sessions, web.Options{Logger: quiet})
	app.HandleFunc("/cherries", func(w http.ResponseWriter, r *http.Request) {
		data, err := web.Session(r).Set(r.Context(), "fruit", "cherries")
		if err != nil {
			http.Error(w, err.Error(), http.StatusServiceUnavailable)
			return
		}
		json.NewEncoder(w).Encode(data)
	})

	server := httptest.NewServer(app) // or app.Run(ctx, ":8000"), which closes the app by itself
	defer app.Close()
	defer server.Close()
	answer, err := http.Get(server.URL + "/cherries")
	if err != nil {
		panic(err)
	}
	defer answer.Body.Close()
	body, _ := io.ReadAll(answer.Body)
	fmt.Printf("%s", body)
	fmt.Println(answer.Cookies()[0].Name)
	// Output:
	// {"fruit":"cherries"}
	// session
}
