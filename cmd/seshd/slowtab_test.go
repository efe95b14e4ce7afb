package main

import (
	"bufio"
	"cmp"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"net"
	"net/http"
	"os"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/gorilla/websocket"
)

const (
	slowTabReaders  = 2
	slowTabInFlight = 8
	slowTabGrowth   = 8.0 // MiB that the server may grow by

	// slowTabDelay is what the machine may do to the other tabs meanwhile. A server that waits for the tab takes longer: it never reads.
	slowTabDelay = 100 * time.Millisecond
)

// A tab that stops reading costs the server no memory and the other tabs no time, and is not cut off for it.
// Both are seen beside the same run without that tab.
func TestATabThatStopsReadingCostsNothing(t *testing.T) {
	// Either way the values together are twice the growth allowed: a queue would show.
	writes, size := 4_000, 4_000
	if os.Getenv("SESHD_PROVE") != "" {
		writes, size = 20_000, 800
	}
	p := start(t, t.TempDir(), withoutLimits("--api-key", plumKey)...)
	b := newBrowser(t, p.addr)
	growStore(t, p, b)
	w := &slowTabWriter{tab: openTab(t, b), size: size}
	readers := make([]*tab, slowTabReaders)
	for i := range readers {
		readers[i] = openTab(t, b)
	}
	measure := func(writes int) (latency time.Duration, memory float64) {
		const parts = 10 // so that garbage does not pile up, for whose room the system is asked
		var all []time.Duration
		for range parts {
			all = append(all, w.run(t, readers, writes/parts)...)
			memory = residentMemory(t, p)
		}
		return p99(all), memory
	}
	_, atFirst := measure(writes / 2)
	without, before := measure(writes)
	slow := openSlowTab(t, b)
	with, after := measure(writes)
	grown := after - before
	t.Logf("%d writes of %d bytes: resident memory grew by %.1f MiB with a tab that stopped reading, by %.1f MiB without; p99 of the other tabs %v and %v",
		writes, size, grown, before-atFirst, with, without)
	if grown > slowTabGrowth {
		t.Errorf("the server grew by %.1f MiB, want less than %.0f", grown, slowTabGrowth)
	}
	if with > 3*without+slowTabDelay {
		t.Errorf("the other tabs waited %v for 99 of 100 writes, %v without it", with, without)
	}

	// It was told no more than what its connection holds, and it reads on from there.
	told, final := slowTabTold(t, b), w.tab.version
	if told >= final {
		t.Errorf("the tab that stopped reading was told version %d of %d: it did not stop", told, final)
	}
	frames, folded := 0, false
	for slow.version < final {
		from := slow.version
		f, err := slow.next()
		if err != nil {
			t.Fatalf("the tab that stopped reading, at version %d of %d: %v", slow.version, final, err)
		}
		frames++
		folded = folded || f.Type == "change" && f.Version > from+1 && f.By == ""
	}
	if !folded || frames >= writes {
		t.Errorf("it caught up by %d frames for %d writes, folded: %v", frames, writes, folded)
	}
	if !maps.EqualFunc(slow.data, readers[0].data, slices.Equal) {
		t.Error("it does not hold what the other tabs hold")
	}
	if err := slow.send(`{"set":{"awake":true},"id":1}`); err != nil {
		t.Fatal(err)
	}
	if f := want(t, slow, "ok"); f.Version != final+1 {
		t.Errorf("its own write: %s", f.text)
	}
}

func p99(latency []time.Duration) time.Duration {
	slices.Sort(latency)
	return latency[len(latency)*99/100].Round(10 * time.Microsecond)
}

// growStore lets the store come to the size that it keeps: its buffers grow with the first tens of MiB written, by more than
// what is to be measured.
func growStore(t *testing.T, p *process, b *browser) {
	t.Helper()
	value := strings.Repeat("x", 60_000) // nearly all that a session holds
	if _, err := b.session(); err != nil {
		t.Fatal(err)
	}
	for i := range 1_000 {
		body := strings.NewReader(fmt.Sprintf(`{"set":{"value":"%d %s"}}`, i, value))
		response, err := b.http.Post("http://"+b.addr+"/session", "application/json", body)
		if err != nil || response.StatusCode != http.StatusOK {
			t.Fatal(err, response)
		}
		io.Copy(io.Discard, response.Body) // what is sent back is large, and not looked at
		response.Body.Close()
		if i%100 == 0 {
			residentMemory(t, p)
		}
	}
	if _, err := b.post(`{"clear":true}`, ""); err != nil {
		t.Fatal(err)
	}
}

// slowTabWriter writes in one tab.
type slowTabWriter struct {
	tab  *tab
	size int
	id   int
}

