package main

import (
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/seshd/seshd/cmd/seshd/bench"
	"github.com/seshd/seshd/cmd/seshd/bench/rig"
)

// row is a line of the table: one figure of all servers.
type row struct {
	label, measurement, key, unit string
	reach                         string
}

func (l *lab) rows() []row {
	const latency = " at 500 writes/s"
	return []row{
		{"idle tab with its own session, server RSS", mIdle(l.idleTabs()), "rss_per_tab_bytes", "bytes", "at most 1.0 × the floor"},
		{"server CPU per delivery", mBoards, "server_cpu_us_per_delivery", "µs", "at most 1.3 × the floor, below Centrifuge"},
		{"client CPU per delivery, beside it", mBoards, "client_cpu_us_per_delivery", "µs", ""},
		{"deliveries/s on one core", mBoards, "deliveries_per_second", "/s", "0.8 × the floor, above Centrifuge"},
		{"changes folded into a later frame", mBoards, "folded", "", ""},
		{"p50 under that load", mBoards, "p50_ms", "ms", ""},
		{"p99 under that load", mBoards, "p99_ms", "ms", ""},
		{"p50" + latency, mPaced, "p50_ms", "ms", "one fsync above Centrifuge"},
		{"p99" + latency, mPaced, "p99_ms", "ms", "one fsync above Centrifuge"},
		{"p99.9" + latency, mPaced, "p999_ms", "ms", ""},
		{"an append and fsync, nothing else running: p50", mFsync, "p50_ms", "ms", ""},
		{"p99", mFsync, "p99_ms", "ms", ""},
		{"1,000 tabs in one session, 20 writes/s: p99 to the last", mHot, "p99_last_ms", "ms", "at most 1.1 × the floor"},
		{"tab that stops reading: growth with it", mSlow, "rss_growth_bytes_with", "bytes", "under 8 MiB"},
		{"growth in as many writes without it", mSlow, "rss_growth_bytes_without", "bytes", ""},
		{"p99 of the other tabs with it", mSlow, "p99_ms_with", "ms", ""},
		{"p99 of the other tabs without it", mSlow, "p99_ms_without", "ms", ""},
		{"durable mutations/s, 128 writers, 100,000 sessions, beside the bare log", mDurable(ofWriters(128)), "mutations/s", "/s", "at least 0.4 × the bare log"},
		{"the longest that a mutation took in a minute of that", mMinute, "max-ms", "ms", "at most 100 ms above the longest fsync"},
		{"the longest fsync of a file beside it, in the same minute", mMinute, "fsync-max-ms", "ms", ""},
		{"the same over HTTP, cookies and all", mWrites, "writes_per_second_128", "/s", ""},
		{"start with 1,000,000 sessions after SIGKILL, to the first answer", mRestart, "first_answer_ms", "ms", "2,000 ms"},
		{"the same, killed while they were being stored", mRestart, "first_answer_after_fill_ms", "ms", ""},
		{"RSS with 1,000,000 sessions stored, after those starts", mRestart, "rss_stored_bytes", "bytes", ""},
		{"the same with " + readableCount(openTabs) + " tabs open beside, each of which wrote", mRestart, "rss_open_bytes", "bytes", ""},
	}
}

// report writes docs/BENCH.md.
func (l *lab) report(w io.Writer) error {
	var b strings.Builder
	fmt.Fprintf(&b, "# Measured\n\n%s, %s. %s; in each the servers took turns. Restarts, and how costs grow, in %d of them.\n",
		time.Now().Format(time.DateOnly), rig.Machine(), l.howOften(), min(l.grow, l.runs))
	if l.quick {
		b.WriteString("**A trial in small, to see that it works: these figures are worth nothing.**\n")
	}
	if l.taskset != "" {
		b.WriteString("Server pinned to one core, client to another. ")
	} else {
		b.WriteString("Nobody pinned: client and server take time from each other. ")
	}
	b.WriteString("Quote ratios, not figures: machines differ, and this one is noisy too.\n" +
		"The floor is bare gorilla/websocket, a reader per tab and one prepared frame for all, without sessions, limits or a disk; for the store it is\n" +
		"a bare log with a shared fdatasync. Centrifuge is the engine of Centrifugo, as a library, in memory, nothing on disk, with Centrifugo's defaults;\n" +
		"it keeps nothing that could be durable or survive a restart, and cuts off a tab that stops reading, so these rows have none of its figures.\n" +
		"seshd fsyncs every write before it tells anybody; it ran with " + strings.Join(withoutLimits, " ") + ", all else as it ships, logs at info too. A delivery is one change frame at one tab. Made by `" + l.command("make bench") + "`.\n")
	if l.missing != "" {
		fmt.Fprintf(&b, "**This time %s could not be built, and was not measured.**\n", l.missing)
	}
	b.WriteByte('\n')
	b.WriteString("| | seshd | the floor | seshd / floor | Centrifuge | seshd / Centrifuge | to reach |\n| --- | ---: | ---: | ---: | ---: | ---: | --- |\n")
	for _, r := range l.rows() {
		fmt.Fprintf(&b, "| %s | %s | %s | %s | %s | %s | %s |\n", r.label, l.cell(r, seshd),
			l.cell(r, floor), l.ratio(r, floor), l.cell(r, centrifuge), l.ratio(r, centrifuge), r.reach)
	}
	fmt.Fprintf(&b, "\n## From %s to %s tabs\n\n![Server CPU per delivery and RSS per idle tab](%s)\n\n", readableCount(l.tabCounts()[0]),
		readableCount(l.tabCounts()[len(l.tabCounts())-1]), plotName)
	b.WriteString("| tabs | CPU per delivery, seshd | the floor | RSS per idle tab, seshd | the floor |\n| ---: | ---: | ---: | ---: | ---: |\n")
	for _, tabs := range l.tabCounts() {
		cpu := row{measurement: mLoad(tabs), key: "server_cpu_us_per_delivery", unit: "µs"}
		rss := row{measurement: mIdle(tabs), key: "rss_per_tab_bytes", unit: "bytes"}
		fmt.Fprintf(&b, "| %s | %s | %s | %s | %s |\n", readableCount(tabs), l.cell(cpu, seshd), l.cell(cpu, floor), l.cell(rss, seshd), l.cell(rss, floor))
	}
	l.growth(&b)
	_, err := io.WriteString(w, b.String())
	return err
}

