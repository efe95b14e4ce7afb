package web

import (
	"context"
	"net/http"
	"net/netip"
	"slices"
	"strings"
	"sync/atomic"
	"time"

	"github.com/seshd/seshd/session"
)

// peer is who is on the other end of a request, as far as it can be believed.
type peer struct {
	secure bool       // HTTPS, to us or to a proxy that we trust
	addr   netip.Addr // the client's; invalid where a connection has none, as over a Unix socket

	visited session.ID // whose cookie it brought, for the log; set by visit, in the goroutine that serves the request
}

type peerKey struct{}

// withPeer finds out once who a request comes from, and keeps that in its context.
func (a *App) withPeer(r *http.Request) *http.Request {
	if peerIn(r) != nil {
		return r
	}
	p := trustedProxies(a.options.TrustedProxies).peerOf(r)
	if !p.secure {
		a.warnOfUnheardProxy(r)
	}
	return a.withTrace(r.WithContext(context.WithValue(r.Context(), peerKey{}, &p)))
}

// peerIn is who withPeer found; nil: it was not asked, as on the internal listener.
func peerIn(r *http.Request) *peer {
	p, _ := r.Context().Value(peerKey{}).(*peer)
	return p
}

// visited is the session that a request came for, as far as that was found out.
func visited(r *http.Request) session.ID {
	if p := peerIn(r); p != nil {
		return p.visited
	}
	return session.ID{}
}

// isSecure says whether the browser speaks HTTPS, be it to a proxy.
func isSecure(r *http.Request) bool {
	p := peerIn(r)
	return p != nil && p.secure || r.TLS != nil
}

// clientAddr is the address that a request comes from; behind trusted proxies, the one that they saw.
func clientAddr(r *http.Request) netip.Addr {
	if p := peerIn(r); p != nil {
		return p.addr
	}
	return directAddr(r)
}

// clientPrefix is how much of an IPv6 address counts as one client: whoever has one usually has a whole /64 of them.
const clientPrefix = 64

// addressKey is what a limit by address counts under. Requests without an address share a key.
func addressKey(addr netip.Addr) string {
	addr = plainAddr(addr)
	if !addr.Is6() {
		return addr.String()
	}
	prefix, _ := addr.Prefix(clientPrefix) // fails only for more bits than an address has
	return prefix.String()
}

// trustedProxies are believed when they say whom they speak for. Anybody else could say what they like.
type trustedProxies []netip.Prefix

func (t trustedProxies) trust(addr netip.Addr) bool {
	return slices.ContainsFunc(t, func(p netip.Prefix) bool { return p.Contains(addr) })
}

func (t trustedProxies) peerOf(r *http.Request) peer {
	p := peer{secure: r.TLS != nil, addr: directAddr(r)}
	if t.trust(p.addr) {
		p.secure = p.secure || isHTTPS(lastItem(r.Header.Values("X-Forwarded-Proto")))
		p.addr = t.walk(p.addr, r.Header.Values("X-Forwarded-For"))
	}
	return p
}

// walk goes back along X-Forwarded-For as far as trusted proxies wrote it. What stands left of the first address that is not
// trusted was sent by that client, and may be made up; what is no address ends the walk where it is.
func (t trustedProxies) walk(addr netip.Addr, lines []string) netip.Addr {
	rest := strings.Join(lines, ",")
	for rest != "" && t.trust(addr) {
		at := strings.LastIndexByte(rest, ',')
		before, ok := forwardedAddr(strings.TrimSpace(rest[at+1:]))
		if !ok {
			break
		}
		addr, rest = before, rest[:max(at, 0)]
	}
	return addr
}

// forwardedAddr reads an entry of X-Forwarded-For. Some proxies add the port.
func forwardedAddr(text string) (netip.Addr, bool) {
	addr, err := netip.ParseAddr(text)
	if err != nil {
		withPort, err := netip.ParseAddrPort(text)
		if err != nil {
			return netip.Addr{}, false
		}
		addr = withPort.Addr()
	}
	return plainAddr(addr), true
}

func directAddr(r *http.Request) netip.Addr {
	direct, _ := netip.ParseAddrPort(r.RemoteAddr) // a Unix socket has none
	return plainAddr(direct.Addr())
}

// plainAddr makes one form of the forms that an address may come in, so that it can be compared.
func plainAddr(addr netip.Addr) netip.Addr { return addr.Unmap().WithZone("") }

// isHTTPS reads the name of a protocol. Traefik says wss of a WebSocket that came over TLS.
func isHTTPS(proto string) bool {
	return strings.EqualFold(proto, "https") || strings.EqualFold(proto, "wss")
}

// lastItem is what the proxy closest to us wrote into a header that is a list.
func lastItem(lines []string) string {
	if len(lines) == 0 {
		return ""
	}
	last := lines[len(lines)-1]
	return strings.TrimSpace(last[strings.LastIndexByte(last, ',')+1:])
}

// warnOfUnheardProxy tells whoever put a proxy before the server and did not name it: everything would work but
// for a cookie that is not Secure, and origins that do not match.
func (a *App) warnOfUnheardProxy(r *http.Request) {
	forwarded := strings.ToLower(lastItem(r.Header.Values("Forwarded")))
	legacy := isHTTPS(lastItem(r.Header.Values("X-Forwarded-Proto")))
	if !legacy && !strings.Contains(strings.ReplaceAll(forwarded, `"`, ""), "proto=https") || !a.unheard.due(time.Now()) {
		return
	}
	direct := directAddr(r)
	if trustedProxies(a.options.TrustedProxies).trust(direct) {
		a.log.Warn("a trusted proxy says by Forwarded alone that the browser speaks HTTPS: the request is taken as plain HTTP, its cookie is not Secure; "+
			"let the proxy set X-Forwarded-Proto", "peer", direct)
		return
	}
	a.log.Warn("a request says that it came over HTTPS, from a peer that is not trusted: it is taken as plain HTTP, its cookie is not Secure; "+
		"if the peer is your proxy, add its address to --trusted-proxies", "peer", direct)
}

// warnEvery is how often the log repeats what many requests would say: too rarely to fill it, too often to be missed.
const warnEvery = time.Minute

// reminder lets a message through once in warnEvery. Its zero value is ready for the first.
type reminder struct{ next atomic.Int64 }

func (m *reminder) due(now time.Time) bool {
	next := m.next.Load()
	return now.UnixNano() >= next && m.next.CompareAndSwap(next, now.Add(warnEvery).UnixNano())
}
