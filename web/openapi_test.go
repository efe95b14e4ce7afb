package web

import (
	"encoding/json"
	"log/slog"
	"slices"
	"strings"
	"testing"

	"github.com/gorilla/mux"

	"github.com/seshd/seshd/session"
	"github.com/seshd/seshd/session/pebblestore"
)

// Each route of the internal listener is in the description, and the description has no other. HEAD goes with GET.
func TestTheDescriptionHasEveryRoute(t *testing.T) {
	store, err := pebblestore.Open(t.TempDir(), pebblestore.Options{Logger: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatal(err)
	}
	manager := session.NewManager(store, session.Options{})
	defer manager.Close()
	a := New(manager, Options{})
	defer a.Close()

	var doc struct{ Paths map[string]map[string]any }
	if err := json.Unmarshal(description, &doc); err != nil {
		t.Fatal(err)
	}
	var described []string
	for path, item := range doc.Paths {
		for method := range item {
			if method != "parameters" {
				described = append(described, strings.ToUpper(method)+" "+path)
			}
		}
	}
	routed := append(routesOf(t, a.operations()), routesOf(t, a.serverAPI())...)
	slices.Sort(routed)
	slices.Sort(described)
	if !slices.Equal(slices.Compact(routed), described) {
		t.Errorf("routed:    %q\ndescribed: %q", routed, described)
	}
}

func routesOf(t *testing.T, router *mux.Router) (routes []string) {
	t.Helper()
	err := router.Walk(func(route *mux.Route, _ *mux.Router, above []*mux.Route) error {
		path, err := route.GetPathTemplate()
		methods, _ := route.GetMethods()
		if len(above) > 0 || err != nil { // what is below the profiles is net/http/pprof's
			return err
		}
		if methods == nil {
			methods = []string{"GET"} // and every other
		}
		for _, method := range methods {
			if method != "HEAD" {
				routes = append(routes, method+" "+path)
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return routes
}
