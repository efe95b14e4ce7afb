package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/spf13/pflag"
)

// Whatever the file and the environment say, it is settings, or refused by the name of what is wrong.
func FuzzSettings(f *testing.F) {
	for _, pair := range [][2]string{
		{"addr: \":9000\"\nidle-timeout: 2h\ntab-write: [cart, \"draft.*\"]\ntour: false\n", "SESHD_RATE=5"}, {"rate: 0123", "SESHD_TRUSTED_PROXIES=10.0.0.0/8,::1"},
		{"a: &a [*a]", "SESHD_X=1"}, {"cache-bytes: 1e3\nmax-keys: -1", "SESHD_CACHE_BYTES=99999999999GiB"}, {"lifetime: 999999d", "SESHD_LIFETIME=1h"},
		{"secret-key: [\"a secret of at least 32 bytes, this is one\"]", "SESHD_STORE=redis://u:p@h"}, {"- a", "SESHD_PORT=tcp://1"}, {"allowed-origins: https://a.test", "SESHD_APP=http://h"},
	} {
		f.Add(pair[0], pair[1])
	}
	dir := f.TempDir()
	f.Fuzz(func(t *testing.T, text, variable string) {
		path := filepath.Join(dir, "seshd.yaml")
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		if name, _, _ := strings.Cut(variable, "="); strings.HasSuffix(name, envFile) {
			return // it would name a file of this machine
		}
		_, err := load(pflag.NewFlagSet("seshd", pflag.ContinueOnError), []string{envName(configFlag) + "=" + path, variable})
		if err != nil && strings.TrimSpace(err.Error()) == "" {
			t.Errorf("%q and %q are refused without a word", text, variable)
		}
	})
}
