package main

import (
	"strings"

	"github.com/spf13/pflag"
	"golang.org/x/crypto/acme/autocert"
)

// config is what a server is started with.
type config struct {
	addr            address
	internalAddr    optionalAddress
	data            directory
	store           storeURL
	redisWait       replicas
	secretKeys      cookieKeys
	apiKeys         apiKeys
	shutdownTimeout duration

	lifetime          duration
	idleTimeout       duration
	openTabKeepsAlive toggle
	sameSite          sameSite

	tabRead        globs
	tabWrite       globs
	allowedOrigins origins
	requireOrigin  toggle
	trustedProxies proxies
	tlsCert        optionalFile
	tlsKey         optionalFile
	acmeDomains    domains
	acmeEmail      email
	acmeDirectory  caURL
	redirectAddr   optionalAddress

	maxSessionBytes   size
	maxKeys           count
	maxMessageBytes   size
	maxTabsPerSession count
	maxConnections    count
	cacheBytes        size
	rate              count
	burst             count
	newSessions       count

	app       appURL
	tour      toggle
	logFormat logFormat
	logLevel  logLevel
}

// A setting is one row of the table that drives flags, environment, file and help alike.
type setting struct {
	name   string // of the flag and of the key in the file
	def    string
	usage  string
	secret bool // its value is never shown, and may come from a file named by …_FILE
	of     func(*config) value
}

// The settings that code names beside their row.
const (
	internalAddrSetting = "internal-addr"
	dataSetting         = "data"
	apiKeySetting       = "api-key"
	storeSetting        = "store"
	redisWaitSetting    = "redis-wait"
	secretKeySetting    = "secret-key"
	tlsCertSetting      = "tls-cert"
	tlsKeySetting       = "tls-key"
	acmeDomainSetting   = "acme-domain"
	redirectAddrSetting = "redirect-addr"
	tourSetting         = "tour"
)

var settings = []setting{
	{name: "addr", def: ":8000", usage: "public listener", of: func(c *config) value { return &c.addr }},
	{name: internalAddrSetting, def: "127.0.0.1:8001", usage: "listener for the server API, health, metrics, pprof and the question of proxies (/auth); empty: off", of: func(c *config) value { return &c.internalAddr }},
	{name: dataSetting, def: "./data", usage: "where the embedded store keeps sessions, and generated keys", of: func(c *config) value { return &c.data }},
	{name: storeSetting, def: embeddedStore, usage: "embedded, or a Redis for several servers: redis://host:port, rediss:// over TLS, redis://a,b,c a cluster, redis://a,b,c?master=name by sentinels", secret: true, of: func(c *config) value { return &c.store }},
	{name: redisWaitSetting, def: "0", usage: "replicas of the Redis that must have a write before it is acknowledged", of: func(c *config) value { return &c.redisWait }},
	{name: secretKeySetting, usage: "cookie keys, newest first, at least 32 bytes each (default: one generated into --data; needed with Redis)", secret: true, of: func(c *config) value { return &c.secretKeys }},
	{name: apiKeySetting, usage: "keys of the server API (default: one generated into --data; with Redis none)", secret: true, of: func(c *config) value { return &c.apiKeys }},
	{name: "lifetime", def: "30d", usage: "how long a session lives at most", of: func(c *config) value { return &c.lifetime }},
	{name: "idle-timeout", def: "24h", usage: "how long a session lives without activity", of: func(c *config) value { return &c.idleTimeout }},
	{name: "open-tab-keeps-alive", def: "true", usage: "an open tab counts as activity", of: func(c *config) value { return &c.openTabKeepsAlive }},
	{name: "tab-read", def: "*", usage: "keys that tabs may see", of: func(c *config) value { return &c.tabRead }},
	{name: "tab-write", def: "*", usage: "keys that tabs may write", of: func(c *config) value { return &c.tabWrite }},
	{name: "allowed-origins", usage: "other origins whose pages may connect, such as https://shop.example (default: the same host only)", of: func(c *config) value { return &c.allowedOrigins }},
	{name: "require-origin", def: "false", usage: "refuse connections without an Origin, such as a terminal's", of: func(c *config) value { return &c.requireOrigin }},
	{name: "trusted-proxies", usage: "addresses or ranges whose X-Forwarded-For and X-Forwarded-Proto are believed, such as 10.0.0.0/8 (default: none)", of: func(c *config) value { return &c.trustedProxies }},
	{name: tlsCertSetting, usage: "certificate chain, PEM: the public listener speaks HTTPS; read again when it changes", of: func(c *config) value { return &c.tlsCert }},
	{name: tlsKeySetting, usage: "its private key, PEM", of: func(c *config) value { return &c.tlsKey }},
	{name: acmeDomainSetting, usage: "domains, such as shop.example, for which to get certificates, and renew them, from a CA whose terms are accepted by this: the public listener speaks HTTPS", of: func(c *config) value { return &c.acmeDomains }},
	{name: "acme-email", usage: "whom that CA may write to", of: func(c *config) value { return &c.acmeEmail }},
	{name: "acme-directory", def: autocert.DefaultACMEDirectory, usage: "that CA: the directory of its ACME server", of: func(c *config) value { return &c.acmeDirectory }},
	{name: redirectAddrSetting, usage: "listener for plain HTTP, such as :80, that leads browsers to HTTPS and answers the CA (default: none)", of: func(c *config) value { return &c.redirectAddr }},
	{name: "cache-bytes", def: "128MiB", usage: "memory for the sessions that were written last; 0: none", of: func(c *config) value { return &c.cacheBytes }},
	{name: "max-session-bytes", def: "64KiB", usage: "keys and values of one session; 0: no limit", of: func(c *config) value { return &c.maxSessionBytes }},
	{name: "max-keys", def: "1024", usage: "keys of one session; 0: no limit", of: func(c *config) value { return &c.maxKeys }},
	{name: "max-message-bytes", def: "64KiB", usage: "one message of a tab; 0: no limit", of: func(c *config) value { return &c.maxMessageBytes }},
	{name: "max-tabs-per-session", def: "64", usage: "tabs open at once on one session; 0: no limit", of: func(c *config) value { return &c.maxTabsPerSession }},
	{name: "max-connections", def: "0", usage: "connections of the public listener; 0: no limit", of: func(c *config) value { return &c.maxConnections }},
	{name: "rate", def: "200", usage: "mutations a second of one session; 0: no limit", of: func(c *config) value { return &c.rate }},
	{name: "burst", def: "1000", usage: "mutations of one session at once, before --rate holds; 0: no limit", of: func(c *config) value { return &c.burst }},
	{name: "new-sessions", def: "20", usage: "sessions a second that one address (of IPv6, one /64) may begin to write; 0: no limit", of: func(c *config) value { return &c.newSessions }},
	{name: "app", usage: "URL of your app, such as http://127.0.0.1:3000: what is not seshd's own is proxied to it", of: func(c *config) value { return &c.app }},
	{name: tourSetting, def: "true", usage: "the routes of the tour (/, /cherries, /blueberries, /destroy-session) and the live view; off with --app, TLS or Redis unless asked for", of: func(c *config) value { return &c.tour }},
	{name: "cookie-samesite", def: "lax", usage: "SameSite of the cookie; none needs HTTPS", of: func(c *config) value { return &c.sameSite }},
	{name: "log-format", def: formatAuto, usage: "auto is text on a terminal, else json", of: func(c *config) value { return &c.logFormat }},
	{name: "log-level", def: "info", usage: "debug, info, warn or error; debug shows each write", of: func(c *config) value { return &c.logLevel }},
	{name: "shutdown-timeout", def: "25s", usage: "how long a stop may take to close the tabs", of: func(c *config) value { return &c.shutdownTimeout }},
}

