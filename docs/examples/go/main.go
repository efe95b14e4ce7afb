// A shop whose sessions live in the program itself: no other server, one directory of data.
package main

import (
	"context"
	_ "embed"
	"encoding/json"
	"errors"
	"flag"
	"log"
	"net/http"
	"os"
	"os/signal"
	"time"

	"github.com/gorilla/mux"

	"github.com/seshd/seshd/session"
	"github.com/seshd/seshd/session/pebblestore"
	"github.com/seshd/seshd/web"
)

//go:embed shop.html
var page []byte

func main() {
	addr := flag.String("addr", "127.0.0.1:8000", "where to listen")
	data := flag.String("data", "./data", "where the sessions are kept")
	flag.Parse()
	store, err := pebblestore.Open(*data, pebblestore.Options{})
	if err != nil {
		log.Fatal(err)
	}
	sessions := session.NewManager(store, session.Options{})
	app := web.New(sessions, web.Options{})

	app.HandleFunc("/", func(w http.ResponseWriter, r *http.Request) {
		if _, err := web.Session(r).Set(r.Context(), "start", true); !failed(w, err) {
			w.Write([]byte("hello"))
		}
	})
	app.HandleFunc("/{fruit:cherries|blueberries}", func(w http.ResponseWriter, r *http.Request) {
		fruit := mux.Vars(r)["fruit"]
		data, err := web.Session(r).Set(r.Context(), "fruit", fruit)
		answer(w, map[string]any{"response": fruit, "session": data}, err)
	})
	app.HandleFunc("/destroy-session", func(w http.ResponseWriter, r *http.Request) {
		data, err := web.Session(r).Clear(r.Context())
		answer(w, map[string]any{"response": "session destroyed", "session": data}, err)
	})

	app.HandleFunc("/shop", func(w http.ResponseWriter, r *http.Request) { w.Write(page) })
	app.HandleFunc("/{do:register|login}", func(w http.ResponseWriter, r *http.Request) {
		// Your check of the password belongs here.
		_, err := web.Login(r, session.Login{User: r.FormValue("user"), Shared: true, Combine: map[string]session.How{"cart": session.Sum}})
		if !failed(w, err) {
			http.Redirect(w, r, "/shop", http.StatusSeeOther)
		}
	}).Methods("POST")
	app.HandleFunc("/logout", func(w http.ResponseWriter, r *http.Request) {
		if !failed(w, web.Logout(r, session.This)) {
			http.Redirect(w, r, "/shop", http.StatusSeeOther)
		}
	}).Methods("POST")
	app.HandleFunc("/like/{fruit}", func(w http.ResponseWriter, r *http.Request) {
		fruit := mux.Vars(r)["fruit"]
		time.Sleep(5 * time.Millisecond) // as long as a query of a database takes; of many at once, none is lost
		_, err := web.Session(r).Set(r.Context(), "like."+fruit, true)
		answer(w, map[string]any{"user": web.User(r), "liked": fruit}, err)
	}).Methods("POST")

	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	log.Printf("http://%s/shop", *addr)
	if err := errors.Join(app.Run(ctx, *addr), sessions.Close()); err != nil {
		log.Fatal(err)
	}
}

func answer(w http.ResponseWriter, body any, err error) {
	if !failed(w, err) {
		w.Header().Set("Content-Type", "application/json")
		json.NewEncoder(w).Encode(body)
	}
}

// failed answers a request whose session could not be read or written, and says so.
func failed(w http.ResponseWriter, err error) bool {
	if err == nil {
		return false
	}
	switch session.CodeOf(err) {
	case session.Unavailable:
		http.Error(w, "try again later", http.StatusServiceUnavailable)
	case session.NoSuchSession, session.StaleCookie: // it was ended, or its cookie replaced, meanwhile
		http.Error(w, err.Error(), http.StatusConflict)
	default:
		http.Error(w, err.Error(), http.StatusBadRequest)
	}
	return true
}
