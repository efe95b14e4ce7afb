package web_test

import (
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"testing"

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

// fruit adds the handler of the package doc.
func fruit(app *web.App) {
	app.HandleFunc("/cherries", func(w http.ResponseWriter, r *http.Request) {
		data, err := web.Session(r).Set(r.Context(), "fruit", "cherries")
		if err != nil {
			http.Error(w, err.Error(), http.StatusServiceUnavailable)
			return
		}
		json.NewEncoder(w).Encode(data)
	})
}

func TestAHandlersWriteIsCommittedAndReachesTheTabs(t *testing.T) {
	s := start(t, setup{routes: fruit})
	b := s.visit()
	x, _ := b.enter("")
	same(t, b.get("/cherries").want(200).body, `{"fruit":"cherries"}`+"\n")
	same(t, x.next().line, `{"type":"change","from":0,"version":1,"set":{"fruit":"cherries"},"delete":[],"by":"code"}`)
	same(t, b.get("/session/keys/fruit").want(200).body, "\"cherries\"\n")
}

func TestAHandlersNewVisitorGetsTheCookie(t *testing.T) {
	b := start(t, setup{routes: fruit}).browser()
	if a := b.get("/cherries").want(200).guarded(); len(a.header.Values("Set-Cookie")) != 1 {
		t.Errorf("Set-Cookie %q", a.header.Values("Set-Cookie"))
	}
	same(t, b.get("/session/keys/fruit").want(200).body, "\"cherries\"\n")
}

func TestSessionGivesTheSameSessionWithinARequest(t *testing.T) {
	b := start(t, setup{routes: func(app *web.App) {
		app.HandleFunc("/twice", func(w http.ResponseWriter, r *http.Request) {
			first := web.Session(r)
			if _, err := first.Incr(r.Context(), "n", 1); err != nil {
				t.Error(err)
			}
			if web.Session(r) != first {
				t.Error("another session the second time")
			}
		})
	}}).browser()
	if a := b.get("/twice"); len(a.header.Values("Set-Cookie")) != 1 {
		t.Errorf("Set-Cookie %q", a.header.Values("Set-Cookie"))
	}
}

func TestGoCodeHasEveryOperation(t *testing.T) {
	s := start(t, setup{})
	b := s.visit()
	b.post(`{"set":{"a":1}}`).want(200)
	mine, ctx := s.handleOf(b), t.Context()
	steps := []func() (session.Data, error){
		func() (session.Data, error) { return mine.Set(ctx, "html", "<&>") },
		func() (session.Data, error) { return mine.Set(ctx, "exact", json.RawMessage(`1e400`)) },
		func() (session.Data, error) { return mine.Merge(ctx, "cart", map[string]any{"sku1": 2}) },
		func() (session.Data, error) { return mine.Append(ctx, "log", []int{1, 2}) },
		func() (session.Data, error) { return mine.Incr(ctx, "a", 41) },
		func() (session.Data, error) { return mine.Delete(ctx, "log", "never") },
	}
	var data session.Data
	for i, step := range steps {
		var err error
		if data, err = step(); err != nil {
			t.Fatalf("step %d: %v", i, err)
		}
	}
	for key, want := range map[string]string{"html": `"<&>"`, "exact": "1e400", "cart": `{"sku1":2}`, "a": "42"} {
		same(t, string(data[key]), want)
	}
	var cart map[string]int
	if found, err := mine.Get(ctx, "cart", &cart); !found || err != nil || cart["sku1"] != 2 {
		t.Errorf("got %v %v %v", cart, found, err)
	}
	if found, err := mine.Get(ctx, "never", &cart); found || err != nil {
		t.Errorf("got %v %v", found, err)
	}
	x, _ := b.enter("")
	if err := mine.Destroy(ctx); err != nil {
		t.Fatal(err)
	}
	x.bye("destroyed", 4002)
	if _, err := mine.Set(ctx, "a", 1); session.CodeOf(err) != session.NoSuchSession {
		t.Errorf("got %v", err)
	}
}

func TestSessionOutsideWithSessionIsAMistake(t *testing.T) {
	defer func() {
		if recover() == nil {
			t.Error("no panic")
		}
	}()
	r, _ := http.NewRequest("GET", "/", nil)
	web.Session(r)
}

func TestAnAppInAnotherServerIsClosedByItself(t *testing.T) {
	s := start(t, setup{})
	other := httptest.NewUnstartedServer(s.app)
	other.Config.RegisterOnShutdown(s.app.Close)
	other.Start()
	b := (&server{t: t, url: other.URL}).browser()
	x, _ := b.enter("")
	e := b.events("")
	e.next()
	if err := other.Config.Shutdown(t.Context()); err != nil {
		t.Error(err)
	}
	x.bye("restarting", 1012)
	for got := e.next(); got.kind != "bye"; got = e.next() {
		if got.kind == "end" {
			t.Fatal("no bye")
		}
	}
	other.Close()
	s.app.Close() // again
}
