package main

import (
	"context"
	"fmt"
	"os"

	"github.com/seshd/seshd/cmd/seshd/bench/rig"
)

// sources are where the servers are.
var sources = map[string]string{
	seshd:      "./cmd/seshd",
	floor:      "./cmd/seshd/bench/floor",
	centrifuge: "./cmd/seshd/bench/compare/testdata/centrifuge",
}

// build builds the servers. That of Centrifuge is a module of its own, whose requirements may be out of reach: it is left out then.
func (l *lab) build(ctx context.Context, servers ...string) error {
	for _, name := range servers {
		switch err := rig.Build(ctx, sources[name], l.program(name)); {
		case err == nil:
		case name == centrifuge && ctx.Err() == nil:
			fmt.Fprintf(os.Stderr, "bench: %s cannot be built (%v): measured without it\n", name, err)
			l.missing = name
		default:
			return fmt.Errorf("building %s (run this in the checkout, as make bench does): %w", name, err)
		}
	}
	return nil
}
