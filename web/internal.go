package web

import (
	"context"
	"crypto/sha256"
	"crypto/subtle"
	"fmt"
	"net/http"
	"net/http/pprof"
	"strings"
	"time"

	"github.com/gorilla/mux"
	"github.com/prometheus/client_golang/prometheus/promhttp"
)

// readyWait bounds the question whether the store answers: shorter than the second that probes usually wait.
const readyWait = 900 * time.Millisecond

// Internal returns the handler of the internal listener: health, metrics and the question of proxies for everybody who
// reaches it, the server API and profiles for holders of an API key; not the command line, which may hold secrets.
func (a *App) Internal() http.Handler {
	operations, api := a.operations(), a.serverAPI()
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if strings.HasPrefix(r.URL.Path, "/v1/") { // with paths as they came: a user's name may hold any character
			api.ServeHTTP(w, a.withTrace(r))
			return
		}
		operations.ServeHTTP(w, r)
	})
}

// operations has what proxies, probes and people on duty ask for.
func (a *App) operations() *mux.Router {
	router := mux.NewRouter()
	router.NotFoundHandler = http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		a.refuse(w, r, &refusal{notFound, "there is nothing at this path of the internal listener"})
	})
	router.MethodNotAllowedHandler = a.methodNotAllowed(router)
	router.HandleFunc("/livez", func(w http.ResponseWriter, _ *http.Request) { fmt.Fprintln(w, "ok") }).Methods("GET", "HEAD")
	router.HandleFunc("/readyz", a.ready).Methods("GET", "HEAD")
	router.HandleFunc("/auth", a.auth) // some proxies ask by the method of the request that they ask about
	router.Handle("/metrics", promhttp.HandlerFor(a.metrics.registry, promhttp.HandlerOpts{})).Methods("GET", "HEAD")
	router.HandleFunc(problemsPath, problems()).Methods("GET", "HEAD")
	profiles := router.PathPrefix("/debug/pprof/").Subrouter()
	profiles.Use(a.withKey)
	profiles.HandleFunc("/profile", pprof.Profile)
	profiles.HandleFunc("/symbol", pprof.Symbol)
	profiles.HandleFunc("/trace", pprof.Trace)
	profiles.PathPrefix("/").HandlerFunc(pprof.Index)
	return router
}

// ready says whether the public listener accepts and the store answers.
func (a *App) ready(w http.ResponseWriter, r *http.Request) {
	ctx, cancel := context.WithTimeout(r.Context(), readyWait)
	defer cancel()
	reason := ""
	if a.draining.Load() {
		reason = "shutting down"
	} else if err := a.manager.Ready(ctx); err != nil {
		reason = err.Error()
	}
	if reason != "" {
		http.Error(w, "not ready: "+reason, http.StatusServiceUnavailable)
		return
	}
	fmt.Fprintln(w, "ok")
}

// withKey lets holders of an API key through. Keys are compared as hashes, so that
// neither their text nor their length shows in the time it takes.
func (a *App) withKey(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		scheme, key, _ := strings.Cut(r.Header.Get("Authorization"), " ")
		got, good := sha256.Sum256([]byte(key)), 0
		for _, want := range a.options.APIKeys {
			if sum := sha256.Sum256([]byte(want)); want != "" {
				good |= subtle.ConstantTimeCompare(got[:], sum[:])
			}
		}
		if good == 0 || !strings.EqualFold(scheme, "Bearer") {
			w.Header().Set("WWW-Authenticate", "Bearer")
			a.refuse(w, r, &refusal{unauthorized, "send an API key: Authorization: Bearer <key>"})
			return
		}
		next.ServeHTTP(w, r)
	})
}
