package main

import (
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/spf13/pflag"
)

// loadWith reads settings the way serve does.
func loadWith(t *testing.T, args, environ []string) (config, error) {
	t.Helper()
	flags := pflag.NewFlagSet("serve", pflag.ContinueOnError)
	addFlags(flags)
	if err := flags.Parse(args); err != nil {
		t.Fatal(err)
	}
	return load(flags, environ)
}

func writeFile(t *testing.T, name, text string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), name)
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

func equal(t *testing.T, got, want any) {
	t.Helper()
	if diff := cmp.Diff(want, got, cmp.AllowUnexported(config{})); diff != "" {
		t.Errorf("(-want +got)\n%s", diff)
	}
}

func TestDefaults(t *testing.T) {
	got, err := loadWith(t, nil, []string{"PATH=/bin", "HOME=/"})
	if err != nil {
		t.Fatal(err)
	}
	equal(t, got, config{
		addr: ":8000", internalAddr: "127.0.0.1:8001", data: "./data",
		lifetime: duration(30 * 24 * time.Hour), idleTimeout: duration(24 * time.Hour), openTabKeepsAlive: true,
		tabRead: globs{"*"}, tabWrite: globs{"*"}, allowedOrigins: origins{}, trustedProxies: proxies{},
		acmeDomains: domains{}, acmeDirectory: "https://acme-v02.api.letsencrypt.org/directory",
		cacheBytes: 128 << 20, maxSessionBytes: 64 << 10, maxKeys: 1024, maxMessageBytes: 64 << 10, maxTabsPerSession: 64, rate: 200, burst: 1000, newSessions: 20,
		tour: true, sameSite: sameSite(http.SameSiteLaxMode),
		logFormat: formatAuto, shutdownTimeout: duration(25 * time.Second),
	})
}

func TestFlagBeatsEnvironmentBeatsFile(t *testing.T) {
	file := writeFile(t, "seshd.yaml", "max-keys: 3\nmax-tabs-per-session: 3\ntour: false\nidle-timeout: 3h\ntab-read: [cart, 'draft.*']\n")
	got, err := loadWith(t, []string{"--max-keys=1", "--config", file},
		[]string{"SESHD_MAX_KEYS=2", "SESHD_MAX_TABS_PER_SESSION=2"})
	if err != nil {
		t.Fatal(err)
	}
	equal(t, []count{got.maxKeys, got.maxTabsPerSession}, []count{1, 2})
	equal(t, got.idleTimeout, duration(3*time.Hour))
	equal(t, got.tour, toggle(false))
	equal(t, got.tabRead, globs{"cart", "draft.*"})
	equal(t, got.tabWrite, globs{"*"})

	// The file may be named by the environment, and a flag beats that as well.
	got, err = loadWith(t, nil, []string{"SESHD_CONFIG=" + file})
	if err != nil {
		t.Fatal(err)
	}
	equal(t, got.maxKeys, count(3))
	got, err = loadWith(t, []string{"--config", writeFile(t, "other.yaml", "max-keys: 4")}, []string{"SESHD_CONFIG=" + file})
	if err != nil {
		t.Fatal(err)
	}
	equal(t, got.maxKeys, count(4))
}

func TestValues(t *testing.T) {
	got, err := loadWith(t, []string{
		"--internal-addr=", "--lifetime=1d12h", "--idle-timeout=2s", "--max-keys=0", "--max-session-bytes=1 MiB",
		"--max-message-bytes=65536", "--tab-read=cart, draft.*", "--tab-write=", "--tour=false", "--require-origin",
		"--allowed-origins=https://shop.example", "--allowed-origins=http://localhost:5173", "--cookie-samesite=none", "--log-level=debug",
		"--acme-domain=shop.example,www.shop.example", "--acme-domain=xn--kirsche-cherry.example", "--acme-email=",
	}, nil)
	if err != nil {
		t.Fatal(err)
	}
	equal(t, got.internalAddr, optionalAddress(""))
	equal(t, got.lifetime, duration(36*time.Hour))
	equal(t, got.idleTimeout, duration(2*time.Second))
	equal(t, got.maxKeys.limit(), -1)
	equal(t, []size{got.maxSessionBytes, got.maxMessageBytes}, []size{1 << 20, 1 << 16})
	equal(t, got.tabRead, globs{"cart", "draft.*"})
	equal(t, got.tabWrite, globs{}) // not nil, which would be the packages' default: tabs may write nothing
	equal(t, got.tour, toggle(false))
	equal(t, got.requireOrigin, toggle(true))
	equal(t, got.allowedOrigins, origins{"https://shop.example", "http://localhost:5173"})
	equal(t, got.sameSite, sameSite(http.SameSiteNoneMode))
	equal(t, got.acmeDomains, domains{"shop.example", "www.shop.example", "xn--kirsche-cherry.example"})
	equal(t, got.acmeDirectory.fileName(), "acme-v02.api.letsencrypt.org_directory")
}

