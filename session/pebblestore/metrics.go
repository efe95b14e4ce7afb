package pebblestore

import (
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promauto"
)

// metrics are what a Store tells of itself, as a prometheus.Collector.
type metrics struct {
	all     *prometheus.Registry
	commits prometheus.Histogram
	faults  prometheus.Counter
}

func newMetrics(s *Store) metrics {
	m := metrics{all: prometheus.NewRegistry()}
	with := promauto.With(m.all)
	m.commits = with.NewHistogram(prometheus.HistogramOpts{
		Name: "seshd_commit_seconds", Help: "Time to make a commit durable, which many mutations share, in seconds.",
		Buckets: prometheus.ExponentialBuckets(0.0001, 2.5, 12), // 0.1 ms to 2.4 s
	})
	m.faults = with.NewCounter(prometheus.CounterOpts{
		Name: "seshd_store_faults_total", Help: "Reads and writes that failed for a reason that is the store's.",
	})
	gauge := func(name, help string, value func() float64) {
		with.NewGaugeFunc(prometheus.GaugeOpts{Name: name, Help: help}, value)
	}
	gauge("seshd_store_bytes", "What the store takes on disk, in bytes.", s.diskBytes)
	gauge("seshd_store_free_bytes", "What is free on the disk of the store, in bytes.", s.freeBytes)
	gauge("seshd_store_writable", "1: writes are taken; 0: they are refused, for the disk is nearly full.", s.writable)
	gauge("seshd_store_cache_bytes", "What the sessions that were written last take in memory, in bytes.", func() float64 { return float64(s.cache.bytes()) })
	return m
}

// Describe and Collect make a Store a prometheus.Collector of its own figures.
func (s *Store) Describe(to chan<- *prometheus.Desc) { s.metrics.all.Describe(to) }

// Collect is the other half of Describe.
func (s *Store) Collect(to chan<- prometheus.Metric) { s.metrics.all.Collect(to) }

func (m *metrics) committed(began time.Time) { m.commits.Observe(time.Since(began).Seconds()) }

// diskBytes is 0 once the store is closed.
func (s *Store) diskBytes() float64 {
	s.visible.RLock()
	defer s.visible.RUnlock()
	if s.shut {
		return 0
	}
	return float64(s.db.Metrics().DiskSpaceUsage())
}

func (s *Store) freeBytes() float64 {
	usage, err := s.space.fs.GetDiskUsage(s.space.path)
	if err != nil {
		return 0
	}
	return float64(usage.AvailBytes)
}

func (s *Store) writable() float64 {
	if s.space.check() != nil {
		return 0
	}
	return 1
}
