package main

import (
	"os"
	"syscall"
	"testing"
	"time"

	"github.com/seshd/seshd/session/redisstore/redistest"
)

// nodesOnARedis is how many servers share one in these tests: one to which something happens, and two that have each other.
const nodesOnARedis = 3

// node is one of several servers on a Redis, with a cable of its own between the two.
type node struct {
	*process
	addr  string // the same in each life
	api   *backend
	log   *journal
	cable *cable
	flags []string

	parent *parent // whose socket it takes; nil: it opens its own
}

func startNodes(t *testing.T, redis *redistest.Server, more ...string) (all []*node) {
	t.Helper()
	for range nodesOnARedis {
		n := &node{addr: freeAddr(t), cable: newCable(t, redis.Addr)}
		n.flags = append([]string{"--addr=" + n.addr, "--store=redis://" + n.cable.addr(), "--secret-key=" + cookieKey}, more...)
		n.start(t)
		all = append(all, n)
	}
	return all
}

func (n *node) start(t *testing.T) {
	t.Helper()
	cmd := command(t, t.TempDir(), withoutLimits(append([]string{"--api-key=" + plumKey}, n.flags...)...)...)
	if n.parent != nil {
		n.parent.adopts(cmd)
	}
	n.process = launch(t, cmd)
	n.api = newBackend(t, n.process)
	n.log = n.journal()
}

// ends waits until the server has ended, and returns its exit code.
func (n *node) ends() int {
	defer n.stuck().Stop()
	<-n.log.ended
	n.cmd.Wait()
	return n.cmd.ProcessState.ExitCode()
}

// kill ends a server without a word to anybody.
func (n *node) kill(t *testing.T) {
	t.Helper()
	n.signal(t, syscall.SIGKILL)
	n.ends()
}

// turns waits until /readyz answers with a status.
func (n *node) turns(t *testing.T, status int) {
	t.Helper()
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	got := 0
	for end := time.Now().Add(patience); time.Now().Before(end); <-tick.C {
		if got = n.api.do("GET", "/readyz", "").status; got == status {
			return
		}
	}
	t.Fatalf("/readyz answers %d, want %d", got, status)
}

// proving says whether tests are to take the time that a proof takes.
func proving() bool { return os.Getenv("SESHD_PROVE") != "" }
