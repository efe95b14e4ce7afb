package main

import (
	"context"
	"fmt"
	"os"
	"os/exec"
)

// build builds the servers. That of Centrifuge is a module of its own, whose requirements may be out of reach: it is left out then.
func (l *lab) build(ctx context.Context) error {
	for _, s := range []struct{ name, source string }{
		{seshd, "./cmd/seshd"},
		{floor, "./cmd/seshd/bench/floor"},
		{centrifuge, "./cmd/seshd/bench/compare/testdata/centrifuge"},
	} {
		build := exec.CommandContext(ctx, "go", "build", "-C", s.source, "-trimpath", "-buildvcs=false", "-o", l.program(s.name), ".")
		build.Env = append(os.Environ(), "CGO_ENABLED=0")
		build.Stderr = os.Stderr
		switch err := build.Run(); {
		case err == nil:
		case s.name == centrifuge && ctx.Err() == nil:
			fmt.Fprintf(os.Stderr, "bench: %s cannot be built (%v): measured without it\n", s.name, err)
			l.missing = s.name
		default:
			return fmt.Errorf("building %s (run this in the checkout, as make bench does): %w", s.name, err)
		}
	}
	return nil
}
