package web

import (
	"bytes"
	"crypto/sha256"
	"embed"
	"encoding/base64"
	"net/http"
	"path"
	"strings"

	"github.com/gorilla/mux"
)

// The client, and what it loads where no WebSocket gets through.
//
//go:embed client/seshd.js client/seshd-events.js
var clientFiles embed.FS

//go:embed live/*.html live/*.js live/*.css
var livePages embed.FS

//go:embed shop/index.html
var shopPage []byte

// pagePolicy lets a page load from here and nowhere else, and run no script that is not a file of ours, or is named by its hash.
func pagePolicy(hashes ...string) string {
	own := strings.Join(append([]string{"'self'"}, hashes...), " ")
	return "default-src 'none'; script-src " + own + "; style-src " + own + "; connect-src 'self'; img-src 'self' data:; " +
		"base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
}

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
		asPage(w.Header(), pagePolicy())
		http.ServeFileFS(w, r, livePages, path.Join("live", mux.Vars(r)["file"]))
	}
	a.routes.HandleFunc("/live", func(w http.ResponseWriter, r *http.Request) {
		page(w, mux.SetURLVars(r, map[string]string{"file": "index.html"}))
	}).Methods("GET", "HEAD")
	a.routes.HandleFunc(`/live/{file:[a-z]+\.(?:js|css)}`, page).Methods("GET", "HEAD")
}

// shop serves the shop, which is one file with its script and its style inside.
func (a *App) shop() {
	policy := pagePolicy(inlineHash(shopPage, "<style>", "</style>"), inlineHash(shopPage, `<script type="module">`, "</script>"))
	a.routes.HandleFunc("/shop", func(w http.ResponseWriter, r *http.Request) {
		asPage(w.Header(), policy)
		w.Header().Set("Content-Type", "text/html; charset=utf-8")
		w.Write(shopPage)
	}).Methods("GET", "HEAD")
}

// inlineHash names what is between two tags of a page as a Content-Security-Policy does (CSP 3, section 2.3.1).
func inlineHash(page []byte, begin, end string) string {
	_, rest, _ := bytes.Cut(page, []byte(begin))
	inline, _, _ := bytes.Cut(rest, []byte(end))
	sum := sha256.Sum256(inline)
	return "'sha256-" + base64.StdEncoding.EncodeToString(sum[:]) + "'"
}

func asPage(header http.Header, policy string) {
	header.Set("Content-Security-Policy", policy)
	header.Set("X-Content-Type-Options", "nosniff")
	header.Set("Referrer-Policy", "no-referrer")
	header.Set("Cache-Control", "no-cache")
}
