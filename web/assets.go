package web

import (
	"embed"
	"net/http"
	"path"

	"github.com/gorilla/mux"
)

// The client, and what it loads where no WebSocket gets through.
//
//go:embed client/seshd.js client/seshd-events.js
var clientFiles embed.FS

//go:embed live/*.html live/*.js live/*.css
var livePages embed.FS

// pagePolicy lets the page load from here and nowhere else, and run no script that is not a file of ours.
const pagePolicy = "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src 'self' data:; " +
	"base-uri 'none'; form-action 'none'; frame-ancestors 'none'"

// client serves a file of the browser's side, to pages of any origin.
func (a *App) client(w http.ResponseWriter, r *http.Request) {
	source, err := clientFiles.ReadFile("client" + r.URL.Path)
	if err != nil {
		a.notFound(w, r)
		return
	}
	w.Header().Set("Content-Type", "text/javascript; charset=utf-8")
	w.Header().Set("Access-Control-Allow-Origin", "*")
	w.Header().Set("Cross-Origin-Resource-Policy", "cross-origin")
	w.Header().Set("Cache-Control", "no-cache")
	w.Header().Set("X-Content-Type-Options", "nosniff")
	w.Write(source)
}

// live serves the live session view.
func (a *App) live() {
	page := func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Security-Policy", pagePolicy)
		w.Header().Set("X-Content-Type-Options", "nosniff")
		w.Header().Set("Referrer-Policy", "no-referrer")
		w.Header().Set("Cache-Control", "no-cache")
		http.ServeFileFS(w, r, livePages, path.Join("live", mux.Vars(r)["file"]))
	}
	a.routes.HandleFunc("/live", func(w http.ResponseWriter, r *http.Request) {
		page(w, mux.SetURLVars(r, map[string]string{"file": "index.html"}))
	}).Methods("GET", "HEAD")
	a.routes.HandleFunc(`/live/{file:[a-z]+\.(?:js|css)}`, page).Methods("GET", "HEAD")
}
