// Package web is the outside of seshd: a mux router that ties WebSocket connections and HTTP requests to cookie sessions.
//
// Inside somebody's program it is an http.Handler with a *mux.Router. Handlers get the visitor's session from their
// request; what they write is on disk when the call returns, and is told to every open tab of the session:
//
//	store, err := pebblestore.Open("./data", pebblestore.Options{})
//	app := web.New(session.NewManager(store, session.Options{}), web.Options{})
//	app.HandleFunc("/cherries", func(w http.ResponseWriter, r *http.Request) {
//		data, err := web.Session(r).Set(r.Context(), "fruit", "cherries")
//		…
//	})
//	err = app.Run(ctx, ":8000")
//
// Browsers reach the session by the routes that the App owns: /ws, /session and what is below it, /seshd.js,
// the client, and /seshd-events.js, which that loads where no WebSocket gets through. The token that leads to a session is in the cookie and nowhere else.
package web
