package session_test

import (
	"os/exec"
	"strings"
	"testing"
)

// TestImports holds the floor plan: the domain at the centre knows no network and no driver, adapters do not know each
// other, and only cmd wires them. Whoever has a reason to change it changes this table.
func TestImports(t *testing.T) {
	const module = "github.com/seshd/seshd/"
	out, err := exec.Command("go", "list", "-f", `{{.ImportPath}} {{join .Imports " "}}`, module+"...").CombinedOutput()
	if err != nil {
		t.Fatalf("go list: %v\n%s", err, out)
	}
	allowed := map[string]string{ // of ours, separated by spaces
		"session":             "",
		"session/archive":     "session",
		"session/storetest":   "session session/storetest/history",
		"session/pebblestore": "session",
		"session/redisstore":  "session",
		"hub":                 "session",
		"web":                 "session session/archive hub docs",
		"cmd/seshd":           "session session/archive session/pebblestore session/redisstore web cmd/seshd/bench cmd/seshd/connect",
		"docs":                "", // pages that the server serves
		"docs/examples/go":    "session session/pebblestore web",

		"cmd/seshd/bench":         "session session/pebblestore", // to fill a directory; all else goes over the wire
		"cmd/seshd/bench/floor":   "",
		"cmd/seshd/bench/compare": "cmd/seshd/bench cmd/seshd/bench/rig",
		"cmd/seshd/bench/rig":     "",
		"cmd/seshd/bench/soak":    "cmd/seshd/bench cmd/seshd/bench/rig cmd/seshd/connect",

		"session/storetest/history":    "", // a model that shares nothing with what it is held against
		"cmd/seshd/screenshots":        "", // it drives the program that is built
		"session/redisstore/redistest": "", // starts servers, and knows nothing of what they are for

		"cmd/seshd/connect": "", // as a client anywhere else would
	}
	drivers := map[string]string{ // and who may import them; empty: all but the rooms at the centre
		"github.com/cockroachdb/": "session/pebblestore",
		"github.com/redis/":       "session/redisstore",
		"github.com/gorilla/":     "",
	}
	for _, line := range strings.Split(strings.TrimSpace(string(out)), "\n") {
		fields := strings.Fields(line)
		name := strings.TrimPrefix(fields[0], module)
		ours, known := allowed[name]
		if !known {
			t.Errorf("package %s has no row in this test", name)
			continue
		}
		for _, imported := range fields[1:] {
			if mine, ok := strings.CutPrefix(imported, module); ok && !strings.Contains(" "+ours+" ", " "+mine+" ") {
				t.Errorf("%s imports %s: it may import of ours only: %s", name, mine, ours)
			}
			for driver, owner := range drivers {
				if strings.HasPrefix(imported, driver) && (name == "session" || name == "hub" || owner != "" && name != owner) {
					t.Errorf("%s imports the driver %s", name, imported)
				}
			}
			if (name == "session" || name == "hub") && imported == "net/http" {
				t.Errorf("%s imports the network", name)
			}
		}
	}
}
