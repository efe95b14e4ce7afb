package main

import (
	"encoding/json"
	"maps"
	"net/http"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus/testutil/promlint"
	"go.yaml.in/yaml/v3"

	"github.com/seshd/seshd/session/redisstore/redistest"
)

// Known traffic, and the figures that it makes; what people build on them names none that is not there, nor does the page about
// them leave one out.
func TestMetricsTellWhatHappened(t *testing.T) {
	began := float64(time.Now().Unix())
	p, b := startWithAPI(t, t.TempDir(), "--max-tabs-per-session=2")
	all, text := reaches(t, p, causeTraffic(t, p, b))
	for _, name := range []string{"seshd_store_bytes", "seshd_store_free_bytes", "seshd_store_cache_bytes", "seshd_commit_seconds_count", "seshd_mutation_seconds_sum", "seshd_push_lag_seconds_sum"} {
		if all[name] <= 0 {
			t.Errorf("%s is %v", name, all[name])
		}
	}
	if at := all["seshd_backup_last_success_timestamp_seconds"]; at < began || at > began+patience.Seconds() {
		t.Errorf("the backup was made at %v, the test began at %v", at, began)
	}
	redis := redistest.Start(t)
	first, _ := startOn(t, redis)
	second, _ := startOn(t, redis)
	visitor(t, first, `{"set":{"a":1}}`)
	shared, sharedText := reaches(t, first, figures{
		"seshd_redis_up": 1, "seshd_redis_hearing": 1, "seshd_redis_servers": 2, "seshd_redis_conflicts_total": 0, "seshd_redis_replaced_total": 0,
		"seshd_store_faults_total": 0, `seshd_session_events_total{event="created"}`: 1, "seshd_commit_seconds_count": 1,
	})
	for _, text := range []string{text, sharedText} {
		problems, err := promlint.New(strings.NewReader(text)).Lint()
		if err != nil || len(problems) > 0 {
			t.Errorf("%v %v", problems, err)
		}
	}
	maps.Copy(all, shared)
	samples := all.families()
	t.Run("dashboard", func(t *testing.T) { namesOnly(t, samples, dashboardQueries(t)) })
	t.Run("alerts", func(t *testing.T) { namesOnly(t, samples, alertQueries(t)) })
	t.Run("page", func(t *testing.T) { describesAll(t, text+sharedText) })

	redis.Kill()
	reaches(t, second, figures{"seshd_redis_up": 0, "seshd_redis_hearing": 0})
}

