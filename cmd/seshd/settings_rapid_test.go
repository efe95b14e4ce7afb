package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/spf13/pflag"
	"pgregory.net/rapid"
)

// Whatever the file and the environment say, it is settings, or refused with words. This is no fuzz target, since all that the
// tests of this package import would have to be compiled for it once more.
func TestSettingsOfAnyKind(t *testing.T) {
	path := filepath.Join(t.TempDir(), "seshd.yaml")
	pieces := rapid.SampledFrom(append(settingNames(), ": ", "\n", "- ", "[", "]", "{", "}", "\"", "'", "&a", "*a", "|", "#", "\t", "0x1f", "0123", "1e400", "-1", "30d", "999999d", "64KiB",
		"99999999999GiB", "true", "null", "~", "10.0.0.0/8", "::1", "https://a.test", "redis://u:p@h", ":8000", ".", "*", "_p", "\x00", "\xff", "\u2028"))
	rapid.Check(t, func(t *rapid.T) {
		text := strings.Join(rapid.SliceOfN(pieces, 0, 20).Draw(t, "file"), "")
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		variable := envName(rapid.SampledFrom(settingNames()).Draw(t, "setting")) + "=" + pieces.Draw(t, "value")
		_, err := load(pflag.NewFlagSet("seshd", pflag.ContinueOnError), []string{envName(configFlag) + "=" + path, variable})
		if err != nil && strings.TrimSpace(err.Error()) == "" {
			t.Errorf("%q and %q are refused without a word", text, variable)
		}
	})
}
