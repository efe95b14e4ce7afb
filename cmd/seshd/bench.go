package main

import (
	"encoding/json"
	"fmt"
	"io"
	"os"
	"os/signal"

	"github.com/spf13/cobra"

	"github.com/seshd/seshd/cmd/seshd/bench"
)

const benchLong = `bench drives a running server over the public protocol and says what it did: writes and deliveries a
second (a delivery is one change frame that reached one tab), latency, and with --metrics the server's CPU and memory.
Without a scenario it runs boards. It writes to sessions of its own.

Most scenarios need a server without limits:
  seshd --rate 0 --new-sessions 0 --max-tabs-per-session 0`

// newBench is the load generator: a command for each scenario, the first of them the default.
func newBench() *cobra.Command {
	var o bench.Options
	var asJSON bool
	scenarios := bench.Scenarios()
	cmd := newScenario(scenarios[0], &o, &asJSON)
	cmd.Use, cmd.Short, cmd.Long = "bench", "Load a running server, and measure it", benchLong
	cmd.Example = "  seshd bench --metrics http://127.0.0.1:8001/metrics\n  seshd bench --rate 500 --json\n  seshd bench hot --tabs 1000"
	cmd.Args = func(cmd *cobra.Command, args []string) error {
		if len(args) == 0 {
			return nil
		}
		names := []string{}
		for _, c := range cmd.Commands() {
			names = append(names, c.Name())
		}
		return fmt.Errorf("unknown scenario %q: the nearest is %q (%s --help lists them)", args[0], nearest(args[0], names), cmd.CommandPath())
	}
	shared := cmd.PersistentFlags()
	shared.StringSliceVar(&o.URLs, "url", []string{"http://localhost:8000"}, "server to load; or several on one store, over which the tabs are spread")
	shared.StringSliceVar(&o.Metrics, "metrics", nil, "where the metrics of each are, such as http://127.0.0.1:8001/metrics (default: CPU and memory are not looked at)")
	shared.StringVar(&o.Redis, "redis", "", "host:port of the Redis that they share, of which INFO is read (default: its CPU and memory are not looked at)")
	shared.BoolVar(&asJSON, "json", false, "print one JSON object")
	for _, s := range scenarios {
		cmd.AddCommand(newScenario(s, &o, &asJSON))
	}
	cmd.AddCommand(newBenchModel(&asJSON))
	return cmd
}

// newScenario makes a command with the flags that its scenario has a use for. shared has what is given to all.
func newScenario(s bench.Scenario, shared *bench.Options, asJSON *bool) *cobra.Command {
	o := s.Defaults
	fill := ""
	cmd := &cobra.Command{
		Use:   s.Name,
		Short: s.Short,
		Args:  noArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if fill != "" {
				return bench.Fill(fill, o.Sessions, cmd.InOrStdin(), cmd.OutOrStdout(), cmd.ErrOrStderr())
			}
			o.URLs, o.Metrics, o.Redis = shared.URLs, shared.Metrics, shared.Redis
			return runBench(cmd, s, o, *asJSON)
		},
	}
	flags := cmd.Flags()
	for _, name := range s.Flags {
		switch name {
		case bench.FlagSessions:
			flags.IntVar(&o.Sessions, name, o.Sessions, "sessions")
		case bench.FlagTabs:
			flags.IntVar(&o.Tabs, name, o.Tabs, "tabs of each session")
		case bench.FlagWriters:
			if len(o.WriterCounts) > 0 {
				flags.IntSliceVar(&o.WriterCounts, name, o.WriterCounts, "writers at once, each with one write under way; one measurement for each number")
				break
			}
			flags.IntVar(&o.Writers, name, o.Writers, "closed loop: writes in flight")
		case bench.FlagRate:
			flags.Float64Var(&o.Rate, name, o.Rate, "open loop: writes a second, whatever the server does; 0: closed loop")
		case bench.FlagFor:
			flags.DurationVar(&o.For, name, o.For, "how long it is measured")
		case bench.FlagSize:
			flags.IntVar(&o.Size, name, o.Size, "bytes that a value has beside its number")
		case bench.FlagWrites:
			flags.IntVar(&o.Writes, name, o.Writes, "how many writes")
		case bench.FlagProtocol:
			flags.StringVar(&o.Protocol, name, bench.ProtocolSeshd, "what the server speaks: "+bench.ProtocolSeshd+" or "+bench.ProtocolCentrifuge)
			_ = flags.MarkHidden(name) // make bench has a use for it; it is defined one line above
		}
	}
	if s.Name == "restart" {
		flags.StringVar(&fill, "fill", "", "store the sessions here and wait to be killed")
		_ = flags.MarkHidden("fill") // how the scenario calls itself; it is defined one line above
	}
	return cmd
}

func runBench(cmd *cobra.Command, s bench.Scenario, o bench.Options, asJSON bool) error {
	ctx, stop := signal.NotifyContext(cmd.Context(), os.Interrupt)
	defer stop()
	program, err := os.Executable()
	if err != nil {
		return err
	}
	o.Program = program
	run := bench.Run{Options: o, Progress: io.Discard}
	if stderr := cmd.ErrOrStderr(); isTerminal(stderr) {
		run.Progress = stderr
	}
	report, err := s.Run(ctx, run)
	if err != nil {
		return err
	}
	if asJSON {
		return json.NewEncoder(cmd.OutOrStdout()).Encode(report)
	}
	return report.Table(cmd.OutOrStdout())
}
