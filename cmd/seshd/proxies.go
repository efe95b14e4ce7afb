package main

import (
	"fmt"
	"net/netip"
)

// proxies are addresses and ranges of addresses.
type proxies []netip.Prefix

func (*proxies) kind() string            { return "addresses" }
func (p *proxies) set(text string) error { return p.setItems(splitList(text)) }

func (p *proxies) setItems(items []string) error {
	prefixes := make(proxies, 0, len(items))
	for _, item := range items {
		prefix, err := parseProxy(item)
		if err != nil {
			return err
		}
		prefixes = append(prefixes, prefix)
	}
	*p = prefixes
	return nil
}

// parseProxy reads a range, or an address, which is a range of one.
func parseProxy(text string) (netip.Prefix, error) {
	prefix, err := netip.ParsePrefix(text)
	if addr, bare := netip.ParseAddr(text); bare == nil && addr.Zone() == "" {
		prefix, err = netip.PrefixFrom(addr, addr.BitLen()), nil
	}
	if err != nil {
		return prefix, fmt.Errorf("want an IP address or a range, such as 10.0.0.7, 10.0.0.0/8 or fd00::/8, not %q", text)
	}
	const mapped = 96 // the bits before an IPv4 address that is written as one of IPv6
	if prefix.Addr().Is4In6() && prefix.Bits() >= mapped {
		prefix = netip.PrefixFrom(prefix.Addr().Unmap(), prefix.Bits()-mapped)
	}
	if prefix != prefix.Masked() {
		return prefix, fmt.Errorf("%q is an address within a range: want %s for the range, or %s for the address", text, prefix.Masked(), prefix.Addr())
	}
	return prefix, nil
}
