package web

import (
	"encoding/json"
	"net/http"

	"github.com/seshd/seshd/session"
)

// tour sets the four routes that show what a session does. They write on GET, so that a browser's address bar is
// all one needs; that is why they are off where a server is more than a tour.
func (a *App) tour() {
	for path, page := range map[string]http.HandlerFunc{
		"/":                a.hello,
		"/cherries":        a.cherries,
		"/blueberries":     a.blueberries,
		"/destroy-session": a.destroySession,
	} {
		a.Handle(path, a.onPurpose(page)).Methods("GET", "HEAD")
	}
}

func (a *App) hello(w http.ResponseWriter, r *http.Request) {
	if _, err := Session(r).Set(r.Context(), "start", true); err != nil {
		a.refuse(w, r, err)
		return
	}
	w.Header().Set("Link", `</live>; rel="alternate"`)
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	w.Write([]byte("hello"))
}

func (a *App) cherries(w http.ResponseWriter, r *http.Request) {
	data, err := Session(r).Set(r.Context(), "fruit", "cherries")
	a.reply(w, r, "cherries", data, err)
}

func (a *App) blueberries(w http.ResponseWriter, r *http.Request) {
	data, err := Session(r).Set(r.Context(), "fruit", "blueberries")
	a.reply(w, r, "blueberries", data, err)
}

func (a *App) destroySession(w http.ResponseWriter, r *http.Request) {
	data, err := Session(r).Clear(r.Context())
	a.reply(w, r, "session destroyed", data, err)
}

// reply answers with the state of the very commit that the handler made, private keys left out.
func (a *App) reply(w http.ResponseWriter, r *http.Request, response string, data session.Data, err error) {
	if err != nil {
		a.refuse(w, r, err)
		return
	}
	for key := range data {
		if !a.manager.Visible(key) {
			delete(data, key)
		}
	}
	w.Header().Set("Content-Type", typeJSON)
	encoder := json.NewEncoder(w)
	encoder.SetIndent("", "  ")
	encoder.SetEscapeHTML(false)
	_ = encoder.Encode(map[string]any{"response": response, "session": data}) // fails only if the client is gone
}

// onPurpose keeps a page that writes from being opened by anybody but a person: not by a browser
// that reads ahead, and not by HEAD, which writes nothing anywhere.
func (a *App) onPurpose(page http.HandlerFunc) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		keepPrivate(w.Header())
		switch {
		case r.Method == http.MethodHead:
		case readsAhead(r):
			a.refuse(w, r, &refusal{string(session.Unavailable), "this page writes: it answers when it is opened, and not to who reads ahead"})
		default:
			page(w, r)
		}
	}
}
