package main

import (
	"context"
	"fmt"
	"log/slog"
	"os"
	"strings"
	"time"

	"github.com/coreos/go-systemd/v22/daemon"
)

const (
	// askAgain is how soon a store that does not answer is asked again, and askWait how long one question may take.
	askAgain = 100 * time.Millisecond
	askWait  = time.Second

	// statusEvery is how old the status may be where no watchdog asks more often.
	statusEvery = 5 * time.Second

	// closeWait is what a stop may take beyond the shutdown time-out: to close the store, which writes out what is in memory.
	closeWait = 10 * time.Second

	// lastWord is how long a stop waits for somebody who does not take its last message.
	lastWord = time.Second
)

// notify tells whoever started the server how it is, where that has asked for it (systemd's sd_notify(3)): READY when /readyz says so, since
// nothing drains yet; to the watchdog that it lives, while the store answers; and that it stops, when ctx ends. Since a drain may take
// longer than the watchdog waits, this goes on until end is called.
func notify(ctx context.Context, log *slog.Logger, answers func(context.Context) error, shutdown time.Duration) (end func()) {
	if os.Getenv("NOTIFY_SOCKET") == "" {
		return func() {}
	}
	watchdog, err := daemon.SdWatchdogEnabled(false)
	if err != nil {
		log.Warn("the watchdog will hear nothing", "error", err)
	}
	n := &notifier{log: log, answers: answers, watchdog: watchdog, shutdown: shutdown}
	reporting, cancel := context.WithCancel(context.WithoutCancel(ctx))
	done := make(chan struct{})
	go func() {
		defer close(done)
		n.run(reporting, ctx)
	}()
	return func() {
		cancel()
		select {
		case <-done:
		case <-time.After(lastWord):
		}
	}
}

// notifier is what run needs and owns.
type notifier struct {
	log      *slog.Logger
	answers  func(context.Context) error // nil: the store does
	watchdog time.Duration               // 0: there is none
	shutdown time.Duration

	status string // told last
	failed bool   // somebody should have been told, and could not
}

// run reports until ctx ends; serving ends when the server begins to stop.
func (n *notifier) run(ctx, serving context.Context) {
	for stop := serving.Done(); ; {
		err := n.ask(ctx)
		if serving.Err() == nil {
			n.tellStatus(err)
		}
		pause := statusEvery
		switch {
		case err != nil:
			pause = askAgain // so that one question without an answer does not use up the watchdog's patience
		case n.watchdog > 0:
			pause = n.watchdog / 2
			n.tell(daemon.SdNotifyWatchdog)
		}
		select {
		case <-ctx.Done():
		case <-stop:
		case <-time.After(pause):
		}
		if stop != nil && serving.Err() != nil {
			stop = nil
			n.tell(daemon.SdNotifyStopping,
				fmt.Sprintf("STATUS=sending the tabs away, within %v", n.shutdown),
				fmt.Sprintf("EXTEND_TIMEOUT_USEC=%d", (n.shutdown+closeWait).Microseconds()))
		}
		if ctx.Err() != nil {
			return
		}
	}
}

func (n *notifier) ask(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, askWait)
	defer cancel()
	return n.answers(ctx)
}

// tellStatus tells what has changed.
func (n *notifier) tellStatus(err error) {
	status, lines := "ready", []string{daemon.SdNotifyReady}
	if err != nil {
		status, lines = "not ready: "+strings.ReplaceAll(err.Error(), "\n", "; "), nil
	}
	if status != n.status {
		n.status = status
		n.tell(append(lines, "STATUS="+status)...)
	}
}

// tell sends one message of some lines. A server goes on that nobody listens to.
func (n *notifier) tell(lines ...string) {
	if _, err := daemon.SdNotify(false, strings.Join(lines, "\n")); err != nil && !n.failed {
		n.failed = true
		n.log.Warn("who started the server cannot be told how it is", "error", err)
	}
}