// causeTraffic does a bit of everything, and returns what the figures are to be then.
func causeTraffic(t *testing.T, p *process, b *backend) figures {
	t.Helper()
	v := visitor(t, p, `{"set":{"a":1}}`)
	id := b.resolve(v).ID
	x, y := openTab(t, v), openTab(t, v)
	both := func() { want(t, x, "change"); want(t, y, "change") }
	x.send(`{"set":{"b":1},"id":1}`)
	both()
	x.send(`{"append":{"a":[1]},"id":2}`)
	x.send(`no JSON`)
	for range 2 {
		if f, _ := x.until("error"); f.Type != "error" {
			t.Fatalf("got %s", f.text)
		}
	}
	wsRefused(t, v, nil, 4229, "too_many_tabs")
	b.do("POST", "/v1/sessions/"+id, `{"set":{"c":1}}`).want(200)
	both()
	v.do(t, "GET", "/cherries", "").want(200)
	both()
	for range 2 {
		v.do(t, "POST", "/session", `{"set":{"a":1}}`, "Idempotency-Key", clientID+":1").want(200) // changes nothing
	}
	b.do("GET", "/v1/events", "", "Authorization", "Bearer no").want(401)
	b.login(v, `{"user":"u"}`)
	x.goes(t, 4001, "rotated")
	y.goes(t, 4001, "rotated")
	b.rotate(v)
	b.logout(v, "")
	w := visitor(t, p, `{"set":{"a":1}}`)
	stays, leaves := openTab(t, w), openTab(t, w)
	leaves.conn.Close()
	for stays.tabs != 1 {
		want(t, stays, "tabs")
	}
	openTab(t, visitor(t, p, `{"set":{"a":1}}`))
	gone := visitor(t, p, `{"set":{"a":1}}`)
	gone.do(t, "DELETE", "/session", "").want(204)
	b.do("GET", "/v1/backup", "").want(200)
	return figures{
		`seshd_mutations_total{result="ok",source="http"}`:           5,
		`seshd_mutations_total{result="duplicate",source="http"}`:    1,
		`seshd_mutations_total{result="ok",source="tab"}`:            1,
		`seshd_mutations_total{result="not_an_array",source="tab"}`:  1,
		`seshd_mutations_total{result="ok",source="api"}`:            1,
		`seshd_mutations_total{result="ok",source="code"}`:           1,
		"seshd_mutation_seconds_count":                               10,
		"seshd_push_lag_seconds_count":                               6,
		"seshd_changes_folded_total":                                 0,
		`seshd_refusals_total{code="not_an_array",of="frame"}`:       1,
		`seshd_refusals_total{code="invalid_json",of="frame"}`:       1,
		`seshd_refusals_total{code="too_many_tabs",of="connection"}`: 1,
		`seshd_refusals_total{code="unauthorized",of="request"}`:     1,
		`seshd_tabs{transport="websocket"}`:                          2,
		`seshd_tabs{transport="events"}`:                             0,
		`seshd_connections{protocol="websocket"}`:                    2,
		"seshd_rooms":                                                     2,
		"seshd_connections_dropped_total":                                 0,
		`seshd_tabs_opened_total{transport="websocket"}`:                  5,
		`seshd_tabs_closed_total{reason="rotated",transport="websocket"}`: 2,
		`seshd_tabs_closed_total{reason="left",transport="websocket"}`:    1,
		`seshd_session_events_total{event="created"}`:                     4,
		`seshd_session_events_total{event="login"}`:                       1,
		`seshd_session_events_total{event="rotated"}`:                     1,
		`seshd_session_events_total{event="logged_out"}`:                  1,
		`seshd_session_events_total{event="destroyed"}`:                   1,
		`seshd_session_events_total{event="expired"}`:                     0,
		`seshd_backups_total{result="ok"}`:                                1,
		`seshd_backups_total{result="failed"}`:                            0,
		"seshd_store_writable":                                            1,
		"seshd_store_faults_total":                                        0,
	}
}

func TestMetricsCountWhoGoes(t *testing.T) {
	const connections = `seshd_connections{protocol="http"}`
	p := start(t, t.TempDir(), "--idle-timeout=300ms")
	v := visitor(t, p, `{"set":{"a":1}}`)
	reaches(t, p, figures{connections: 1})
	v.http.CloseIdleConnections()
	reaches(t, p, figures{connections: 0, `seshd_session_events_total{event="expired"}`: 1})
}

// dashboardQueries are what the panels of the dashboard ask for.
func dashboardQueries(t *testing.T) (queries []string) {
	t.Helper()
	var dashboard struct {
		Title  string
		Panels []struct {
			Title, Type, Description string
			Targets                  []struct{ Expr string }
		}
	}
	if err := json.Unmarshal([]byte(readFile(t, "docs/deploy/grafana-dashboard.json")), &dashboard); err != nil {
		t.Fatal(err)
	}
	for _, panel := range dashboard.Panels {
		if panel.Type != "row" && len(panel.Targets) == 0 || panel.Title == "" {
			t.Errorf("the panel %q shows nothing", panel.Title)
		}
		for _, target := range panel.Targets {
			queries = append(queries, target.Expr)
		}
	}
	if len(queries) < 20 {
		t.Errorf("there are %d queries on the dashboard", len(queries))
	}
	return queries
}

