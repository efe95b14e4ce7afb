package web_test

import (
	"context"
	"net/http"
	"strings"
	"testing"

	"github.com/prometheus/client_golang/prometheus/testutil/promlint"

	"github.com/seshd/seshd/session"
	"github.com/seshd/seshd/web"
)

// inside asks the internal listener.
func (s *server) inside(path string, headers ...string) answer {
	s.t.Helper()
	b := s.browser()
	b.s = &server{t: s.t, url: s.internal}
	return b.get(path, headers...)
}

func TestHealthNeedsNoKey(t *testing.T) {
	s := start(t, setup{})
	same(t, s.inside("/livez").want(200).body, "ok\n")
	same(t, s.inside("/readyz").want(200).body, "ok\n")
	s.inside("/nothing").problem(404, "not_found")
	s.inside("/session").problem(404, "not_found")
	if a := s.inside("/livez"); a.header.Get("Set-Cookie") != "" {
		t.Error("a probe is no visitor")
	}
}

func TestNotReadyWhileDrainingThoughAlive(t *testing.T) {
	s := start(t, setup{})
	x, _ := s.visit().enter("")
	idle := s.browser() // keeps a connection to the internal listener
	idle.s = &server{t: t, url: s.internal}
	idle.get("/readyz").want(200)
	s.drain()
	x.until("bye") // and does not go yet, so the drain goes on
	if a := idle.get("/readyz").want(http.StatusServiceUnavailable); !strings.Contains(a.body, "shutting down") {
		t.Errorf("got %s", a.body)
	}
	idle.get("/livez").want(200)
	x.closed(1012)
}

// unready is a store that takes no writes.
type unready struct{ session.Store }

func (unready) Ready(context.Context) error { return errDown }

func TestNotReadyWhereTheStoreDoesNotAnswer(t *testing.T) {
	down := &unready{}
	s := start(t, setup{wrap: func(inner session.Store) session.Store { down.Store = inner; return down }})
	a := s.inside("/readyz").want(http.StatusServiceUnavailable)
	if !strings.Contains(a.body, "cannot be reached") {
		t.Errorf("got %s", a.body)
	}
	s.inside("/livez").want(200)
}

func TestMetricsFollowPrometheusRulesAndNameNoSession(t *testing.T) {
	s := start(t, setup{})
	b := s.visit()
	x, _ := b.enter("client=" + client1)
	x.does(`{"set":{"a":1},"id":1}`)
	x.does(`{"set":{"a":1},"id":1}`)
	x.does(`{"set":{"_a":1},"id":2}`)
	b.post(`{"set":{"a":2}}`).want(200)
	b.events("").next()
	text := s.inside("/metrics").want(200).body
	problems, err := promlint.New(strings.NewReader(text)).Lint()
	if err != nil {
		t.Fatal(err)
	}
	for _, p := range problems {
		t.Errorf("%s: %s", p.Metric, p.Text)
	}
	for _, line := range []string{
		`seshd_tabs{transport="websocket"} 1`, `seshd_tabs{transport="events"} 1`, `seshd_rooms 1`, `seshd_mutation_seconds_count 4`,
		`seshd_mutations_total{result="ok",source="tab"} 1`, `seshd_mutations_total{result="duplicate",source="tab"} 1`,
		`seshd_mutations_total{result="forbidden_key",source="tab"} 1`, `seshd_mutations_total{result="ok",source="http"} 1`,
	} {
		if !strings.Contains(text, line+"\n") {
			t.Errorf("no %s", line)
		}
	}
	if strings.Contains(text, b.id()) || strings.Contains(text, client1) {
		t.Error("a label names a session or a client")
	}
}

func TestProfilesNeedAKey(t *testing.T) {
	const key, other = "first api key of some length", "second api key"
	s := start(t, setup{web: web.Options{APIKeys: []string{key, other}}})
	for _, path := range []string{"/debug/pprof/", "/debug/pprof/heap", "/debug/pprof/cmdline", "/debug/pprof/symbol", "/debug/pprof/profile?seconds=1", "/debug/pprof/trace?seconds=1"} {
		for _, headers := range [][]string{{}, {"Authorization", ""}, {"Authorization", key}, {"Authorization", "Bearer"}, {"Authorization", "Bearer "}, {"Authorization", "Bearer wrong"}, {"Authorization", "Basic " + key}, {"Authorization", "Bearer " + key + "x"}} {
			a := s.inside(path, headers...)
			a.problem(http.StatusUnauthorized, "unauthorized")
			same(t, a.header.Get("WWW-Authenticate"), "Bearer")
		}
	}
	for _, good := range []string{key, other} {
		s.inside("/debug/pprof/", "Authorization", "Bearer "+good).want(200)
		s.inside("/debug/pprof/heap", "Authorization", "Bearer "+good).want(200)
	}
	none := start(t, setup{})
	none.inside("/debug/pprof/", "Authorization", "Bearer ").problem(401, "unauthorized")
	none.inside("/debug/pprof/").problem(401, "unauthorized")
}

// TestAWriteOfASourceOfItsOwn counts as one of Go code, in whatever way a program that embeds the server names itself.
func TestAWriteOfASourceOfItsOwn(t *testing.T) {
	s := start(t, setup{})
	_, handle := s.manager.Begin()
	for _, by := range []session.Source{"", `fruit"`} {
		m := session.Mutation{Clear: true}
		if _, err := s.manager.Apply(t.Context(), session.Submission{Handle: handle, By: by, Mutation: &m}); err != nil {
			t.Fatal(err)
		}
	}
	if text := s.inside("/metrics").body; !strings.Contains(text, `seshd_mutations_total{result="ok",source="code"} 2`) || strings.Contains(text, "fruit") {
		t.Error("the metrics do not count them so")
	}
}
