package main

import (
	"fmt"
	"io"
	"net"
	"strings"
)

// tourPages are what a newcomer opens next, in the order that tells the story.
var tourPages = []struct{ path, does string }{
	{"/shop", "one cart in every tab"},
	{"/", "says hello"},
	{"/cherries", "picks a fruit"},
	{"/blueberries", "picks another"},
	{"/destroy-session", "forgets everything"},
}

// banner greets a person at a terminal: first the page that shows what this is.
func banner(w io.Writer, c config, public net.Addr, color bool) {
	bold, dim, plain := "", "", ""
	if color {
		bold, dim, plain = "\x1b[1m", "\x1b[2m", "\x1b[0m"
	}
	host := browserHost(string(c.addr), public)
	base, socket := "http://"+host, "ws://"+host
	if c.speaksTLS() {
		if len(c.acmeDomains) > 0 { // whose certificate is for no other name
			host = c.acmeDomains[0]
		}
		base, socket = "https://"+host, "wss://"+host
	}
	var b strings.Builder
	switch {
	case bool(c.tour):
		fmt.Fprintf(&b, "  %s%s/live%s\n\n", bold, base, plain)
		width := len(base) + len("/destroy-session")
		for _, page := range tourPages {
			fmt.Fprintf(&b, "  %-*s  %s%s%s\n", width, base+page.path, dim, page.does, plain)
		}
	case c.app.url() != nil:
		fmt.Fprintf(&b, "  %s%s/%s  %sthe app at %s%s\n\n", bold, base, plain, dim, c.app.url(), plain)
	default:
		fmt.Fprintf(&b, "  %s%s/session%s\n\n", bold, base, plain)
	}
	fmt.Fprintf(&b, "  wscat -c %s/ws\n", socket)
	fmt.Fprintf(&b, "\n  %sdata in%s %s\n\n", dim, plain, c.keptIn())
	io.WriteString(w, b.String())
}

// browserHost is how a browser on this machine reaches the listener: by name where it listens on loopback,
// since browsers hold localhost for trustworthy, and with the real port where :0 was asked for.
func browserHost(asked string, public net.Addr) string {
	host, _, _ := net.SplitHostPort(asked)
	_, port, _ := net.SplitHostPort(public.String())
	if ip := net.ParseIP(host); host == "" || ip != nil && (ip.IsUnspecified() || ip.IsLoopback()) {
		host = "localhost"
	}
	return net.JoinHostPort(host, port)
}
