package web

import (
	"fmt"
	"html"
	"net/http"
	"strings"
)

// notFound answers for paths that nobody has: with the pages there are to a person, with a problem to a program.
func (a *App) notFound(w http.ResponseWriter, r *http.Request) {
	if !strings.Contains(r.Header.Get("Accept"), "text/html") {
		a.refuse(w, r, &refusal{notFound, "there is nothing at this path"})
		return
	}
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	w.Header().Set("Content-Security-Policy", "default-src 'none'")
	w.WriteHeader(http.StatusNotFound)
	fmt.Fprintf(w, "<!doctype html><html lang=en><title>Not found</title><h1>There is nothing at %s</h1>\n", html.EscapeString(r.URL.Path))
	pages := []string{"/session", "/session/tabs", problemsPath, "/seshd.js"}
	if a.options.Tour {
		pages = append([]string{"/live", "/shop", "/", "/cherries", "/blueberries", "/destroy-session"}, pages...)
	}
	fmt.Fprintln(w, "<p>What there is:<ul>")
	for _, page := range pages {
		fmt.Fprintf(w, "<li><a href=%q>%s</a>\n", page, page)
	}
	fmt.Fprintln(w, "</ul>")
}