// alertQueries are those of the alerts, each of which has what somebody needs who is woken by it.
func alertQueries(t *testing.T) (queries []string) {
	t.Helper()
	var rules struct {
		Groups []struct {
			Rules []struct {
				Alert, Expr, For    string
				Labels, Annotations map[string]string
			}
		}
	}
	if err := yaml.Unmarshal([]byte(readFile(t, "docs/deploy/alerts.yaml")), &rules); err != nil {
		t.Fatal(err)
	}
	for _, group := range rules.Groups {
		for _, rule := range group.Rules {
			severity := rule.Labels["severity"]
			if rule.Alert == "" || rule.For == "" || severity != "critical" && severity != "warning" || rule.Annotations["summary"] == "" || rule.Annotations["action"] == "" {
				t.Errorf("the alert %q lacks for, severity, summary or action", rule.Alert)
			}
			queries = append(queries, rule.Expr)
		}
	}
	if len(queries) < 8 {
		t.Errorf("there are %d alerts", len(queries))
	}
	return queries
}

var (
	notNames   = regexp.MustCompile(`\{[^}]*\}|"[^"]*"|\[[^\]]*\]|\b[0-9][0-9a-z.]*\b|\b(by|without|on|ignoring|group_left)\s*\([^)]*\)|\b(and|or|unless|bool|offset)\b`)
	identifier = regexp.MustCompile(`[a-zA-Z_:][a-zA-Z0-9_:]*\s*\(?`)
)

// metricsIn are the names of metrics in a query: what is left without labels, ranges, numbers, keywords and functions.
func metricsIn(query string) (names []string) {
	for _, name := range identifier.FindAllString(notNames.ReplaceAllString(query, " "), -1) {
		if !strings.HasSuffix(name, "(") {
			names = append(names, strings.TrimSpace(name))
		}
	}
	return names
}

func TestMetricsInAQuery(t *testing.T) {
	got := metricsIn(`histogram_quantile(0.99, sum by (le, job) (rate(a_seconds_bucket{x="b_total"}[5m]))) > 1e9 and on (instance) c_total offset 5m - max(d) or time() - e`)
	if want := []string{"a_seconds_bucket", "c_total", "d", "e"}; !slices.Equal(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
}

// namesOnly checks that queries ask for what servers show; up is Prometheus' own.
func namesOnly(t *testing.T, samples map[string]bool, queries []string) {
	t.Helper()
	for _, query := range queries {
		names := metricsIn(query)
		if len(names) == 0 {
			t.Errorf("%s asks for nothing", query)
		}
		for _, name := range names {
			if !samples[name] && name != "up" {
				t.Errorf("there is no %s, which %s asks for", name, query)
			}
		}
	}
}

var (
	documented = regexp.MustCompile("(?m)^\\| `(seshd_[a-z_]+)`")
	exposed    = regexp.MustCompile(`(?m)^# TYPE (seshd_[a-z_]+) `)
)

// describesAll holds the page about metrics against those there are, both ways.
func describesAll(t *testing.T, scraped string) {
	t.Helper()
	names := func(pattern *regexp.Regexp, text string) map[string]bool {
		all := map[string]bool{}
		for _, found := range pattern.FindAllStringSubmatch(text, -1) {
			all[found[1]] = true
		}
		return all
	}
	told, there := names(documented, readFile(t, "docs/observe.md")), names(exposed, scraped)
	for name := range told {
		if !there[name] {
			t.Errorf("the page has %s, and no server shows it", name)
		}
	}
	for name := range there {
		if !told[name] {
			t.Errorf("the page lacks %s", name)
		}
	}
}

// isScraped follows the configuration of Prometheus to the metrics.
func (r *reader) isScraped(t *testing.T, text string) {
	var prometheus struct {
		Files   []string `yaml:"rule_files"`
		Scrapes []struct {
			Job     string                       `yaml:"job_name"`
			Targets []struct{ Targets []string } `yaml:"static_configs"`
		} `yaml:"scrape_configs"`
	}
	if err := yaml.Unmarshal([]byte(text), &prometheus); err != nil {
		t.Fatal(err)
	}
	readFile(t, "docs/deploy/"+prometheus.Files[0])
	scrape := prometheus.Scrapes[0]
	if scrape.Job != "seshd" { // as alerts and dashboard have it
		t.Errorf("the job is called %q", scrape.Job)
	}
	if metrics := get(t, http.DefaultClient, "http://"+scrape.Targets[0].Targets[0]+"/metrics"); !strings.Contains(metrics, "seshd_build_info{") {
		t.Errorf("got %s", metrics)
	}
}
