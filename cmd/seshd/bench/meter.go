package bench

import (
	"bufio"
	"context"
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"time"
)

const (
	scrapeTimeout = 10 * time.Second

	// Memory has settled once so many readings, a second apart, lie so close together; or after so many anyway. A Go server
	// gives back what it freed within seconds of its last collection. The reading itself takes some memory each time.
	settleReadings = 5
	settleWithin   = 0.005
	settleBytes    = 256 << 10 // or so close
	settleMost     = 60
)

// meter reads the figures of the servers, summed up, of their Redis, and of this process beside them.
type meter struct {
	urls   []string
	redis  string // host:port; empty: none
	client http.Client
}

// reading is what was used up to a moment.
type reading struct {
	serverCPU, clientCPU time.Duration
	rss                  float64 // of the server, bytes
	redis                redisReading
}

func newMeter(o Options) *meter {
	return &meter{urls: o.Metrics, redis: o.Redis, client: http.Client{Timeout: scrapeTimeout, Transport: &http.Transport{Proxy: nil}}}
}

// known says whether the server's figures are.
func (m *meter) known() bool { return len(m.urls) > 0 }

func (m *meter) need(scenario string) error {
	if m.known() {
		return nil
	}
	return fmt.Errorf("%s measures the server's memory: say where its metrics are, such as --metrics http://127.0.0.1:8001/metrics", scenario)
}

func (m *meter) read(ctx context.Context) (r reading, err error) {
	r.clientCPU = ownCPU()
	for _, url := range m.urls {
		if err := m.scrape(ctx, url, &r); err != nil {
			return r, fmt.Errorf("--metrics %s: %w", url, err)
		}
	}
	if m.redis != "" {
		if r.redis, err = readRedis(ctx, m.redis); err != nil {
			return r, fmt.Errorf("--redis %s: %w", m.redis, err)
		}
	}
	return r, nil
}

// scrape adds what one server says.
func (m *meter) scrape(ctx context.Context, url string, r *reading) error {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return err
	}
	response, err := m.client.Do(request)
	if err != nil {
		return err
	}
	defer response.Body.Close()
	found := 0
	for lines := bufio.NewScanner(response.Body); lines.Scan(); {
		name, value, _ := strings.Cut(lines.Text(), " ")
		number, err := strconv.ParseFloat(value, 64)
		switch {
		case err != nil:
		case name == "process_cpu_seconds_total":
			r.serverCPU += time.Duration(number * float64(time.Second))
			found++
		case name == "process_resident_memory_bytes":
			r.rss += number
			found++
		}
	}
	if found != 2 {
		return fmt.Errorf("%s, without process_cpu_seconds_total and process_resident_memory_bytes", response.Status)
	}
	return nil
}

// settled reads once the server's memory changes no more. The load serves its tabs meanwhile.
func (m *meter) settled(ctx context.Context, l *load) (r reading, err error) {
	var last []float64
	for range settleMost {
		if r, err = m.read(ctx); err != nil {
			return r, err
		}
		if last = append(last, r.rss); len(last) > settleReadings {
			last = last[1:]
			if low, high := bounds(last); high-low <= max(settleWithin*high, settleBytes) {
				return r, nil
			}
		}
		if err = l.rest(ctx, time.Second); err != nil {
			return r, err
		}
	}
	return r, nil
}

func bounds(values []float64) (low, high float64) {
	low, high = values[0], values[0]
	for _, v := range values {
		low, high = min(low, v), max(high, v)
	}
	return low, high
}

// describe adds what a number of things cost in processor time between two readings.
func (m *meter) describe(r *Report, key, what string, before, after reading, count uint64) {
	each := func(d time.Duration) float64 { return float64(d) / float64(time.Microsecond) / float64(max(count, 1)) }
	if m.known() {
		r.add("server_cpu_us_per_"+key, "µs", "server CPU per "+what, each(after.serverCPU-before.serverCPU))
	}
	r.add("client_cpu_us_per_"+key, "µs", "client CPU per "+what, each(after.clientCPU-before.clientCPU))
}
