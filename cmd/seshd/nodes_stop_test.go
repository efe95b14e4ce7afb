package main

import (
	"syscall"
	"testing"
	"time"

	"github.com/seshd/seshd/session/redisstore/redistest"
)

// TestANodeStandsStill for longer than its lease, and then goes on as if nothing had been: it writes nothing on top of what was
// written meanwhile without having seen it, and tells nothing that is not so any more.
func TestANodeStandsStill(t *testing.T) {
	nodes := startNodes(t, redistest.Start(t))
	load := newNodesLoad(t, nodes, 4, 1)
	load.begin(t)
	load.goesOn(t, 0, 1, 2)
	v, ended := visitor(t, nodes[0].process, `{"set":{"fruit":"cherries"}}`), visitor(t, nodes[0].process, `{"set":{"fruit":"cherries"}}`)
	here, there, late := openTab(t, v), openTab(t, v.at(t, nodes[1].process)), openTab(t, ended)
	there.counts(t, 2)
	id := nodes[1].api.resolve(ended).ID

	nodes[0].stop(t)
	stopped := time.Now()
	ask(t, here, `{"set":{"fruit":"cherries"},"if_version":1,"id":1}`)
	ask(t, here, `{"incr":{"n":1},"id":2}`)
	ask(t, late, `{"incr":{"n":1},"id":1}`)
	seen := make(chan frame, 1)
	go func() {
		f, _ := v.session()
		seen <- f
	}()
	v.at(t, nodes[1].process).do(t, "POST", "/session", `{"set":{"fruit":"blueberries"},"incr":{"n":1}}`).want(200)
	ended.at(t, nodes[1].process).do(t, "DELETE", "/session", "").want(204)
	there.counts(t, 1)
	t.Logf("the tabs of a node that stands still counted for another %v", time.Since(stopped).Round(time.Millisecond))
	load.goesOn(t, 1, 2)
	if proving() {
		<-time.After(20*time.Second - time.Since(stopped))
	}

	nodes[0].signal(t, syscall.SIGCONT)
	resumed := time.Now()
	if f := <-seen; string(f.Data["fruit"]) != `"blueberries"` {
		t.Errorf("a request that waited meanwhile is answered %+v", f)
	}
	here.refusedWith(t, "conflict")
	want(t, here, "ok")
	if string(here.data["fruit"]) != `"blueberries"` || string(here.data["n"]) != "2" || here.version != 3 {
		t.Errorf("a tab that waited meanwhile holds %s at version %d", here.data, here.version)
	}
	late.goes(t, 4002, "destroyed")
	nodes[0].api.do("GET", "/v1/sessions/"+id, "").want(404, "no_such_session")
	there.counts(t, 2)
	load.converge(t, resumed)
	load.check(t)
	load.stayed(t)
}

// stop has a server stand still, and returns when it does.
func (n *node) stop(t *testing.T) {
	t.Helper()
	n.signal(t, syscall.SIGSTOP)
	var status syscall.WaitStatus
	if _, err := syscall.Wait4(n.cmd.Process.Pid, &status, syscall.WUNTRACED, nil); err != nil || !status.Stopped() {
		t.Fatal("it does not stop: ", err)
	}
}
