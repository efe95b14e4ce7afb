package main

import (
	"context"
	"crypto/tls"
	"log/slog"
	"net"
	"path/filepath"
	"time"

	"golang.org/x/crypto/acme"
	"golang.org/x/crypto/acme/autocert"
)

const (
	// acmeCache is the directory below --data in which each CA has one of its own with the certificates and the account: what
	// was signed by a CA for trials must not be served once the real one is asked.
	acmeCache = "acme"

	// acmeCheck is how often certificates are looked at. One that could not be got is asked for anew: CAs count failures, and
	// Let's Encrypt allows five an hour, to which visitors add.
	acmeCheck = time.Hour

	// acmeLate is the part of a certificate's life that is left when it should long have been renewed: autocert begins at a third.
	acmeLate = 6
)

// issuer gets the certificates of its domains from a CA, and renews them.
type issuer struct {
	manager *autocert.Manager
	domains []string
	log     *slog.Logger

	until map[string]time.Time // which certificates the log has told of; owned by tend
}

func newIssuer(c config, log *slog.Logger) *issuer {
	policy := autocert.HostWhitelist(c.acmeDomains...)
	return &issuer{
		domains: c.acmeDomains, log: log, until: map[string]time.Time{},
		manager: &autocert.Manager{
			Prompt: autocert.AcceptTOS, // as --acme-domain says of itself
			Cache:  autocert.DirCache(filepath.Join(string(c.data), acmeCache, c.acmeDirectory.fileName())),
			Client: &acme.Client{DirectoryURL: string(c.acmeDirectory), UserAgent: "seshd"},
			Email:  string(c.acmeEmail),
			HostPolicy: func(ctx context.Context, host string) error {
				if name, _, err := net.SplitHostPort(host); err == nil { // as a CA writes it that asks at an unusual port
					host = name
				}
				return policy(ctx, host)
			},
		},
	}
}

func (i *issuer) tlsConfig() *tls.Config {
	config := i.manager.TLSConfig()
	config.MinVersion = tls.VersionTLS12
	return config
}

// tend has the certificates there before the first visitor comes, and goes on to tell the log of new ones and of missing ones: autocert
// itself says nothing of a renewal that fails.
func (i *issuer) tend(ctx context.Context) {
	next := time.NewTicker(acmeCheck)
	defer next.Stop()
	for {
		for _, domain := range i.domains {
			i.check(domain)
		}
		select {
		case <-next.C:
		case <-ctx.Done():
			return
		}
	}
}

func (i *issuer) check(domain string) {
	// As a browser of today asks: anybody else gets a certificate with an RSA key, when they come.
	pair, err := i.manager.GetCertificate(&tls.ClientHelloInfo{ServerName: domain, CipherSuites: []uint16{tls.TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256}})
	if err != nil {
		i.log.Error("a domain has no certificate: the CA must be in reach, and find this server at the domain's port 443", "domain", domain, "ca", i.manager.Client.DirectoryURL, "error", err)
		return
	}
	until := pair.Leaf.NotAfter
	switch life := until.Sub(pair.Leaf.NotBefore); {
	case time.Until(until) < life/acmeLate:
		i.log.Error("a domain's certificate is not being renewed: the CA must be in reach, and find this server at the domain's port 443", "domain", domain, "ca", i.manager.Client.DirectoryURL, "until", until)
	case !until.Equal(i.until[domain]):
		i.until[domain] = until
		i.log.Info("serving a certificate", "domain", domain, "until", until)
	}
}
