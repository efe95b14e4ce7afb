package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"time"

	"github.com/spf13/cobra"
)

const (
	// healthTimeout is less than the time that a container engine gives a health check.
	healthTimeout = 3 * time.Second
	// maxHealthAnswer is more of an answer than a person reads in a message.
	maxHealthAnswer = 1 << 10
)

func newHealth(environ []string) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "health",
		Short: "Ask a server on this machine whether it is ready; exit 0 if so, else 1",
		Args:  noArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			c, err := load(cmd.Flags(), environ)
			if err != nil {
				return err
			}
			if err := health(cmd.Context(), string(c.internalAddr)); err != nil {
				return err
			}
			_, err = fmt.Fprintln(cmd.OutOrStdout(), "ready")
			return err
		},
	}
	addFlags(cmd.Flags(), internalAddrSetting)
	return cmd
}

// health asks the internal listener at addr, in the form it listens on.
func health(ctx context.Context, addr string) error {
	if addr == "" {
		return errors.New("the internal listener is off (--internal-addr is empty): there is nobody to ask")
	}
	host, port, err := net.SplitHostPort(addr)
	if err != nil {
		return err
	}
	if ip := net.ParseIP(host); host == "" || ip != nil && ip.IsUnspecified() {
		// A server that listens everywhere is asked over loopback, by number: a scratch image has no /etc/hosts of its own.
		host = "127.0.0.1"
		if ip != nil && ip.To4() == nil {
			host = "::1"
		}
	}
	ctx, cancel := context.WithTimeout(ctx, healthTimeout)
	defer cancel()
	url := "http://" + net.JoinHostPort(host, port) + "/readyz"
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return err
	}
	client := http.Client{Transport: &http.Transport{Proxy: nil, DisableKeepAlives: true}} // never by way of HTTP_PROXY
	response, err := client.Do(request)
	if err != nil {
		return fmt.Errorf("not ready: %w (is a server running with --internal-addr %s?)", err, addr)
	}
	defer response.Body.Close()
	if response.StatusCode != http.StatusOK {
		body, _ := io.ReadAll(io.LimitReader(response.Body, maxHealthAnswer))
		return fmt.Errorf("not ready: %s answered %s: %s", url, response.Status, strings.TrimSpace(string(body)))
	}
	return nil
}
