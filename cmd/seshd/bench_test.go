package main

import (
	"bytes"
	"encoding/json"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/seshd/seshd/session/redisstore/redistest"
)

// runBenchOn runs the load generator as a user does, against a server that runs.
func runBenchOn(t *testing.T, p *process, args ...string) (figures map[string]float64, failed string) {
	t.Helper()
	path, err := binary()
	if err != nil {
		t.Fatal(err)
	}
	all := append([]string{"bench", "--url", "http://" + p.addr, "--metrics", "http://" + p.internal + "/metrics", "--json"}, args...)
	cmd := exec.CommandContext(t.Context(), path, all...)
	var out, stderr bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &stderr
	if err := cmd.Run(); err != nil {
		return nil, stderr.String()
	}
	if stderr.Len() > 0 {
		t.Errorf("where nobody watches it says: %s", &stderr)
	}
	var report map[string]any
	if err := json.Unmarshal(out.Bytes(), &report); err != nil {
		t.Fatalf("%v: %s", err, &out)
	}
	figures = make(map[string]float64)
	for key, value := range report {
		if number, ok := value.(float64); ok {
			figures[key] = number
		}
	}
	return figures, ""
}

// What was written arrived at every tab, alone or folded, and nothing else did.
func TestBenchAddsUp(t *testing.T) {
	p := start(t, t.TempDir(), withoutLimits()...)
	for name, args := range map[string][]string{
		"closed loop": {"--sessions", "20", "--tabs", "3", "--writers", "10", "--for", "1s"},
		"open loop":   {"--sessions", "20", "--tabs", "3", "--rate", "200", "--for", "1s"},
		"hot":         {"hot", "--tabs", "3", "--rate", "50", "--for", "1s", "--size", "300"},
	} {
		t.Run(name, func(t *testing.T) {
			f, failed := runBenchOn(t, p, args...)
			if failed != "" {
				t.Fatal(failed)
			}
			if f["writes"] < 40 || f["writes"]*3 != f["deliveries"]+f["folded"] || f["errors"] != 0 {
				t.Errorf("%v writes to 3 tabs, %v deliveries, %v folded, %v errors", f["writes"], f["deliveries"], f["folded"], f["errors"])
			}
			for _, key := range []string{"p50_ms", "p99_ms", "p999_ms", "p99_last_ms", "client_cpu_us_per_delivery", "deliveries_per_second"} {
				if f[key] <= 0 {
					t.Errorf("%s is %v", key, f[key])
				}
			}
			if name == "closed loop" && f["server_cpu_us_per_delivery"] <= 0 { // a server's clock has ticks of 10 ms
				t.Error("the server's CPU is not known")
			}
		})
	}
}

func TestBenchWrites(t *testing.T) {
	p := start(t, t.TempDir(), withoutLimits()...)
	f, failed := runBenchOn(t, p, "writes", "--sessions", "50", "--writers", "1,8", "--for", "500ms")
	if failed != "" {
		t.Fatal(failed)
	}
	if f["writes_per_second_1"] <= 0 || f["writes_per_second_8"] <= 0 || f["p99_ms_8"] <= 0 {
		t.Errorf("%v", f)
	}
}

func TestBenchMeasuresMemory(t *testing.T) {
	sessions, writes, few := "50", "500", true // of which nothing can be said by the tab
	if os.Getenv("SESHD_PROVE") != "" {
		sessions, writes, few = "1000", "5000", false
	}
	p := start(t, t.TempDir(), withoutLimits()...)
	f, failed := runBenchOn(t, p, "idle", "--sessions", sessions, "--for", "1s")
	if failed != "" || f["errors"] != 0 || !few && (f["rss_per_tab_bytes"] < 1000 || f["rss_per_tab_bytes"] > 100_000) {
		t.Errorf("idle: %s %v", failed, f)
	}
	f, failed = runBenchOn(t, p, "slow", "--writes", writes)
	if failed != "" || f["stalled"] != 0 || f["p99_ms_with"] <= 0 || f["p99_ms_without"] <= 0 || f["errors"] != 0 {
		t.Errorf("slow: %s %v", failed, f)
	}
}

func TestBenchRestart(t *testing.T) {
	p := &process{addr: "unused", internal: "unused"}
	f, failed := runBenchOn(t, p, "restart", "--sessions", "1000", "--tabs", "10")
	if failed != "" {
		t.Fatal(failed)
	}
	if f["first_answer_ms"] <= 0 || f["first_answer_after_fill_ms"] <= 0 || f["rss_open_bytes"] < f["rss_stored_bytes"]/2 || f["rss_stored_bytes"] <= 0 {
		t.Errorf("%v", f)
	}
}

