package bench

import (
	"os"
	"strconv"
	"strings"
	"testing"
)

func readDoc(t *testing.T, name string) string {
	t.Helper()
	text, err := os.ReadFile("../../../docs/" + name)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// measuredAs is the number in a row of docs/BENCH-NODES.md, by so many servers on Redis.
func measuredAs(t *testing.T, text, label string, servers int) float64 {
	t.Helper()
	for line := range strings.Lines(text) {
		cells := strings.Split(line, " | ")
		if cells[0] != "| "+label || len(cells) <= 1+servers {
			continue
		}
		number, _, _ := strings.Cut(strings.ReplaceAll(cells[1+servers], ",", ""), " ")
		value, err := strconv.ParseFloat(number, 64)
		if err != nil {
			t.Fatalf("%s, %d servers: %v", label, servers, err)
		}
		return value
	}
	t.Fatalf("docs/BENCH-NODES.md has no row %q", label)
	return 0
}

// The model reckons with what was measured.
func TestCostsAreThoseThatWereMeasured(t *testing.T) {
	const slack = 1.5 // figures differ from one run to the next where all share the cores
	const perDelivery = "server CPU per delivery, all servers"
	text := readDoc(t, "BENCH-NODES.md")
	for _, c := range []struct {
		what    string
		cost    float64
		row     string
		servers int
	}{
		{"an idle tab", costOfTab, "server RSS per idle tab", 1},
		{"an idle tab, in a second", costOfIdle, "server CPU per idle tab and second", 1},
		{"a tab that comes", costOfOpen, "server CPU per tab opened", 1},
		{"a mutation at one tab", costOfWrite + costOfDelivery, "the same with one tab a session: per mutation", 1},
		{"a fifth of a mutation, and a delivery", costOfWrite/5.0 + costOfDelivery, perDelivery, 1},
		{"a mutation that two others hear", (costOfWrite+2*costOfHearing)/5.0 + costOfDelivery, perDelivery, 3},
		{"Redis, an idle tab", redisCostOfTab, "Redis memory per idle tab", 1},
		{"Redis, a stored session", 1000 + redisCostOfKept, "Redis memory per stored session of 1 KB", 1},
		{"Redis, an idle tab, in a second", redisCostOfIdle, "Redis CPU per idle tab and second", 1},
		{"Redis, a tab that comes", redisCostOfOpen, "Redis CPU per tab opened", 1},
		{"Redis, a mutation", redisCostOfSave, "Redis CPU per mutation", 3},
	} {
		if measured := measuredAs(t, text, c.row, c.servers); c.cost > measured*slack || c.cost*slack < measured {
			t.Errorf("%s costs %v, measured were %v (%s)", c.what, c.cost, measured, c.row)
		}
	}
}

// The table of docs/deploy.md is what the model says.
func TestDeployTableIsReckoned(t *testing.T) {
	table, err := PlanTable(DefaultSite(), 10e3, 100e3, 1e6, 10e6, 100e6)
	if err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(readDoc(t, "deploy.md"), "\n"+table+"\n") {
		t.Errorf("docs/deploy.md lacks\n%s", table)
	}
}

func TestPlan(t *testing.T) {
	plan := func(change func(*Site)) Plan {
		t.Helper()
		s := DefaultSite()
		change(&s)
		p, err := s.Plan()
		if err != nil {
			t.Fatal(err)
		}
		return p
	}
	small := plan(func(s *Site) { s.Tabs = 1 })
	if small.Nodes.Count != 1 || small.Shards.Count != 1 {
		t.Errorf("for one tab %+v", small)
	}
	usual := plan(func(*Site) {})
	for name, more := range map[string]func(*Site){
		"CPU":     func(s *Site) { s.WritesPerTab *= 10 },
		"memory":  func(s *Site) { s.Memory /= 100; s.RedisMemory /= 100 },
		"network": func(s *Site) { s.Network /= 1000 },
	} {
		p := plan(more)
		if p.Nodes.For != name || p.Shards.For != name || p.Nodes.Count <= usual.Nodes.Count || p.Shards.Count <= usual.Shards.Count {
			t.Errorf("%s: %+v, usually %+v", name, p, usual)
		}
	}
	if whole := plan(func(s *Site) { s.Use = 1 }); whole.Nodes.Count > usual.Nodes.Count/2+1 {
		t.Errorf("with all of each machine %v servers, with half %v", whole.Nodes.Count, usual.Nodes.Count)
	}
	for _, wrong := range []func(*Site){
		func(s *Site) { s.Tabs = 0 }, func(s *Site) { s.Use = 2 }, func(s *Site) { s.WritesPerTab = -1 }, func(s *Site) { s.Stored = 0.5 },
	} {
		s := DefaultSite()
		wrong(&s)
		if p, err := s.Plan(); err == nil {
			t.Errorf("%+v is planned as %+v", s, p)
		}
	}
}
