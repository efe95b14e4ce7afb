package main

import (
	"context"
	"errors"
	"fmt"
	"net"
	"strconv"
	"syscall"
)

// listen opens the listeners that the server was not given, the internal one only where it has an address. It tries both before it
// fails, so that a second server on a machine hears of both ports at once.
func listen(ctx context.Context, c config, g given) (public, internal net.Listener, err error) {
	var lc net.ListenConfig
	if public = g.public; public == nil {
		if public, err = lc.Listen(ctx, "tcp", string(c.addr)); err != nil {
			err = explain("addr", string(c.addr), err)
		}
	}
	if internal = g.internal; internal == nil && c.internalAddr != "" {
		var internalErr error
		internal, internalErr = lc.Listen(ctx, "tcp", string(c.internalAddr))
		switch {
		case internalErr == nil:
		case public != nil && portOf(public.Addr().String()) == portOf(string(c.internalAddr)):
			err = fmt.Errorf("--addr %s and --%s %s want the same port: give one of them another", c.addr, internalAddrSetting, c.internalAddr)
		default:
			err = errors.Join(err, explain(internalAddrSetting, string(c.internalAddr), internalErr))
		}
	}
	if err != nil {
		given{public, internal}.close()
		return nil, nil, err
	}
	return public, internal, nil
}

// portStep leads from a taken port to the one that is offered instead, well clear of the next port, which
// by default is our own internal one.
const portStep = 10

// explain says what to do about an address that cannot be listened on.
func explain(flag, addr string, err error) error {
	host, _, _ := net.SplitHostPort(addr)
	port := portOf(addr)
	other := port + portStep
	switch {
	case errors.Is(err, syscall.EADDRINUSE):
		if other > 65535 {
			other = port - portStep
		}
		return fmt.Errorf("port %d is taken: choose another with --%s %s", port, flag, net.JoinHostPort(host, strconv.Itoa(other)))
	case errors.Is(err, syscall.EACCES):
		return fmt.Errorf("port %d is not for this user (ports under 1024 need root or CAP_NET_BIND_SERVICE): choose another with --%s %s",
			port, flag, net.JoinHostPort(host, strconv.Itoa(port+8000)))
	case errors.Is(err, syscall.EADDRNOTAVAIL):
		return fmt.Errorf("%s is no address of this machine: choose another with --%s :%d", host, flag, port)
	}
	return fmt.Errorf("--%s %s: %w", flag, addr, err)
}

// portOf returns the number of a port that may be given by name; 0 where there is none.
func portOf(addr string) int {
	_, text, _ := net.SplitHostPort(addr)
	port, _ := net.LookupPort("tcp", text)
	return port
}
