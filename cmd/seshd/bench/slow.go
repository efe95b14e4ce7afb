package bench

import (
	"context"
	"errors"
	"net"
)

// slowReceiveBuffer is what the tab that stops reading lets its system take for it: the server is to feel that nobody reads.
const slowReceiveBuffer = 4 << 10

// slow writes as much with a tab that reads nothing as without, and compares.
func slow(ctx context.Context, r Run) (*Report, error) {
	if r.Tabs < 2 || r.Writers < 1 || r.Writers > maxPipelined || r.Writes < 1 {
		return nil, errors.New("want at least two tabs that read, 1 to 48 writers and one write")
	}
	to, l, m, err := r.connect(ctx)
	if err != nil {
		return nil, err
	}
	defer l.poller.close()
	if err := m.need("slow"); err != nil {
		return nil, err
	}
	if err := l.open(ctx, to, 1, r.Tabs); err != nil {
		return nil, err
	}
	report := new(Report)
	report.add("writes", "", "writes each time", float64(r.Writes))
	report.add("size", "bytes", "beside the number in each", float64(r.Size))
	if _, err := l.run(ctx, r.pace(l, 0)); err != nil { // the server finds its size
		return nil, err
	}
	before, err := m.settled(ctx, l)
	if err != nil {
		return nil, err
	}
	between, err := r.compare(ctx, l, m, report, before, "_without", " without the slow tab")
	if err != nil {
		return nil, err
	}
	deaf, err := to[0].openDeaf(ctx, l.boards[0].name)
	if err != nil {
		return nil, err
	}
	defer deaf.Close()
	_, err = r.compare(ctx, l, m, report, between, "_with", " with it")
	stalled := 0.0
	if errors.Is(err, errStalled) {
		stalled, err = 1, nil
	}
	report.add("stalled", "", "the other tabs stalled (1: yes)", stalled)
	report.add("errors", "", "frames that broke the protocol", float64(l.tally.errors))
	return report, err
}

// compare writes once, and adds what the tabs that read waited and how much the server has grown.
func (r Run) compare(ctx context.Context, l *load, m *meter, report *Report, before reading, suffix, label string) (after reading, err error) {
	if _, err := l.run(ctx, r.pace(l, 0)); err != nil {
		return after, err
	}
	if after, err = m.settled(ctx, l); err != nil {
		return after, err
	}
	l.tally.describeLatency(report, suffix, label)
	report.add("rss_growth_bytes"+suffix, "bytes", "server RSS grew"+label, after.rss-before.rss)
	return after, nil
}

// openDeaf opens a tab that nobody reads from.
func (to *target) openDeaf(ctx context.Context, board string) (net.Conn, error) {
	conn, err := to.dial(ctx, 0)
	if err != nil {
		return nil, err
	}
	if raw, ok := conn.(*net.TCPConn); ok {
		err = raw.SetReadBuffer(slowReceiveBuffer)
	}
	if err == nil {
		_, _, err = to.visit(conn, 0, board)
	}
	return conn, err
}
