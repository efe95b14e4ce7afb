package bench

import (
	"time"

	"github.com/HdrHistogram/hdrhistogram-go"
)

const (
	longest = time.Minute // a latency above counts as this
	digits  = 3           // significant ones of a percentile
)

// tally counts one phase of a run.
type tally struct {
	writes     uint64
	deliveries uint64 // change frames
	folded     uint64 // changes that came inside the frame of a later one
	errors     uint64 // frames that broke the protocol: a gap, a repeat, an answer out of order

	latency *hdrhistogram.Histogram // of each change at each tab but the writer's
	last    *hdrhistogram.Histogram // of each change at the last of all tabs
	late    *hdrhistogram.Histogram // of the writes themselves, behind their time: the client's own fault
}

func newTally() tally {
	return tally{latency: newHistogram(), last: newHistogram(), late: newHistogram()}
}

func newHistogram() *hdrhistogram.Histogram { return hdrhistogram.New(1, int64(longest), digits) }

func record(h *hdrhistogram.Histogram, d time.Duration) {
	_ = h.RecordValue(int64(min(max(d, 1), longest))) // the range is the histogram's own
}

func quantile(h *hdrhistogram.Histogram, percent float64) time.Duration {
	return time.Duration(h.ValueAtQuantile(percent))
}

// describe adds what was counted in the given time.
func (c *tally) describe(r *Report, took time.Duration) {
	seconds := took.Seconds()
	r.add("seconds", "s", "measured for", seconds)
	r.add("writes", "", "writes", float64(c.writes))
	r.add("deliveries", "", "deliveries (change frames, all tabs)", float64(c.deliveries))
	r.add("folded", "", "changes folded into a later frame", float64(c.folded))
	r.add("errors", "", "frames that broke the protocol", float64(c.errors))
	r.add("writes_per_second", "/s", "writes a second", float64(c.writes)/seconds)
	r.add("deliveries_per_second", "/s", "deliveries a second", float64(c.deliveries)/seconds)
	c.describeLatency(r, "", "")
}

// describeLatency adds the percentiles under keys with a suffix.
func (c *tally) describeLatency(r *Report, suffix, label string) {
	for _, p := range []struct {
		key     string
		percent float64
	}{{"p50", 50}, {"p99", 99}, {"p999", 99.9}} {
		r.addTime(p.key+"_ms"+suffix, p.key+" to another tab"+label, quantile(c.latency, p.percent))
	}
	for _, p := range []struct {
		key     string
		percent float64
	}{{"p50", 50}, {"p99", 99}} {
		r.addTime(p.key+"_last_ms"+suffix, p.key+" to the last tab"+label, quantile(c.last, p.percent))
	}
	r.addTime("late_p99_ms"+suffix, "p99 of the client's own delay"+label, quantile(c.late, 99))
}