func TestBadValuesNameFlagValueAndWhatIsWanted(t *testing.T) {
	for _, test := range []struct {
		args, environ []string
		yaml          string
		want          []string
	}{
		{args: []string{"--addr=8000"}, want: []string{`--addr: "8000"`, ":8000"}},
		{args: []string{"--addr=:70000"}, want: []string{`--addr: ":70000"`, "host:port"}},
		{args: []string{"--addr="}, want: []string{`--addr: ""`, "host:port"}},
		{args: []string{"--lifetime=soon"}, want: []string{`--lifetime: "soon"`, "720h"}},
		{args: []string{"--lifetime=0s"}, want: []string{`--lifetime: "0s"`, "over 0"}},
		{args: []string{"--lifetime=-1h"}, want: []string{`--lifetime: "-1h"`}},
		{args: []string{"--lifetime=200000d"}, want: []string{`--lifetime: "200000d"`}},
		{args: []string{"--max-keys=-1"}, want: []string{`--max-keys: "-1"`, "0 for no limit"}},
		{args: []string{"--max-session-bytes=64KB"}, want: []string{`--max-session-bytes: "64KB"`, "64KiB"}},
		{args: []string{"--max-session-bytes=4096MiB"}, want: []string{`--max-session-bytes: "4096MiB"`, "at most"}},
		{args: []string{"--tour=maybe"}, want: []string{`--tour: "maybe"`, "true or false"}},
		{args: []string{"--tab-read=a,,b"}, want: []string{`--tab-read: "a,,b"`, "empty"}},
		{args: []string{"--allowed-origins=shop.example"}, want: []string{"--allowed-origins", `"shop.example"`, "scheme://host"}},
		{args: []string{"--allowed-origins=*"}, want: []string{"--allowed-origins", "scheme://host"}},
		{args: []string{"--allowed-origins=https://shop.example/"}, want: []string{"--allowed-origins", "without a path"}},
		{args: []string{"--allowed-origins=https://shop.example:443"}, want: []string{"--allowed-origins", "without the port"}},
		{args: []string{"--acme-domain=https://shop.example"}, want: []string{"--acme-domain", "without scheme or port"}},
		{args: []string{"--acme-domain=shop.example,localhost"}, want: []string{`not "localhost"`}},
		{args: []string{"--acme-domain=127.0.0.1"}, want: []string{`not "127.0.0.1"`}},
		{args: []string{"--acme-domain=*.shop.example"}, want: []string{"such as www.shop.example"}},
		{args: []string{"--acme-email=You <you@shop.example>"}, want: []string{"--acme-email", "you@shop.example"}},
		{args: []string{"--acme-directory=http://ca.example/dir"}, want: []string{"--acme-directory", "want the https:// URL"}},
		{args: []string{"--trusted-proxies=proxy.example"}, want: []string{`--trusted-proxies: "proxy.example"`, "10.0.0.0/8", `not "proxy.example"`}},
		{args: []string{"--trusted-proxies=10.0.0.1,10.0.0.0/33"}, want: []string{`not "10.0.0.0/33"`}},
		{args: []string{"--trusted-proxies=10.0.0.1/8"}, want: []string{"want 10.0.0.0/8 for the range, or 10.0.0.1 for the address"}},
		{args: []string{"--trusted-proxies=fe80::1%eth0"}, want: []string{"want an IP address"}},
		{args: []string{"--trusted-proxies=10.0.0.1,"}, want: []string{`not ""`}},
		{args: []string{"--max-connections=-1"}, want: []string{`--max-connections: "-1"`, "0 for no limit"}},
		{args: []string{"--cookie-samesite=loose"}, want: []string{`--cookie-samesite: "loose"`, "lax, strict or none"}},
		{args: []string{"--log-format=xml"}, want: []string{`--log-format: "xml"`, "auto, text or json"}},
		{args: []string{"--log-level=loud"}, want: []string{`--log-level: "loud"`, "debug, info, warn or error"}},
		{args: []string{"--config=/none/seshd.yaml"}, want: []string{"--config /none/seshd.yaml", "no such file"}},
		{environ: []string{"SESHD_MAX_KEYS=many"}, want: []string{"--max-keys (from SESHD_MAX_KEYS)", `"many"`}},
		{environ: []string{"SESHD_ADRR=:8000"}, want: []string{"SESHD_ADRR", "nearest is SESHD_ADDR"}},
		{environ: []string{"SESHD_API_KEY_FIL=x"}, want: []string{"SESHD_API_KEY_FIL", "nearest is SESHD_API_KEY_FILE"}},
		{environ: []string{"SESHD_PORT=9000"}, want: []string{"SESHD_PORT is no setting"}},
		{yaml: "max-keyz: 3", want: []string{`"max-keyz"`, `nearest is "max-keys"`}},
		{yaml: "internal_addr: ':1'", want: []string{`"internal_addr"`, `nearest is "internal-addr"`}},
		{yaml: "config: other.yaml", want: []string{`"config" is no setting`}},
		{yaml: "max-keys: many", want: []string{"--max-keys (from ", "seshd.yaml)", `"many"`}},
		{yaml: "max-keys:", want: []string{"max-keys has no value"}},
		{yaml: "max-keys: [1]", want: []string{"--max-keys", "not a list"}},
		{yaml: "max-keys: {a: 1}", want: []string{"--max-keys", "not a map"}},
		{yaml: "tab-read: [cart, 1]", want: []string{"--tab-read", "quotes as item 2"}},
		{yaml: "tab-read: 0123", want: []string{"--tab-read", "quotes"}},
		{yaml: "- max-keys", want: []string{"seshd.yaml"}},
		{yaml: "max-keys: 1\nmax-keys: 2", want: []string{"seshd.yaml", "max-keys"}},
	} {
		args := test.args
		if test.yaml != "" {
			args = append(args, "--config="+writeFile(t, "seshd.yaml", test.yaml))
		}
		_, err := loadWith(t, args, test.environ)
		if err == nil {
			t.Errorf("%q %q %q: no error", test.args, test.environ, test.yaml)
			continue
		}
		for _, want := range test.want {
			if !strings.Contains(err.Error(), want) {
				t.Errorf("%q %q %q: %q lacks %q", test.args, test.environ, test.yaml, err, want)
			}
		}
	}
}

