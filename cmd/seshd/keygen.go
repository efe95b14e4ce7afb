package main

import (
	"fmt"

	"github.com/spf13/cobra"

	"github.com/seshd/seshd/session/pebblestore"
)

func newKeygen() *cobra.Command {
	return &cobra.Command{
		Use:   "keygen",
		Short: "Print a fresh secret for --secret-key or --api-key",
		Args:  noArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			_, err := fmt.Fprintln(cmd.OutOrStdout(), pebblestore.NewSecret())
			return err
		},
	}
}
