package web

import (
	"net/http"
	"sync/atomic"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/promauto"

	"github.com/seshd/seshd/hub"
	"github.com/seshd/seshd/session"
)

// What a refusal was the answer to.
const (
	ofRequest    = "request"
	ofConnection = "connection"
	ofFrame      = "frame"
)

// The results of a mutation, beside the codes of refusals.
const (
	resultOK        = "ok"
	resultDuplicate = "duplicate"
	resultFailed    = "failed" // of a backup
)

// Buckets of seconds: a sync of a good disk takes less than a millisecond, a tab that does not read is cut off after writeWait.
var (
	commitBuckets = prometheus.ExponentialBuckets(0.0001, 2.5, 12) // 0.1 ms to 2.4 s
	lagBuckets    = prometheus.ExponentialBuckets(0.0001, 3, 12)   // 0.1 ms to 18 s
)

// metrics are the numbers of one App, in a registry of its own. No label ever names a session, and nothing that is counted for
// each mutation or each change at a tab is looked up by a label.
type metrics struct {
	registry *prometheus.Registry
	requests atomic.Int64 // connections of the public listener that speak HTTP

	tabs           *prometheus.GaugeVec
	opened, closed *prometheus.CounterVec
	mutations      *prometheus.CounterVec
	applied        map[session.Source]prometheus.Counter // those of mutations that are ok; static
	seconds        prometheus.Histogram
	lag            prometheus.Histogram
	folded         prometheus.Counter
	lives          *prometheus.CounterVec
	refusals       *prometheus.CounterVec
	backups        *prometheus.CounterVec
	backedUp       prometheus.Gauge
	dropped        prometheus.Counter
}

func newMetrics(a *App) *metrics {
	m := &metrics{registry: prometheus.NewRegistry(), applied: make(map[session.Source]prometheus.Counter)}
	m.registry.MustRegister(
		collectors.NewGoCollector(),
		collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}),
		collectors.NewBuildInfoCollector(),
	)
	m.registry.MustRegister(a.options.Collectors...)
	with := promauto.With(m.registry)
	connections := func(protocol string, count func() float64) {
		with.NewGaugeFunc(prometheus.GaugeOpts{
			Name: "seshd_connections", Help: "Connections of the public listener that are open now.", ConstLabels: prometheus.Labels{"protocol": protocol},
		}, count)
	}
	connections("http", func() float64 { return float64(m.requests.Load()) })
	connections("websocket", func() float64 { return float64(a.pinger.count()) })
	with.NewGaugeFunc(prometheus.GaugeOpts{
		Name: "seshd_rooms", Help: "Sessions that have tabs open on this server now.",
	}, func() float64 { return float64(a.hub.Rooms()) })

	m.dropped = with.NewCounter(prometheus.CounterOpts{
		Name: "seshd_connections_dropped_total", Help: "Connections that were closed without a word, being far over --max-connections.",
	})
	m.tabs = with.NewGaugeVec(prometheus.GaugeOpts{
		Name: "seshd_tabs", Help: "Tabs that are connected to this server now.",
	}, []string{"transport"})
	m.opened = with.NewCounterVec(prometheus.CounterOpts{
		Name: "seshd_tabs_opened_total", Help: "Tabs that were let in.",
	}, []string{"transport"})
	m.closed = with.NewCounterVec(prometheus.CounterOpts{
		Name: "seshd_tabs_closed_total", Help: "Tabs that are gone, by why this server closed them; left: they went by themselves.",
	}, []string{"transport", "reason"})
	m.mutations = with.NewCounterVec(prometheus.CounterOpts{
		Name: "seshd_mutations_total", Help: "Mutations that were answered, by source and result (ok, duplicate, or the code of the refusal).",
	}, []string{"source", "result"})
	m.seconds = with.NewHistogram(prometheus.HistogramOpts{
		Name: "seshd_mutation_seconds", Help: "Time from a mutation's submission to its durable answer, in seconds.", Buckets: commitBuckets,
	})
	m.lag = with.NewHistogram(prometheus.HistogramOpts{
		Name: "seshd_push_lag_seconds", Help: "Time from a commit, or from when this server heard of it, to the hand-over of its change to a tab's socket, in seconds.",
		Buckets: lagBuckets,
	})
	m.folded = with.NewCounter(prometheus.CounterOpts{
		Name: "seshd_changes_folded_total", Help: "Changes that a tab was told together with a later one, because it was not ready for them before.",
	})
	m.lives = with.NewCounterVec(prometheus.CounterOpts{
		Name: "seshd_session_events_total", Help: "What this server made of sessions: the events of GET /v1/events.",
	}, []string{"event"})
	m.refusals = with.NewCounterVec(prometheus.CounterOpts{
		Name: "seshd_refusals_total", Help: "Requests, connections of tabs, and frames of tabs that were refused, by code.",
	}, []string{"of", "code"})
	m.backups = with.NewCounterVec(prometheus.CounterOpts{
		Name: "seshd_backups_total", Help: "Backups that were asked for, by result (ok or failed).",
	}, []string{"result"})
	m.backedUp = with.NewGauge(prometheus.GaugeOpts{
		Name: "seshd_backup_last_success_timestamp_seconds", Help: "When the last backup was given out since the start, in seconds since 1970; 0: none was.",
	})
	m.begin()
	return m
}

