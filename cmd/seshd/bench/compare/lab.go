package main

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"time"

	"github.com/seshd/seshd/cmd/seshd/bench"
	"github.com/seshd/seshd/cmd/seshd/bench/rig"
)

// The servers.
const (
	seshd      = "seshd"
	floor      = "floor"
	centrifuge = bench.ProtocolCentrifuge
)

// The cores, where taskset exists: what one side does must not take time from the other.
const (
	serverCore = "0"
	clientCore = "1"
)

// lab starts servers and measures them.
type lab struct {
	options
	dir     string
	taskset string // empty: nobody is pinned
	missing string // a server that could not be built, and is not measured
	results results
}

// results are all values of a figure, by measurement, server and key.
type results map[figure][]float64

type figure struct{ measurement, server, key string }

func (r results) add(measurement, server string, figures map[string]float64) {
	for key, value := range figures {
		f := figure{measurement, server, key}
		r[f] = append(r[f], value)
	}
}

// median of a figure; false where it was not measured.
func (r results) median(measurement, server, key string) (float64, bool) {
	values := slices.Sorted(slices.Values(r[figure{measurement, server, key}]))
	if len(values) == 0 {
		return 0, false
	}
	return (values[(len(values)-1)/2] + values[len(values)/2]) / 2, true
}

// bounds are the least and the most that was measured of a figure.
func (r results) bounds(measurement, server, key string) (least, most float64) {
	values := r[figure{measurement, server, key}]
	if len(values) == 0 {
		return 0, 0
	}
	return slices.Min(values), slices.Max(values)
}

func (l *lab) program(name string) string { return filepath.Join(l.dir, name) }

func (l *lab) pinned(ctx context.Context, core, program string, args ...string) *exec.Cmd {
	if l.taskset == "" {
		return exec.CommandContext(ctx, program, args...)
	}
	return exec.CommandContext(ctx, l.taskset, append([]string{"-c", core, program}, args...)...)
}

// on measures one scenario on a server that was started for it alone, and has an empty disk.
func (l *lab) on(ctx context.Context, server, measurement string, args ...string) error {
	data, err := os.MkdirTemp(l.dir, "data-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(data)
	var serverArgs []string
	if server == seshd {
		serverArgs = append([]string{"--data", data}, withoutLimits...)
	}
	s, err := l.start(ctx, server, filepath.Join(data, "log"), serverArgs...)
	if err != nil {
		return err
	}
	defer s.Kill()
	args = append([]string{args[0], "--json", "--url", s.URL(), "--metrics", s.Metrics()}, args[1:]...)
	if server == centrifuge {
		args = append(args, "--protocol", bench.ProtocolCentrifuge)
	}
	if err := l.run(ctx, server, measurement, args...); err != nil {
		return fmt.Errorf("%w; the server said:\n%s", err, s.Said())
	}
	return nil
}

// start starts a server that logs as verbosely as it ships, and waits until it answers.
func (l *lab) start(ctx context.Context, server, log string, args ...string) (*rig.Server, error) {
	place, err := rig.NewPlace(log)
	if err != nil {
		return nil, err
	}
	return rig.Start(ctx, place, l.pinned(ctx, serverCore, l.program(server), append(place.Args(), args...)...))
}

// withoutLimits are the flags that the loads need. All else is as it ships.
var withoutLimits = []string{"--rate", "0", "--new-sessions", "0", "--max-tabs-per-session", "0"}

// run runs the load generator and keeps what it finds.
func (l *lab) run(ctx context.Context, server, measurement string, args ...string) error {
	fmt.Fprintf(os.Stderr, "%s  %-10s %s\n", time.Now().Format(time.TimeOnly), server, measurement)
	cmd := l.pinned(ctx, clientCore, l.program(seshd), append([]string{"bench"}, args...)...)
	cmd.Stderr = os.Stderr
	out, err := cmd.Output()
	if err != nil {
		return fmt.Errorf("%s, %s: %w", server, measurement, err)
	}
	figures, err := bench.Parse(out)
	if err != nil {
		return err
	}
	if figures["errors"] > 0 {
		return fmt.Errorf("%s, %s: %v frames broke the protocol", server, measurement, figures["errors"])
	}
	l.results.add(measurement, server, figures)
	return nil
}
