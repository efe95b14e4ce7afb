package main

import (
	"fmt"
	"runtime"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/spf13/cobra"

	"github.com/seshd/seshd/session"
)

func newVersion() *cobra.Command {
	return &cobra.Command{
		Use:   "version",
		Short: "Print which seshd this is",
		Args:  noArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			_, err := fmt.Fprintln(cmd.OutOrStdout(), version())
			return err
		},
	}
}

func version() string {
	return fmt.Sprintf("seshd %s (%s, %s/%s)", session.Release(), runtime.Version(), runtime.GOOS, runtime.GOARCH)
}

// buildInfo shows in metrics which seshd runs.
func buildInfo() prometheus.Collector {
	g := prometheus.NewGauge(prometheus.GaugeOpts{
		Name: "seshd_build_info", Help: "Always 1; the labels say which seshd this is.",
		ConstLabels: prometheus.Labels{"version": session.Release(), "goversion": runtime.Version()},
	})
	g.Set(1)
	return g
}
