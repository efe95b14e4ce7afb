package bench

import (
	"context"
	"errors"
	"fmt"
	"time"
)

// warmFor is how long a load runs before it counts: connections, caches and heaps find their size.
const warmFor = time.Second

// boards writes to many sessions, or to one with many tabs, and counts what arrives.
func boards(ctx context.Context, r Run) (*Report, error) {
	if r.Sessions < 1 || r.Tabs < 1 || r.For <= 0 || r.Rate < 0 || r.Rate == 0 && r.Writers < 1 {
		return nil, errors.New("want at least one session, one tab and one writer or a --rate, and --for some time")
	}
	if r.Rate == 0 && r.Writers > maxPipelined*r.Sessions {
		return nil, fmt.Errorf("--writers %d on %d sessions: at most %d writes of a session are in flight (the protocol answers 64 a tab)",
			r.Writers, r.Sessions, maxPipelined)
	}
	to, l, m, err := r.connect(ctx)
	if err != nil {
		return nil, err
	}
	defer l.poller.close()
	if err := l.open(ctx, to, r.Sessions, r.Tabs); err != nil {
		return nil, err
	}
	if _, err := l.run(ctx, r.pace(l, min(warmFor, r.For))); err != nil {
		return nil, err
	}
	before, err := m.read(ctx)
	if err != nil {
		return nil, err
	}
	took, err := l.run(ctx, r.pace(l, r.For))
	if err != nil {
		return nil, err
	}
	after, err := m.read(ctx)
	if err != nil {
		return nil, err
	}
	report := new(Report)
	report.add("sessions", "", "sessions", float64(r.Sessions))
	report.add("tabs", "", "tabs of each", float64(r.Tabs))
	if r.Rate > 0 {
		report.add("rate", "/s", "open loop, writes", r.Rate)
	} else {
		report.add("writers", "", "closed loop, writes in flight", float64(r.Writers))
	}
	l.tally.describe(report, took)
	m.describe(report, "delivery", "delivery", before, after, l.tally.deliveries)
	m.describeRedis(report, "write", "write", before, after, float64(l.tally.writes))
	return report, nil
}

// connect makes the client for a run.
func (r Run) connect(ctx context.Context) (targets, *load, *meter, error) {
	d, err := dialectOf(r.Protocol)
	if err != nil {
		return nil, nil, nil, err
	}
	to, err := newTargets(ctx, r.URLs, d)
	if err != nil {
		return nil, nil, nil, err
	}
	p, err := newPoller(to[0])
	if err != nil {
		return nil, nil, nil, err
	}
	return to, newLoad(p, d, r.Progress, r.Size), newMeter(r.Options), nil
}

func (r Run) pace(l *load, d time.Duration) pace {
	return pace{inFlight: r.Writers, rate: r.Rate, until: l.now() + d, count: uint64(r.Writes)}
}
