package bench

import (
	"context"
	"errors"
)

// warmTabs are open before memory is first read, so that what the first tabs bring in for all is not counted with them.
const warmTabs = 32

// idle opens tabs that do nothing.
func idle(ctx context.Context, r Run) (*Report, error) {
	if r.Sessions < 1 || r.Tabs < 1 || r.For <= 0 {
		return nil, errors.New("want at least one session and one tab, --for some time")
	}
	to, l, m, err := r.connect(ctx)
	if err != nil {
		return nil, err
	}
	defer l.poller.close()
	if err := m.need("idle"); err != nil {
		return nil, err
	}
	if err := l.open(ctx, to, warmTabs, 1); err != nil {
		return nil, err
	}
	before, err := m.settled(ctx, l)
	if err != nil {
		return nil, err
	}
	if err := l.open(ctx, to, r.Sessions, r.Tabs); err != nil {
		return nil, err
	}
	opened := l.now()
	settled, err := m.settled(ctx, l)
	if err != nil {
		return nil, err
	}
	waited := l.now() - opened
	start := l.now()
	if err := l.rest(ctx, r.For); err != nil {
		return nil, err
	}
	took := l.now() - start
	after, err := m.read(ctx)
	if err != nil {
		return nil, err
	}
	tabs := r.Sessions * r.Tabs
	report := new(Report)
	report.add("tabs_open", "", "tabs", float64(tabs))
	report.add("rss_before_bytes", "bytes", "server RSS before", before.rss)
	report.add("rss_after_bytes", "bytes", "server RSS with them", settled.rss)
	report.add("settled_seconds", "s", "settled after", waited.Seconds())
	report.add("rss_per_tab_bytes", "bytes", "server RSS per idle tab", (settled.rss-before.rss)/float64(tabs))
	report.add("open_cpu_us_per_tab", "µs", "server CPU per tab opened, until settled", float64((settled.serverCPU-before.serverCPU).Microseconds())/float64(tabs))
	cpu := after.serverCPU - settled.serverCPU
	report.add("idle_cpu_percent", "%", "server CPU while idle", 100*cpu.Seconds()/took.Seconds())
	report.add("idle_cpu_us_per_tab_second", "µs", "server CPU per tab and second", float64(cpu.Microseconds())/took.Seconds()/float64(tabs))
	m.describeRedisMemory(report, "tab", "idle tab", before, settled, float64(tabs))
	m.describeRedis(report, "open", "tab opened", before, settled, float64(tabs))
	m.describeRedis(report, "tab_second", "idle tab and second", settled, after, float64(tabs)*took.Seconds())
	report.add("errors", "", "frames that broke the protocol", float64(l.tally.errors))
	return report, nil
}
