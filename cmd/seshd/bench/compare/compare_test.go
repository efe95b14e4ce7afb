package main

import (
	"bytes"
	"encoding/xml"
	"errors"
	"io"
	"strings"
	"testing"
	"time"
)

// measured is a lab that has run three times.
func measured() *lab {
	l := &lab{options: options{runs: 3, each: time.Second}, results: make(results)}
	for _, noise := range []float64{1, 100, 2} { // the median is twice
		l.results.add(mBoards, seshd, map[string]float64{"server_cpu_us_per_delivery": 6 * noise})
		l.results.add(mBoards, floor, map[string]float64{"server_cpu_us_per_delivery": 5 * noise})
		l.results.add(mBoards, centrifuge, map[string]float64{"server_cpu_us_per_delivery": 8 * noise})
		l.results.add(mSlow, seshd, map[string]float64{"p99_ms_with": noise, "stalled": 0})
		l.results.add(mSlow, floor, map[string]float64{"p99_ms_without": noise, "stalled": 1})
		for _, tabs := range l.tabCounts() {
			l.results.add(mLoad(tabs), seshd, map[string]float64{"server_cpu_us_per_delivery": 6 * noise})
			l.results.add(mIdle(tabs), floor, map[string]float64{"rss_per_tab_bytes": 5000 * noise})
		}
	}
	l.addBenchmark("BenchmarkDurable/writers=16/store-2  \t 300\t 41115 mutations/s\t 0.75 p99-ms\t 97 B/op", mDurable)
	return l
}

func TestReport(t *testing.T) {
	var b strings.Builder
	if err := measured().report(&b); err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{
		"| server CPU per delivery | 12 µs (6–600) | 10 µs (5–500) | 1.20 | 16 µs (8–800) | 0.75 | at most 1.3 × the floor, below Centrifuge |",
		"| p99 of the other tabs with it | 2 ms (1–100) | stalls all |  | – |  |  |",
		"| 16,000 | 12 µs (6–600) | – | – | 10,000 bytes (5,000–500,000) |",
		"| 16 | 41,115 /s | – | 0.750 ms | – | – | – |",
	} {
		if !strings.Contains(b.String(), want) {
			t.Errorf("no line %q in\n%s", want, b.String())
		}
	}
}

func TestPlotIsXML(t *testing.T) {
	var b bytes.Buffer
	if err := measured().plot(&b); err != nil {
		t.Fatal(err)
	}
	circles := 0
	for d := xml.NewDecoder(&b); ; {
		token, err := d.Token()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			t.Fatal(err)
		}
		if start, ok := token.(xml.StartElement); ok && start.Name.Local == "circle" {
			circles++
		}
	}
	if circles != 4*5 {
		t.Errorf("%d points, want two curves of five in two panels", circles)
	}
}

func TestReportOfNodes(t *testing.T) {
	l := &lab{options: options{runs: 2, each: time.Second}, results: make(results)}
	for _, noise := range []float64{1, 3} { // the median is twice
		l.results.add(mBoards, embedded, map[string]float64{"writes_per_second": 600 * noise})
		for _, n := range nodeCounts {
			l.results.add(mBoards, onRedis(n), map[string]float64{"writes_per_second": 500 * noise, "redis_cpu_us_per_write": float64(n) * noise})
		}
	}
	var b strings.Builder
	if err := l.reportNodes(&b); err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{
		"| | embedded | 1 on Redis | 2 on Redis | 3 on Redis |\n| --- | ---: | ---: | ---: | ---: |\n",
		"\n| mutations/s | 1,200 /s (600–1,800) | 1,000 /s (500–1,500) | 1,000 /s (500–1,500) | 1,000 /s (500–1,500) |\n",
		"\n| Redis CPU per mutation | – | 2 µs (1–3) | 4 µs (2–6) | 6 µs (3–9) |\n",
	} {
		if !strings.Contains(b.String(), want) {
			t.Errorf("no %q in\n%s", want, b.String())
		}
	}
}
