package main

import (
	"encoding/json"

	"github.com/spf13/cobra"

	"github.com/seshd/seshd/cmd/seshd/bench"
)

// newBenchModel is what needs no server: it reckons.
func newBenchModel(asJSON *bool) *cobra.Command {
	s := bench.DefaultSite()
	cmd := &cobra.Command{
		Use:   "model",
		Short: "Reckon what a deployment on Redis takes, from measured costs; needs no server",
		Example: "  seshd bench model --tabs 1000000 --tabs-per-session 3\n" +
			"  seshd bench model --writes-per-tab 0.1 --cores 8 --memory 3.2e10",
		Args: noArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			plan, err := s.Plan()
			if err != nil {
				return err
			}
			if *asJSON {
				return json.NewEncoder(cmd.OutOrStdout()).Encode(plan.Report())
			}
			return plan.Report().Table(cmd.OutOrStdout())
		},
	}
	flags := cmd.Flags()
	for _, f := range []struct {
		into        *float64
		name, usage string
	}{
		{&s.Tabs, "tabs", "tabs open at once"},
		{&s.TabsPerSession, "tabs-per-session", "of these, tabs of one session"},
		{&s.WritesPerTab, "writes-per-tab", "writes of one tab in a second"},
		{&s.Stay, "stay", "seconds that a tab stays open"},
		{&s.Stored, "stored", "sessions kept for each that has tabs open: who left is kept for --idle-timeout"},
		{&s.SessionBytes, "session-bytes", "size of a session"},
		{&s.ChangeBytes, "change-bytes", "size of what one write changes"},
		{&s.Cores, "cores", "cores of a server"},
		{&s.Memory, "memory", "bytes of memory of a server"},
		{&s.Network, "network", "bits a second of a server or a Redis"},
		{&s.RedisMemory, "redis-memory", "bytes of memory of one Redis, which uses one core"},
		{&s.Use, "use", "part of all that may be used"},
	} {
		flags.Float64Var(f.into, f.name, *f.into, f.usage)
	}
	return cmd
}
