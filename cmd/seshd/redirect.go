package main

import (
	"context"
	"log/slog"
	"net"
	"net/http"
	"strings"
	"sync"
	"time"
)

const (
	redirectWait    = 10 * time.Second // for a request and its answer: both are a few lines
	redirectHeaders = 32 << 10         // of a request: cookies of the site, as the public listener takes them
	httpsPort       = "443"
)

// listenForRedirects opens the listener for plain HTTP beside one that speaks TLS; nil: none is asked for.
func listenForRedirects(ctx context.Context, c config) (net.Listener, error) {
	if c.redirectAddr == "" {
		return nil, nil
	}
	var lc net.ListenConfig
	l, err := lc.Listen(ctx, "tcp", string(c.redirectAddr))
	if err != nil {
		return nil, explain(redirectAddrSetting, string(c.redirectAddr), err)
	}
	return l, nil
}

// besideHTTPS does what is to be done beside a public listener that speaks TLS, until the function that it returns is called.
func besideHTTPS(ctx context.Context, ca *issuer, redirect net.Listener, public net.Addr, log *slog.Logger) (stop func()) {
	ctx, cancel := context.WithCancel(ctx)
	var serving sync.WaitGroup
	if redirect != nil {
		_, port, _ := net.SplitHostPort(public.String())
		var handler http.Handler = redirectTo(port)
		if ca != nil {
			handler = ca.manager.HTTPHandler(handler)
		}
		serving.Go(func() { serveRedirects(ctx, redirect, handler, log) })
	}
	if ca != nil {
		go ca.tend(ctx) // not waited for: a CA may take minutes to answer
	}
	return func() {
		cancel()
		serving.Wait()
	}
}

// serveRedirects serves until ctx is done, and closes the listener.
func serveRedirects(ctx context.Context, l net.Listener, handler http.Handler, log *slog.Logger) {
	server := &http.Server{
		Handler: handler, ReadTimeout: redirectWait, WriteTimeout: redirectWait, IdleTimeout: redirectWait, MaxHeaderBytes: redirectHeaders,
		ErrorLog: slog.NewLogLogger(log.Handler(), slog.LevelInfo),
	}
	stop := context.AfterFunc(ctx, func() { server.Close() })
	defer stop()
	if err := server.Serve(l); ctx.Err() == nil {
		log.Error("plain HTTP is not redirected any more", "addr", l.Addr().String(), "error", err)
	}
}

// redirectTo leads browsers to the listener that speaks TLS at a port. Who came to the usual port of HTTP, and so names none, is
// led to the usual one of HTTPS, whatever the ports are here: something stands between that maps them.
func redirectTo(port string) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		host := r.Host
		if name, asked, err := net.SplitHostPort(r.Host); err == nil {
			host = net.JoinHostPort(name, port)
			if port == httpsPort {
				host = strings.TrimSuffix(r.Host, ":"+asked)
			}
		}
		if r.Method != http.MethodGet && r.Method != http.MethodHead || host == "" {
			http.Error(w, "This is plain HTTP: use https.", http.StatusBadRequest) // led on, a body would have been sent in the clear unnoticed
			return
		}
		http.Redirect(w, r, "https://"+host+r.URL.RequestURI(), http.StatusPermanentRedirect)
	}
}
