package main

import (
	"crypto/tls"
	"fmt"
	"log/slog"
	"os"
	"sync"
	"sync/atomic"
	"time"
)

// certificateCheck is how often the files are looked at, at most: a renewal is served within a second, and a flood of
// handshakes costs no more than two stats in that time.
const certificateCheck = time.Second

// certificate is a pair of files that may be replaced while it is served. It may be used concurrently.
type certificate struct {
	certFile, keyFile string
	log               *slog.Logger
	pair              atomic.Pointer[tls.Certificate]

	mu     sync.Mutex // guards what follows
	loaded stamps     // of the files when they were read last, good or bad
	next   time.Time  // no look at the files before
}

// stamps tell whether a file was replaced.
type stamps [2]struct {
	modified time.Time
	size     int64
}

// tlsConfig is how the public listener speaks TLS; nil: not at all.
func tlsConfig(c config, log *slog.Logger) (*tls.Config, error) {
	if c.tlsCert == "" {
		return nil, nil
	}
	served := &certificate{certFile: string(c.tlsCert), keyFile: string(c.tlsKey), log: log}
	if err := served.load(); err != nil {
		return nil, err
	}
	return &tls.Config{MinVersion: tls.VersionTLS12, GetCertificate: served.get}, nil
}

// get is asked at each handshake. One of them looks at the files, and none waits for it.
func (c *certificate) get(*tls.ClientHelloInfo) (*tls.Certificate, error) {
	if c.mu.TryLock() {
		c.renew(time.Now())
		c.mu.Unlock()
	}
	return c.pair.Load(), nil
}

// renew reads the files again where they were replaced; the caller holds mu. What cannot be served is logged once, and the
// pair there is goes on being served: a renewal replaces one file after the other.
func (c *certificate) renew(now time.Time) {
	if now.Before(c.next) {
		return
	}
	c.next = now.Add(certificateCheck)
	if found, err := c.stamps(); err == nil && found == c.loaded {
		return
	}
	before := c.loaded
	err := c.load()
	switch {
	case err == nil:
		c.log.Info("serving the new certificate", "file", c.certFile)
	case c.loaded != before:
		c.log.Error("the new certificate cannot be served: the old one goes on being served", "error", err)
	}
}

// load reads the pair. The stamps are taken before, so that what is replaced meanwhile is read again.
func (c *certificate) load() error {
	found, err := c.stamps()
	c.loaded = found
	if err != nil {
		return err
	}
	pair, err := tls.LoadX509KeyPair(c.certFile, c.keyFile)
	if err != nil {
		return fmt.Errorf("--%s %s, --%s %s: %w (want a certificate chain and its private key, both PEM)", tlsCertSetting, c.certFile, tlsKeySetting, c.keyFile, err)
	}
	c.pair.Store(&pair)
	return nil
}

func (c *certificate) stamps() (s stamps, err error) {
	for i, file := range []struct{ setting, path string }{{tlsCertSetting, c.certFile}, {tlsKeySetting, c.keyFile}} {
		info, err := os.Stat(file.path)
		if err != nil {
			return stamps{}, fmt.Errorf("--%s: %w", file.setting, err)
		}
		s[i].modified, s[i].size = info.ModTime(), info.Size()
	}
	return s, nil
}
