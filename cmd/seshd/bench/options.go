package bench

import (
	"context"
	"fmt"
	"io"
	"time"
)

// Options say what to do to which server. What a scenario has no use for is not looked at.
type Options struct {
	URLs    []string // of the server, such as http://localhost:8000; of several on one store, over which tabs are spread
	Metrics []string // of the metrics of each; none: nothing is known of their CPU and memory
	Redis   string   // host:port of the one that they share; empty: nothing is known of its CPU and memory

	Protocol string // that the server speaks, one of those named here; empty: seshd's

	Sessions int
	Tabs     int     // of each session
	Writers  int     // writes in flight (closed loop)
	Rate     float64 // writes a second (open loop); 0: closed loop
	For      time.Duration
	Size     int // bytes that a value has beside its number
	Writes   int // how many, where that ends the run and not For

	WriterCounts []int  // of scenario writes: one measurement each
	Program      string // of scenario restart: the seshd to start
}

// Run is one run of a scenario: what it may be told, and where it tells how it goes on.
type Run struct {
	Options
	Progress io.Writer // one line a second; io.Discard for none
}

// A Scenario is what `seshd bench NAME` runs.
type Scenario struct {
	Name     string
	Short    string
	Defaults Options
	Flags    []string // of the fields of Options, which it has a use for
	run      func(context.Context, Run) (*Report, error)
}

// Run runs the scenario.
func (s Scenario) Run(ctx context.Context, r Run) (*Report, error) {
	report, err := s.run(ctx, r)
	if err != nil {
		return nil, fmt.Errorf("bench %s: %w", s.Name, err)
	}
	report.Scenario = s.Name
	return report, nil
}

// Names of flags, which the command and the table below share.
const (
	FlagSessions = "sessions"
	FlagTabs     = "tabs"
	FlagWriters  = "writers"
	FlagRate     = "rate"
	FlagFor      = "for"
	FlagSize     = "size"
	FlagWrites   = "writes"
	FlagProtocol = "protocol"
)

// Scenarios lists what there is; the first is what runs where none is named.
func Scenarios() []Scenario {
	return []Scenario{
		{
			Name: "boards", Short: "many sessions of a few tabs each, all writing",
			Defaults: Options{Sessions: 200, Tabs: 5, Writers: 50, For: 10 * time.Second},
			Flags:    []string{FlagSessions, FlagTabs, FlagWriters, FlagRate, FlagFor, FlagSize, FlagProtocol}, run: boards,
		},
		{
			Name: "idle", Short: "tabs that do nothing: what each costs in memory, and all in CPU",
			Defaults: Options{Sessions: 1000, Tabs: 1, For: 10 * time.Second},
			Flags:    []string{FlagSessions, FlagTabs, FlagFor, FlagProtocol}, run: idle,
		},
		{
			Name: "hot", Short: "one session with very many tabs: how late the last of them is",
			Defaults: Options{Sessions: 1, Tabs: 1000, Rate: 20, For: 10 * time.Second},
			Flags:    []string{FlagTabs, FlagRate, FlagFor, FlagSize, FlagProtocol}, run: boards,
		},
		{
			Name: "slow", Short: "a tab that stops reading: what it costs the server and the other tabs",
			Defaults: Options{Sessions: 1, Tabs: 3, Writers: 8, Writes: 20_000, Size: 800},
			Flags:    []string{FlagTabs, FlagWriters, FlagWrites, FlagSize}, run: slow,
		},
		{
			Name: "writes", Short: "durable writes over HTTP without any tab",
			Defaults: Options{Sessions: 100_000, WriterCounts: []int{1, 16, 128, 1000}, For: 10 * time.Second},
			Flags:    []string{FlagSessions, FlagWriters, FlagFor, FlagSize}, run: writes,
		},
		{
			Name: "restart", Short: "SIGKILL and a new start on many stored sessions, in a process and a directory of its own",
			Defaults: Options{Sessions: 1_000_000, Tabs: 10_000},
			Flags:    []string{FlagSessions, FlagTabs}, run: restart,
		},
	}
}
