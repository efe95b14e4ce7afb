package main

import (
	"context"
	"crypto/tls"
	"errors"
	"io"
	"log/slog"
	"net"
	"net/http"
	"os"
	"os/signal"
	"syscall"
	"time"

	"github.com/coreos/go-systemd/v22/activation"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/spf13/cobra"
	"go.opentelemetry.io/otel/trace"

	"github.com/seshd/seshd/session"
	"github.com/seshd/seshd/web"
)

func newServe(environ []string) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "serve",
		Short: "Serve sessions (what seshd does alone)",
		Args:  noArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			c, err := load(cmd.Flags(), environ)
			if err == nil {
				err = c.clashes()
			}
			if err != nil {
				return err
			}
			return serve(cmd.Context(), c, cmd.OutOrStdout(), cmd.ErrOrStderr())
		},
	}
	addFlags(cmd.Flags())
	return cmd
}

// serve runs a server until ctx ends or a signal comes, and tells how it went.
func serve(ctx context.Context, c config, stdout, stderr io.Writer) error {
	format := c.logFormat.on(stderr)
	log := newLogger(stderr, format, c.logLevel)

	ctx, stop := context.WithCancel(ctx)
	defer stop()
	signals := make(chan os.Signal, 2) // the two that onSignals waits for
	signal.Notify(signals, syscall.SIGTERM, os.Interrupt)
	defer signal.Stop(signals)
	go onSignals(ctx, signals, log, stop, func() { os.Exit(1) })
	go tendMemory(ctx)
	profileMutexes()

	err := serveOn(ctx, c, log, func(public, internal net.Listener) {
		greeted := isTerminal(stdout)
		if greeted {
			banner(stdout, c, public.Addr(), colorful(stdout))
		}
		if !greeted || format == formatJSON {
			log.Info("listening", "addr", public.Addr().String(), "internal_addr", addrOf(internal), "data", c.keptIn(), "version", version())
		}
	})
	switch {
	case err == nil:
		log.Info("stopped")
	case format == formatJSON: // whoever collects the log gets this line too, in the same form
		log.Error("failed", "error", err)
		return errLogged
	}
	return err
}

// serveOn wires listeners, store, sessions and web. It calls ready when connections are taken.
func serveOn(ctx context.Context, c config, log *slog.Logger, ready func(public, internal net.Listener)) (err error) {
	tlsConfig, err := tlsConfig(c, log)
	if err != nil {
		return err
	}
	var ca *issuer // nil: certificates come from files, if at all
	if len(c.acmeDomains) > 0 {
		ca = newIssuer(c, log)
		tlsConfig = ca.tlsConfig()
	}
	sockets, err := takeSockets(activation.Files(true))
	if err != nil {
		return err
	}
	if sockets != (given{}) {
		log.Info("took the sockets that were given", "public", addrOf(sockets.public), "internal", addrOf(sockets.internal))
	}
	public, internal, err := listen(ctx, c, sockets)
	if err != nil {
		return err
	}
	defer given{public, internal}.close() // web closes them too; that is no error

	redirect, err := listenForRedirects(ctx, c)
	if err != nil {
		return err
	}
	if redirect != nil {
		defer redirect.Close()
	}

	tracing, stopTracing, err := startTracing(ctx, log)
	if err != nil {
		return err
	}
	defer stopTracing()

	store, err := openStore(ctx, c, log)
	if err != nil {
		return err
	}
	manager := session.NewManager(store, c.managerOptions(log, tracing))
	defer func() { err = errors.Join(err, manager.Close()) }()

	if err := ownSecrets(store, &c, log); err != nil {
		return err
	}
	app := web.New(manager, c.webOptions(log, tlsConfig, store))
	ready(public, internal)
	defer besideHTTPS(ctx, ca, redirect, public.Addr(), log)()
	defer notify(ctx, log, manager.Ready, time.Duration(c.shutdownTimeout))()
	return app.Serve(ctx, public, internal)
}

func (c config) managerOptions(log *slog.Logger, tracing trace.TracerProvider) session.Options {
	return session.Options{
		Lifetime:    time.Duration(c.lifetime),
		IdleTimeout: time.Duration(c.idleTimeout),
		MaxKeys:     c.maxKeys.limit(),
		MaxBytes:    c.maxSessionBytes.limit(),
		MaxTabs:     c.maxTabsPerSession.limit(),
		Rate:        c.rate.limit(),
		Burst:       c.burst.limit(),
		NewSessions: c.newSessions.limit(),
		TabRead:     session.Globs(c.tabRead),
		TabWrite:    session.Globs(c.tabWrite),
		Logger:      log,
		Tracing:     tracing,
	}
}

func (c config) webOptions(log *slog.Logger, tlsConfig *tls.Config, store prometheus.Collector) web.Options {
	return web.Options{
		Secrets:         c.secretKeys,
		APIKeys:         c.apiKeys,
		TrustedProxies:  c.trustedProxies,
		AllowedOrigins:  c.allowedOrigins,
		RequireOrigin:   bool(c.requireOrigin),
		SameSite:        http.SameSite(c.sameSite),
		App:             c.app.url(),
		Tour:            bool(c.tour),
		TLS:             tlsConfig,
		MaxConnections:  int(c.maxConnections),
		MaxMessageBytes: c.maxMessageBytes.limit(),
		CloseIdleTabs:   !bool(c.openTabKeepsAlive),
		ShutdownTimeout: time.Duration(c.shutdownTimeout),
		Collectors:      []prometheus.Collector{store, buildInfo()},
		Logger:          log,
	}
}

func addrOf(l net.Listener) string {
	if l == nil {
		return ""
	}
	return l.Addr().String()
}