// howOften says of how much each figure is.
func (l *lab) howOften() string {
	if l.runs == 1 {
		return "One run, " + l.each.String() + " a load"
	}
	return fmt.Sprintf("Medians of %d runs with the least and the most, %s a load", l.runs, l.each)
}

// command is what makes this report anew.
func (l *lab) command(target string) string {
	if len(l.flags) == 0 {
		return target
	}
	return target + " BENCH='" + strings.Join(l.flags, " ") + "'"
}

// growth tells what a delivery and a mutation cost as one session, the store and the crowd of writers grow.
func (l *lab) growth(b *strings.Builder) {
	fmt.Fprintf(b, "\n## More tabs of one session, %s tabs in all\n\n", readableCount(l.tabCounts()[0]))
	b.WriteString("| tabs of a session | CPU per delivery, seshd | the floor | deliveries/s, seshd | the floor |\n| ---: | ---: | ---: | ---: | ---: |\n")
	for _, tabs := range l.roomSizes() {
		cpu := row{measurement: mRoom(tabs), key: "server_cpu_us_per_delivery", unit: "µs"}
		rate := row{measurement: mRoom(tabs), key: "deliveries_per_second", unit: "/s"}
		fmt.Fprintf(b, "| %s | %s | %s | %s | %s |\n", readableCount(tabs), l.cell(cpu, seshd), l.cell(cpu, floor), l.cell(rate, seshd), l.cell(rate, floor))
	}
	b.WriteString("\n## More sessions in the store, 128 writers\n\n| sessions stored | durable mutations/s | CPU per mutation | p99 |\n| ---: | ---: | ---: | ---: |\n")
	for _, sessions := range storedCounts {
		b.WriteString("| " + readableCount(sessions))
		l.benchmarked(b, mDurable(ofStored(sessions)), seshd)
	}
	b.WriteString("\n## More writers at once, 100,000 sessions\n\n| writers | durable mutations/s | CPU per mutation | p99 | the bare log: /s | CPU | p99 |\n| ---: | ---: | ---: | ---: | ---: | ---: | ---: |\n")
	for _, writers := range writerCounts {
		b.WriteString("| " + readableCount(writers))
		l.benchmarked(b, mDurable(ofWriters(writers)), seshd, floor)
	}
}

// benchmarked ends a line with what the benchmark of the store found.
func (l *lab) benchmarked(b *strings.Builder, measurement string, servers ...string) {
	for _, server := range servers {
		for _, figure := range []struct{ key, unit string }{{"mutations/s", "/s"}, {"cpu-µs/op", "µs"}, {"p99-ms", "ms"}} {
			b.WriteString(" | " + l.cell(row{measurement: measurement, key: figure.key, unit: figure.unit}, server))
		}
	}
	b.WriteString(" |\n")
}

func (l *lab) cell(r row, server string) string {
	value, ok := l.results.median(r.measurement, server, r.key)
	if stalled, _ := l.results.median(r.measurement, server, "stalled"); stalled > 0 && !ok {
		return "stalls all"
	}
	if !ok {
		return "–"
	}
	text := strings.TrimSpace(bench.Readable(value) + " " + r.unit)
	if least, most := l.results.bounds(r.measurement, server, r.key); least < most {
		text += fmt.Sprintf(" (%s–%s)", bench.Readable(least), bench.Readable(most))
	}
	return text
}

// ratio is seshd's figure by that of another server.
func (l *lab) ratio(r row, other string) string {
	ours, ok := l.results.median(r.measurement, seshd, r.key)
	theirs, beside := l.results.median(r.measurement, other, r.key)
	if !ok || !beside || theirs <= 0 || ours < 0 || strings.HasPrefix(r.key, "rss_growth") {
		return ""
	}
	return fmt.Sprintf("%.2f", ours/theirs)
}

func readableCount(n int) string { return bench.Readable(float64(n)) }