// tourByDefault says whether a server that was not asked about the tour has it: it writes on GET, which is for a server of
// one's own, and its paths are those that an app would have.
func tourByDefault(c config) toggle {
	return toggle(c.app.url() == nil && !c.speaksTLS() && !c.store.shared())
}

// speaksTLS says whether the public listener does.
func (c *config) speaksTLS() bool { return c.tlsCert != "" || len(c.acmeDomains) > 0 }

// configFlag names the YAML file. It is no setting: a file cannot name another one.
const configFlag = "config"

const envPrefix = "SESHD_"

// envFile ends the variable that names a file with a secret in it, as Docker and Kubernetes mount them.
const envFile = "_FILE"

func envName(name string) string {
	return envPrefix + strings.ToUpper(strings.ReplaceAll(name, "-", "_"))
}

// addFlags gives a command the flags of the settings named (all, if none is) and --config.
func addFlags(flags *pflag.FlagSet, names ...string) {
	flags.SortFlags = false // the table's order: what a newcomer needs first
	wanted := map[string]bool{}
	for _, name := range names {
		wanted[name] = true
	}
	for _, s := range settings {
		if len(names) > 0 && !wanted[s.name] {
			continue
		}
		v := s.of(new(config))
		_, list := v.(listValue)
		f := flags.VarPF(&flagText{kind: v.kind(), text: s.def, list: list}, s.name, "", s.usage)
		if _, ok := v.(*toggle); ok {
			f.NoOptDefVal = "true"
		}
	}
	flags.Var(&flagText{kind: "file"}, configFlag, "YAML file of these settings; flags and "+envPrefix+"… variables beat it")
}

// flagText keeps a flag as it was written. The loader reads it, so that a value is judged by the same
// words whether it came from a flag, the environment or the file.
type flagText struct {
	kind, text string
	list, set  bool
}

func (f *flagText) String() string { return f.text }
func (f *flagText) Type() string   { return f.kind }

// Set adds to a list when the flag is given again, and replaces anything else.
func (f *flagText) Set(text string) error {
	if f.list && f.set && text != "" {
		text = f.text + "," + text
	}
	f.text, f.set = text, true
	return nil
}