// run makes writes, and returns what each reader waited for each of them.
func (w *slowTabWriter) run(t *testing.T, readers []*tab, writes int) (all []time.Duration) {
	t.Helper()
	first, begin := w.id+1, w.tab.version
	sent := make([]time.Time, writes)
	var mu sync.Mutex // guards sent and all
	var running sync.WaitGroup
	failed := make(chan error, len(readers)+1)
	for _, tb := range readers {
		running.Go(func() {
			var latency []time.Duration
			for heard := begin; heard < begin+uint64(writes); {
				if _, err := tb.next(); err != nil {
					failed <- fmt.Errorf("a reader at version %d: %w", tb.version, err)
					return
				}
				now := time.Now()
				mu.Lock()
				for ; heard < tb.version; heard++ { // each write is one version, and nobody else writes
					latency = append(latency, now.Sub(sent[heard-begin]))
				}
				mu.Unlock()
			}
			mu.Lock()
			defer mu.Unlock()
			all = append(all, latency...)
		})
	}
	running.Go(func() {
		for answered := first; answered < first+writes; {
			for w.id+1 < min(answered+slowTabInFlight, first+writes) {
				w.id++
				mu.Lock()
				sent[w.id-first] = time.Now()
				mu.Unlock()
				if err := w.tab.send(w.mutation(w.id)); err != nil {
					failed <- err
					return
				}
			}
			if f, err := w.tab.until("ok"); err != nil || f.number() != uint64(answered) {
				failed <- fmt.Errorf("the writer waits for the answer to %d: %s %w", answered, f.text, err)
				return
			}
			answered++
		}
	})
	running.Wait()
	close(failed)
	for err := range failed {
		t.Fatal(err)
	}
	return all
}

// mutation sets a value that no other write has.
func (w *slowTabWriter) mutation(id int) string {
	return fmt.Sprintf(`{"set":{"value":"%d %s"},"id":%d}`, id, strings.Repeat("x", w.size), id)
}

// openSlowTab opens a tab that reads its first frame and then nothing. Its system takes little for it, but not less than
// what a segment of loopback holds: else it would crawl when it reads again.
func openSlowTab(t *testing.T, b *browser) *tab {
	t.Helper()
	dialer := websocket.Dialer{Jar: b.http.Jar, NetDial: func(network, addr string) (net.Conn, error) {
		conn, err := net.Dial(network, addr)
		if err == nil {
			err = conn.(*net.TCPConn).SetReadBuffer(4 << 10)
		}
		return conn, err
	}}
	conn, _, err := dialer.Dial("ws://"+b.addr+"/ws", http.Header{"User-Agent": {"slow"}})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	tb := &tab{conn: conn}
	if f, err := tb.next(); err != nil || f.Type != "session" {
		t.Fatalf("the first frame is %s, %v", f.text, err)
	}
	return tb
}

// slowTabTold is the version that the server has told the slow tab, as far as the connection took it.
func slowTabTold(t *testing.T, b *browser) uint64 {
	t.Helper()
	var tabs []struct {
		Version   uint64
		UserAgent string `json:"user_agent"`
	}
	if err := json.Unmarshal([]byte(get(t, b.http, "http://"+b.addr+"/session/tabs")), &tabs); err != nil {
		t.Fatal(err)
	}
	for _, tab := range tabs {
		if tab.UserAgent == "slow" {
			return tab.Version
		}
	}
	t.Fatalf("the tab that stopped reading was closed: %+v", tabs)
	return 0
}

// residentMemory is the server's resident memory in MiB once its garbage is collected.
func residentMemory(t *testing.T, p *process) float64 {
	t.Helper()
	request, err := http.NewRequest(http.MethodGet, "http://"+p.internal+"/debug/pprof/heap?gc=1", nil)
	if err != nil {
		t.Fatal(err)
	}
	request.Header.Set("Authorization", "Bearer "+plumKey)
	if response, err := http.DefaultClient.Do(request); err != nil || response.StatusCode != http.StatusOK {
		t.Fatal(err, cmp.Or(response, &http.Response{}).Status)
	} else {
		response.Body.Close()
	}
	return p.metric(t, "process_resident_memory_bytes") / (1 << 20)
}

// metric reads a metric that has no labels.
func (p *process) metric(t *testing.T, name string) float64 {
	t.Helper()
	scanner := bufio.NewScanner(strings.NewReader(get(t, http.DefaultClient, "http://"+p.internal+"/metrics")))
	for scanner.Scan() {
		if value, ok := strings.CutPrefix(scanner.Text(), name+" "); ok {
			n, err := strconv.ParseFloat(value, 64)
			if err != nil {
				t.Fatal(err)
			}
			return n
		}
	}
	t.Fatalf("no %s", name)
	return 0
}