func TestBenchSaysWhatIsInItsWay(t *testing.T) {
	p := start(t, t.TempDir(), "--max-tabs-per-session", "4")
	for want, args := range map[string][]string{
		"start it with --max-tabs-per-session 0": {"hot", "--tabs", "10"},
		"the nearest is \"boards\"":              {"board"},
		"want at least":                          {"--sessions", "0"},
		"nothing listens":                        {"--url", "http://127.0.0.1:1"},
		"the protocol answers 64 a tab":          {"--sessions", "1", "--writers", "60"},
		"want seshd or centrifuge":               {"idle", "--protocol", "mqtt"},
		"want http or https for all":             {"--url", "https://" + p.addr},
		"--redis " + p.addr:                      {"--sessions", "2", "--tabs", "2", "--writers", "2", "--for", "100ms", "--redis", p.addr},
	} {
		_, failed := runBenchOn(t, p, args...)
		if !strings.Contains(failed, want) || strings.Count(failed, "\n") != 1 {
			t.Errorf("%v: %q, want one line with %q", args, failed, want)
		}
	}
}

// The servers that `make bench` measures beside seshd can be driven by the same client. That of Centrifuge is a module of its own,
// which takes half a minute to build.
func TestBenchDrivesWhatIsBesideSeshd(t *testing.T) {
	peers := map[string]string{"./bench/floor": "seshd"}
	if os.Getenv("SESHD_PROVE") != "" {
		peers["./bench/compare/testdata/centrifuge"] = "centrifuge"
	}
	for source, protocol := range peers {
		t.Run(filepath.Base(source), func(t *testing.T) {
			p := startPeer(t, source)
			for name, args := range map[string][]string{
				"closed loop": {"--sessions", "20", "--tabs", "3", "--writers", "10", "--for", "1s"},
				"hot":         {"hot", "--tabs", "3", "--rate", "50", "--for", "1s", "--size", "300"},
			} {
				f, failed := runBenchOn(t, p, append(args, "--protocol", protocol)...)
				if failed != "" {
					t.Fatalf("%s: %s", name, failed)
				}
				if f["writes"] < 40 || f["writes"]*3 != f["deliveries"] || f["errors"] != 0 || f["folded"] != 0 || f["p99_ms"] <= 0 {
					t.Errorf("%s: %v", name, f)
				}
				if name == "closed loop" && f["server_cpu_us_per_delivery"] <= 0 { // a server's clock has ticks of 10 ms
					t.Error("the server's CPU is not known")
				}
			}
		})
	}
}

// startPeer builds a server that is none of seshd's and starts it.
func startPeer(t *testing.T, source string) *process {
	t.Helper()
	path := filepath.Join(t.TempDir(), "peer")
	if out, err := exec.Command("go", "build", "-C", source, "-buildvcs=false", "-o", path, ".").CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	p := &process{addr: freeAddr(t), internal: freeAddr(t)}
	cmd := exec.Command(path, "--addr", p.addr, "--internal-addr", p.internal)
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { cmd.Process.Kill(); cmd.Wait() })
	for range 500 {
		if conn, err := net.Dial("tcp", p.addr); err == nil {
			conn.Close()
			break
		}
		time.Sleep(10 * time.Millisecond)
	}
	return p
}

// Tabs are spread over servers that share a store, and what arrives is counted as if there were one.
func TestBenchLoadsServersTogether(t *testing.T) {
	redis := redistest.Start(t)
	a, _ := startOn(t, redis)
	b, _ := startOn(t, redis)
	// The flags of the second server come behind those of the first.
	f, failed := runBenchOn(t, a, "--url", "http://"+b.addr, "--metrics", "http://"+b.internal+"/metrics", "--redis", redis.Addr,
		"--sessions", "20", "--tabs", "3", "--writers", "10", "--for", "1s")
	if failed != "" {
		t.Fatal(failed)
	}
	if f["writes"] < 40 || f["writes"]*3 != f["deliveries"]+f["folded"] || f["errors"] != 0 {
		t.Errorf("%v writes to 3 tabs, %v deliveries, %v folded, %v errors", f["writes"], f["deliveries"], f["folded"], f["errors"])
	}
	for _, p := range []*process{a, b} {
		if p.metric(t, "seshd_mutation_seconds_count") == 0 {
			t.Error("nothing was written by way of one of the servers")
		}
	}
	if f["redis_cpu_us_per_write"] <= 0 || f["redis_commands_per_write"] < 1 || f["redis_bytes_per_write"] < 1 {
		t.Errorf("of Redis is known %v", f)
	}
	f, failed = runBenchOn(t, a, "writes", "--url", "http://"+b.addr, "--redis", redis.Addr, "--sessions", "50", "--size", "1000", "--writers", "8", "--for", "500ms")
	if failed != "" || f["writes_per_second_8"] <= 0 || f["redis_memory_per_session"] < 1000 || f["redis_commands_per_write_8"] < 1 {
		t.Errorf("%s %v", failed, f)
	}
}

func TestBenchModel(t *testing.T) {
	path, err := binary()
	if err != nil {
		t.Fatal(err)
	}
	out, err := exec.Command(path, "bench", "model", "--tabs", "1000", "--writes-per-tab", "2", "--tabs-per-session", "3", "--json").CombinedOutput()
	if err != nil || !strings.Contains(string(out), `"writes_per_second":2000,"deliveries_per_second":6000,`) {
		t.Errorf("%s %v", out, err)
	}
	out, err = exec.Command(path, "bench", "model", "--use", "2").CombinedOutput()
	if err == nil || !strings.Contains(string(out), "at most all of a machine") || strings.Count(string(out), "\n") != 1 {
		t.Errorf("%s %v", out, err)
	}
}
