package web

import (
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"

	"github.com/seshd/seshd/session"
)

// metrics are the numbers of one App, in a registry of its own. No label ever names a session.
type metrics struct {
	registry  *prometheus.Registry
	tabs      *prometheus.GaugeVec
	mutations *prometheus.CounterVec
	seconds   prometheus.Histogram
}

func newMetrics(a *App) *metrics {
	m := &metrics{
		registry: prometheus.NewRegistry(),
		tabs: prometheus.NewGaugeVec(prometheus.GaugeOpts{
			Name: "seshd_tabs", Help: "Tabs that are connected to this server now.",
		}, []string{"transport"}),
		mutations: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "seshd_mutations_total", Help: "Mutations that were answered, by source and result (ok, duplicate, or the code of the refusal).",
		}, []string{"source", "result"}),
		seconds: prometheus.NewHistogram(prometheus.HistogramOpts{
			Name: "seshd_mutation_seconds", Help: "Time from a mutation's submission to its durable answer, in seconds.",
			Buckets: prometheus.ExponentialBuckets(0.0001, 2.5, 12), // 0.1 ms to 2.4 s
		}),
	}
	m.registry.MustRegister(
		m.tabs, m.mutations, m.seconds,
		prometheus.NewGaugeFunc(prometheus.GaugeOpts{
			Name: "seshd_rooms", Help: "Sessions that have tabs open on this server now.",
		}, func() float64 { return float64(a.hub.Rooms()) }),
		collectors.NewGoCollector(),
		collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}),
		collectors.NewBuildInfoCollector(),
	)
	return m
}

func (m *metrics) opened(transport string) { m.tabs.WithLabelValues(transport).Inc() }
func (m *metrics) closed(transport string) { m.tabs.WithLabelValues(transport).Dec() }

// observe notes the answer to a mutation, wherever it came from.
func (m *metrics) observe(s session.Submission, result session.Result, err error, took time.Duration) {
	outcome := "ok"
	switch {
	case err != nil:
		outcome, _, _ = explain(err)
	case result.Duplicate:
		outcome = "duplicate"
	}
	m.mutations.WithLabelValues(string(s.By), outcome).Inc()
	m.seconds.Observe(took.Seconds())
}
