package main

import (
	"context"
	"log/slog"
	"os"
)

// onSignals calls stop at the first signal and quit at the second: whoever asks twice will not wait.
// It returns when ctx ends before the first.
func onSignals(ctx context.Context, signals <-chan os.Signal, log *slog.Logger, stop, quit func()) {
	select {
	case <-ctx.Done():
		return
	case first := <-signals:
		log.Info("stopping: closing the tabs; a second signal stops at once", "signal", first.String())
		stop()
	}
	second := <-signals
	log.Warn("stopped at once", "signal", second.String())
	quit()
}
