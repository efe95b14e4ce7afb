package main

import (
	"errors"
	"fmt"
	"net/mail"
	"net/url"
	"regexp"
	"strings"
)

// domains are names that a CA can give certificates for, in lower case.
type domains []string

func (*domains) kind() string            { return "domains" }
func (d *domains) set(text string) error { return d.setItems(splitList(text)) }

// domainName is two labels at least (RFC 1035, 2.3.1); those that are not ASCII are written as xn--….
var domainName = regexp.MustCompile(`^([a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?\.)+[a-z]([a-z0-9-]{0,61}[a-z0-9])?$`)

const maxDomainName = 253

func (d *domains) setItems(items []string) error {
	for _, item := range items {
		switch {
		case strings.HasPrefix(item, "*."):
			return fmt.Errorf("want each name by itself, such as www%s, not %q: certificates for all of them are not given this way", item[1:], item)
		case len(item) > maxDomainName || !domainName.MatchString(item):
			return fmt.Errorf("want domains such as shop.example,www.shop.example, in lower case and without scheme or port, not %q", item)
		}
	}
	*d = items
	return nil
}

// email is an address, or empty.
type email string

func (*email) kind() string { return "address" }

func (e *email) set(text string) error {
	if a, err := mail.ParseAddress(text); text != "" && (err != nil || a.Address != text) {
		return errors.New("want an e-mail address, such as you@shop.example")
	}
	*e = email(text)
	return nil
}

// caURL is the directory of an ACME server (RFC 8555, 7.1.1).
type caURL string

func (*caURL) kind() string { return "URL" }

func (u *caURL) set(text string) error {
	if parsed, err := url.Parse(text); err != nil || parsed.Scheme != "https" || parsed.Host == "" { // ACME is HTTPS only (RFC 8555, 6.1)
		return errors.New("want the https:// URL of an ACME directory, such as https://acme-staging-v02.api.letsencrypt.org/directory")
	}
	*u = caURL(text)
	return nil
}

// fileName tells CAs apart in the file system.
func (u caURL) fileName() string {
	_, rest, _ := strings.Cut(string(u), "://")
	return regexp.MustCompile(`[^a-zA-Z0-9.-]+`).ReplaceAllString(rest, "_")
}