func TestAllMistakesAreNamedAtOnce(t *testing.T) {
	_, err := loadWith(t, []string{"--max-keys=many", "--log-level=loud"}, []string{"SESHD_ADRR=x"})
	for _, want := range []string{"--max-keys", "--log-level", "SESHD_ADRR"} {
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%v lacks %s", err, want)
		}
	}
}

const (
	cherryKey = "cherry-cherry-cherry-cherry-cherry"
	plumKey   = "plum-plum-plum-plum-plum-plum-plum"
)

func TestSecrets(t *testing.T) {
	file := writeFile(t, "keys", cherryKey+"\n"+plumKey+"\n")
	for name, test := range map[string]struct {
		args, environ []string
		want          cookieKeys
	}{
		"flag":      {args: []string{"--secret-key=" + cherryKey + "," + plumKey}, want: cookieKeys{cherryKey, plumKey}},
		"variable":  {environ: []string{"SESHD_SECRET_KEY=" + plumKey}, want: cookieKeys{plumKey}},
		"file":      {environ: []string{"SESHD_SECRET_KEY_FILE=" + file}, want: cookieKeys{cherryKey, plumKey}},
		"flag wins": {args: []string{"--secret-key=" + plumKey}, environ: []string{"SESHD_SECRET_KEY_FILE=" + file}, want: cookieKeys{plumKey}},
		"yaml":      {args: []string{"--config=" + writeFile(t, "seshd.yaml", "secret-key: ["+cherryKey+"]")}, want: cookieKeys{cherryKey}},
		"none":      {want: nil},
	} {
		t.Run(name, func(t *testing.T) {
			got, err := loadWith(t, test.args, test.environ)
			if err != nil {
				t.Fatal(err)
			}
			equal(t, got.secretKeys, test.want)
		})
	}
}

