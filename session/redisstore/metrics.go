package redisstore

import (
	"sync/atomic"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promauto"
)

// metrics are what a Store tells of itself and of its Redis, as a prometheus.Collector.
type metrics struct {
	all       *prometheus.Registry
	commits   prometheus.Histogram
	faults    prometheus.Counter
	conflicts prometheus.Counter
	renewed   prometheus.Counter
	beating   atomic.Bool // the last beat came through
}

func newMetrics(s *Store) *metrics {
	m := &metrics{all: prometheus.NewRegistry()}
	with := promauto.With(m.all)
	counter := func(name, help string) prometheus.Counter {
		return with.NewCounter(prometheus.CounterOpts{Name: name, Help: help})
	}
	m.commits = with.NewHistogram(prometheus.HistogramOpts{
		Name: "seshd_commit_seconds", Help: "Time to make a commit durable, which many mutations share, in seconds.",
		Buckets: prometheus.ExponentialBuckets(0.0001, 2.5, 12), // 0.1 ms to 2.4 s
	})
	m.faults = counter("seshd_store_faults_total", "Reads and writes that failed for a reason that is the store's.")
	m.conflicts = counter("seshd_redis_conflicts_total", "Commits that were tried again, because another server had written to the session meanwhile.")
	m.renewed = counter("seshd_redis_replaced_total", "Times that Redis was restarted, or another took its place: every tab got its session anew.")
	gauge := func(name, help string, value func() float64) {
		with.NewGaugeFunc(prometheus.GaugeOpts{Name: name, Help: help}, value)
	}
	gauge("seshd_redis_up", "1: Redis answered the last time it was asked, some seconds ago at most; 0: it did not.", func() float64 { return truth(m.beating.Load()) })
	gauge("seshd_redis_hearing", "1: what other servers write arrives here; 0: it does not.", func() float64 { return truth(s.hears.healthy() == nil) })
	gauge("seshd_redis_servers", "Servers that share the Redis, this one too, when it last answered.", func() float64 { return float64(len(s.nodes.list())) })
	return m
}

// Describe and Collect make a Store a prometheus.Collector of its own figures.
func (s *Store) Describe(to chan<- *prometheus.Desc) { s.metrics.all.Describe(to) }

// Collect is the other half of Describe.
func (s *Store) Collect(to chan<- prometheus.Metric) { s.metrics.all.Collect(to) }

func (m *metrics) committed(began time.Time) { m.commits.Observe(time.Since(began).Seconds()) }

func truth(b bool) float64 {
	if b {
		return 1
	}
	return 0
}