// begin makes the counters that a server at rest shows: what is counted for the first time would else not show as a rise.
func (m *metrics) begin() {
	for _, by := range []session.Source{session.ByTab, session.ByHTTP, session.ByAPI, session.ByCode} {
		m.applied[by] = m.mutations.WithLabelValues(string(by), resultOK)
	}
	for _, transport := range []string{transportW, transportE} {
		m.tabs.WithLabelValues(transport)
		m.opened.WithLabelValues(transport)
	}
	for _, cause := range []session.Cause{session.Created, session.LoggedIn, session.Rotated, session.LoggedOut, session.Destroyed, session.Expired} {
		m.lives.WithLabelValues(string(cause))
	}
	for _, result := range []string{resultOK, resultFailed} {
		m.backups.WithLabelValues(result)
	}
}

// answered counts a mutation, wherever it came from.
func (m *metrics) answered(s session.Submission, result session.Result, err error, took time.Duration) {
	m.seconds.Observe(took.Seconds())
	switch {
	case err != nil:
		code, _, _ := explain(err)
		m.mutations.WithLabelValues(string(s.By), code).Inc()
	case result.Duplicate:
		m.mutations.WithLabelValues(string(s.By), resultDuplicate).Inc()
	default:
		m.applied[s.By].Inc()
	}
}

func (m *metrics) lived(cause session.Cause, times int) {
	m.lives.WithLabelValues(string(cause)).Add(float64(times))
}

func (m *metrics) refused(of, code string) { m.refusals.WithLabelValues(of, code).Inc() }

// pushed counts what was handed to a tab's socket.
func (m *metrics) pushed(frames []hub.Frame) {
	for _, f := range frames {
		if f.Committed.IsZero() {
			continue
		}
		m.lag.Observe(time.Since(f.Committed).Seconds())
		if f.Folded > 0 {
			m.folded.Add(float64(f.Folded))
		}
	}
}

func (m *metrics) tabOpened(transport string) {
	m.tabs.WithLabelValues(transport).Inc()
	m.opened.WithLabelValues(transport).Inc()
}

// tabClosed counts a tab out; a nil bye is one that went by itself.
func (m *metrics) tabClosed(transport string, bye *hub.Bye) {
	m.tabs.WithLabelValues(transport).Dec()
	m.closed.WithLabelValues(transport, closedBy(bye)).Inc()
}

// closedBy says why a tab is gone, for counters and the log.
func closedBy(bye *hub.Bye) string {
	if bye == nil {
		return "left"
	}
	return bye.Code
}

func (m *metrics) backedUpAt(now time.Time, err error) {
	if err != nil {
		m.backups.WithLabelValues(resultFailed).Inc()
		return
	}
	m.backups.WithLabelValues(resultOK).Inc()
	m.backedUp.Set(float64(now.Unix()))
}

// connection follows a connection of the public listener while it speaks HTTP.
func (m *metrics) connection(state http.ConnState) {
	switch state {
	case http.StateNew:
		m.requests.Add(1)
	case http.StateHijacked, http.StateClosed:
		m.requests.Add(-1)
	}
}
