package main

import (
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/seshd/seshd/cmd/seshd/bench/rig"
)

// nodeRows are the lines of docs/BENCH-NODES.md. seshd bench model takes what it reckons with from there, by their labels.
func (l *lab) nodeRows() []row {
	const ofStored = ", 1 KB sessions, 128 writers"
	idle := mIdle(l.idleOnNodes())
	return []row{
		{label: "mutations/s", measurement: mBoards, key: "writes_per_second", unit: "/s"},
		{label: "deliveries/s", measurement: mBoards, key: "deliveries_per_second", unit: "/s"},
		{label: "server CPU per delivery, all servers", measurement: mBoards, key: "server_cpu_us_per_delivery", unit: "µs"},
		{label: "the same with one tab a session: per mutation", measurement: mAlone, key: "server_cpu_us_per_delivery", unit: "µs"},
		{label: "client CPU per delivery, beside them", measurement: mBoards, key: "client_cpu_us_per_delivery", unit: "µs"},
		{label: "Redis CPU per mutation", measurement: mBoards, key: "redis_cpu_us_per_write", unit: "µs"},
		{label: "Redis commands per mutation", measurement: mBoards, key: "redis_commands_per_write"},
		{label: "sent by Redis per mutation", measurement: mBoards, key: "redis_bytes_per_write", unit: "bytes"},
		{label: "p50 under that load", measurement: mBoards, key: "p50_ms", unit: "ms"},
		{label: "p99 under that load", measurement: mBoards, key: "p99_ms", unit: "ms"},
		{label: "p50 at 500 writes/s", measurement: mPaced, key: "p50_ms", unit: "ms"},
		{label: "p99 at 500 writes/s", measurement: mPaced, key: "p99_ms", unit: "ms"},
		{label: "server CPU per delivery at 500 writes/s", measurement: mPaced, key: "server_cpu_us_per_delivery", unit: "µs"},
		{label: "Redis CPU per mutation at 500 writes/s", measurement: mPaced, key: "redis_cpu_us_per_write", unit: "µs"},
		{label: "writes/s over HTTP" + ofStored, measurement: mWrites, key: "writes_per_second_128", unit: "/s"},
		{label: "Redis CPU per write" + ofStored, measurement: mWrites, key: "redis_cpu_us_per_write_128", unit: "µs"},
		{label: "Redis memory per stored session of 1 KB", measurement: mWrites, key: "redis_memory_per_session", unit: "bytes"},
		{label: "server RSS per idle tab", measurement: idle, key: "rss_per_tab_bytes", unit: "bytes"},
		{label: "server CPU per idle tab and second", measurement: idle, key: "idle_cpu_us_per_tab_second", unit: "µs"},
		{label: "server CPU per tab opened", measurement: idle, key: "open_cpu_us_per_tab", unit: "µs"},
		{label: "Redis memory per idle tab", measurement: idle, key: "redis_memory_per_tab", unit: "bytes"},
		{label: "Redis CPU per tab opened", measurement: idle, key: "redis_cpu_us_per_open", unit: "µs"},
		{label: "Redis commands per tab opened", measurement: idle, key: "redis_commands_per_open"},
		{label: "Redis CPU per idle tab and second", measurement: idle, key: "redis_cpu_us_per_tab_second", unit: "µs"},
		{label: "Redis commands per idle tab and second", measurement: idle, key: "redis_commands_per_tab_second"},
	}
}

// reportNodes writes docs/BENCH-NODES.md.
func (l *lab) reportNodes(w io.Writer) error {
	var b strings.Builder
	fmt.Fprintf(&b, "# Measured: several servers on one Redis\n\n%s, %s. %s.\n", time.Now().Format(time.DateOnly), rig.Machine(), l.howOften())
	if l.quick {
		b.WriteString("**A trial in small, to see that it works: these figures are worth nothing.**\n")
	}
	b.WriteString("**Nobody pinned: the servers, Redis and the client share all cores and take time from each other**, so more servers cannot be faster here. What the\n" +
		"figures tell is what each thing costs. Redis (appendonly yes, appendfsync always) and the embedded store alike have every write on disk before anybody hears of\n" +
		"it. The tabs of a session are spread over all servers. " + mBoards + ", unless the line says otherwise;\n" +
		"seshd ran with " + strings.Join(withoutLimits, " ") + ". Made by `" + l.command("make bench-nodes") + "`.\n\n")
	columns := []string{embedded}
	for _, n := range nodeCounts {
		columns = append(columns, onRedis(n))
	}
	fmt.Fprintf(&b, "| | %s |\n| --- |%s\n", strings.Join(columns, " | "), strings.Repeat(" ---: |", len(columns)))
	for _, r := range l.nodeRows() {
		b.WriteString("| " + r.label)
		for _, column := range columns {
			b.WriteString(" | " + l.cell(r, column))
		}
		b.WriteString(" |\n")
	}
	fmt.Fprintf(&b, "\nIdle: %s tabs, each with its own session, of which nothing was written yet.\n", readableCount(l.idleOnNodes()))
	_, err := io.WriteString(w, b.String())
	return err
}
