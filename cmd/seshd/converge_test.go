package main

import (
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"syscall"
	"testing"
)

var convergeSeed = flag.Uint64("converge.seed", 0, "the one seed of TestClientsConvergeThroughABadNetwork; 0: all")

// convergeCases are seeds that failed, by what they found. web/client/seshd.test.js has the same frame by frame.
var convergeCases = map[string]uint64{
	"a duplicate left the view until all sent again was answered":       3,
	"a duplicate left the view until a later write was answered":        43,
	"an incr left the view, as the old connection had still brought it": 106,
}

// The real client, several times on one session and once on another, through a network that is as bad as it can be,
// with a server that is killed now and then. Once all is quiet, everybody sees what the server holds, and in that is
// every acknowledged write once, and no refused one. A seed says what is done and where the network breaks; what comes
// first of things under way at the same time it cannot say, so one that failed may need a few runs to fail again.
func TestClientsConvergeThroughABadNetwork(t *testing.T) {
	first, seeds := uint64(1), uint64(10)
	if os.Getenv("SESHD_PROVE") != "" {
		seeds = 200
	}
	if *convergeSeed != 0 {
		first, seeds = *convergeSeed, 1
	}
	var total convergence
	t.Run("with", func(t *testing.T) { // which ends when all that are in it have
		run := func(name string, seed uint64) {
			t.Run(name, func(t *testing.T) {
				t.Parallel() // they mostly wait
				total.add(converge(t, seed))
			})
		}
		for seed := first; seed < first+seeds; seed++ {
			run(fmt.Sprintf("seed %d", seed), seed)
		}
		if *convergeSeed == 0 {
			for name, seed := range convergeCases {
				run(name, seed)
			}
		}
	})
	t.Logf("%+v", total.outcome)
	if *convergeSeed == 0 && (total.Again == 0 || total.Kills == 0 || total.Refused == 0) {
		t.Error("nothing was sent again, or no server killed, or nothing refused: this showed less than it should")
	}
}

// outcome is what came of the writes of a seed, or of several.
type outcome struct {
	Stored, Refused, Unknown int
	Again                    int // stored already when they were sent again
	Moved                    int // turned down by the once-memory, and sent under a new id
	Kills                    int
}

type convergence struct {
	mu sync.Mutex
	outcome
}

func (c *convergence) add(o outcome) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.Stored, c.Refused, c.Unknown = c.Stored+o.Stored, c.Refused+o.Refused, c.Unknown+o.Unknown
	c.Again, c.Moved, c.Kills = c.Again+o.Again, c.Moved+o.Moved, c.Kills+o.Kills
}

// converge runs one seed.
func converge(t *testing.T, seed uint64) (all outcome) {
	t.Logf("again: go test ./cmd/seshd -run TestClientsConverge -converge.seed=%d", seed)
	random := rand.New(rand.NewPCG(seed, 0))
	data, addr := t.TempDir(), freeAddr(t) // the same port again after a kill
	flags := withoutLimits("--addr", addr, "--max-message-bytes=4096")
	if random.IntN(4) == 0 {
		flags = append(flags, "--rate=40", "--burst=20")
	}
	p := start(t, data, flags...)
	log := p.journal()
	network := newBadNetwork(t, addr, seed)
	pages := openPages(t, seed, network.listener.Addr().String(), addr)

	more := true
	for kills := random.IntN(3); kills > 0; kills-- {
		if more = pages.step(1 + random.IntN(80)); !more {
			break
		}
		p.signal(t, syscall.SIGKILL)
		<-log.ended
		p.cmd.Wait()
		p = start(t, data, flags...)
		log = p.journal()
		all.Kills++
	}
	for more {
		more = pages.step(1)
	}
	network.beQuiet()
	fmt.Fprintln(pages.stdin, "quiet")
	for line := range pages.lines {
		if json.Unmarshal([]byte(line), &all) != nil {
			t.Log(line)
		}
	}
	if err := pages.cmd.Wait(); err != nil {
		t.Errorf("seed %d: %v\nthe server's log:\n%s", seed, err, log.text())
	}
	t.Logf("%+v", all)
	return all
}

// pages is a Node process that runs testdata/converge/driver.mjs.
type pages struct{ *terminal }

func openPages(t *testing.T, seed uint64, proxy, server string) pages {
	t.Helper()
	wscat, err := filepath.EvalSymlinks(wscatProgram(t)) // it brings a WebSocket, which Node has only since 22
	if err != nil {
		t.Fatal(err)
	}
	settings, err := json.Marshal(map[string]any{
		"seed": seed, "proxy": "http://" + proxy + "/", "server": "http://" + server + "/",
		"client": filepath.Join(repoRoot(t), "web/client/seshd.js"), "wscat": wscat,
	})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	t.Cleanup(cancel)
	return pages{runTerminal(t, exec.CommandContext(ctx, "node", "testdata/converge/driver.mjs", string(settings)))}
}

// step waits for so many more steps, and says whether there are others after them.
func (p pages) step(n int) bool {
	for line := range p.lines {
		if line == "written" {
			return false
		}
		if n--; n == 0 {
			return true
		}
	}
	return false
}