func TestBadSecretsAreRefusedAndNeverShown(t *testing.T) {
	const short = "sour-cherry"
	for name, test := range map[string]struct {
		args, environ []string
		want          string
	}{
		"short":         {args: []string{"--secret-key=" + short}, want: "want at least 32"},
		"second short":  {environ: []string{"SESHD_SECRET_KEY=" + cherryKey + "," + short}, want: "key 2 of 2 has 11 bytes"},
		"short in yaml": {args: []string{"--config=" + writeFile(t, "seshd.yaml", "secret-key: "+short)}, want: "key 1 of 1"},
		"short in file": {environ: []string{"SESHD_SECRET_KEY_FILE=" + writeFile(t, "key", short)}, want: "SESHD_SECRET_KEY_FILE"},
		"empty":         {environ: []string{"SESHD_SECRET_KEY="}, want: "empty"},
		"empty flag":    {args: []string{"--api-key="}, want: "empty"},
		"empty file":    {environ: []string{"SESHD_API_KEY_FILE=" + writeFile(t, "key", "\n")}, want: "empty"},
		"no such file":  {environ: []string{"SESHD_API_KEY_FILE=/none/key"}, want: "no such file"},
		"twice":         {environ: []string{"SESHD_API_KEY=" + short, "SESHD_API_KEY_FILE=/none/key"}, want: "both set"},
		"empty item":    {args: []string{"--api-key=" + short + ","}, want: "key 2 of 2 is empty"},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := loadWith(t, test.args, test.environ)
			if err == nil || !strings.Contains(err.Error(), test.want) {
				t.Fatalf("%v, want %q in it", err, test.want)
			}
			for _, secret := range []string{short, cherryKey} {
				if strings.Contains(err.Error(), secret) {
					t.Errorf("shows a secret: %v", err)
				}
			}
		})
	}
}

func TestOtherProgramsVariablesAreLeftAlone(t *testing.T) {
	_, err := loadWith(t, nil, []string{
		"SESHD_SERVICE_HOST=10.0.0.1", "SESHD_SERVICE_PORT=8000", "SESHD_SERVICE_PORT_HTTP=8000",
		"SESHD_PORT=tcp://10.0.0.1:8000", "SESHD_PORT_8000_TCP=tcp://10.0.0.1:8000", "SESHD_PORT_8000_TCP_ADDR=10.0.0.1",
		"SESHD_PORT_8000_TCP_PORT=8000", "SESHD_PORT_8000_TCP_PROTO=tcp", "SESHD_INTERNAL_SERVICE_HOST=10.0.0.2",
		"SESHD_INTERNAL_PORT=tcp://10.0.0.2:8001", "SESHD_PROVE=1", "SESHD_WSCAT=/bin/wscat",
	})
	if err != nil {
		t.Error(err)
	}
}

func TestEdits(t *testing.T) {
	for _, test := range []struct {
		a, b string
		want int
	}{{"", "", 0}, {"plum", "plum", 0}, {"", "plum", 4}, {"plum", "", 4}, {"cherry", "sherry", 1}, {"plum", "plums", 1}, {"kitten", "sitting", 3}} {
		if got := edits(test.a, test.b); got != test.want {
			t.Errorf("%q to %q: %d edits, want %d", test.a, test.b, got, test.want)
		}
	}
}
