package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"math/rand/v2"
	"net/http"
	"net/url"
	"os"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/google/uuid"

	"github.com/seshd/seshd/session/redisstore/redistest"
	"github.com/seshd/seshd/session/storetest/history"
)

// Tabs and requests write to a few sessions, send again what was not answered, resume where they were cut off, and read, while servers
// are killed and started again and connections are cut; all that they were answered, and all that tabs were told, happened in one order.
func TestTheProtocolIsLinearizable(t *testing.T) {
	t.Run("one server", func(t *testing.T) {
		inOneOrder(t, startFleet(t, 1, func(*testing.T) []string { return []string{"--data", t.TempDir()} }))
	})
	t.Run("two servers on one Redis", func(t *testing.T) {
		store := "--store=" + redistest.StartDurable(t).URL()
		inOneOrder(t, startFleet(t, 2, func(t *testing.T) []string {
			return []string{"--data", t.TempDir(), store, "--secret-key=" + cookieKey}
		}))
	})
}

func inOneOrder(t *testing.T, f *fleet) {
	const visitors, clients, writes = 2, 8, 75 // of all visitors together, and of each client
	faults := 10                               // every other one is a kill
	if os.Getenv("SESHD_PROVE") != "" {
		faults = 40
	}
	h, seed := history.New(), rand.Uint64()
	f.answered = make(chan struct{}, clients*writes)
	all := make([]*wireClient, clients)
	for n := range all {
		if n < visitors {
			all[n] = &wireClient{v: visitor(t, f.nodes[0].process, `{}`)}
		} else {
			all[n] = &wireClient{v: all[n%visitors].v}
		}
		c := all[n]
		c.t, c.fleet, c.history, c.number, c.session = t, f, h, n, fmt.Sprint(n%visitors)
		c.random, c.client = rand.New(rand.NewPCG(seed, uint64(n))), uuid.NewString()
	}
	var running sync.WaitGroup
	for _, c := range all {
		running.Go(func() { c.run(writes) })
	}
	go func() {
		running.Wait()
		close(f.answered)
	}()
	for fault := range faults {
		for range clients * writes / (faults + 1) {
			<-f.answered
		}
		node := f.nodes[fault/2%len(f.nodes)]
		if fault%2 == 0 {
			node.restart(t)
		} else {
			node.cable.pull()
			node.cable.plug()
		}
	}
	running.Wait()
	answers, lost := h.Len()
	began := time.Now()
	err := h.Check(time.Minute)
	resumed, again := 0, 0
	for _, c := range all {
		resumed, again = resumed+c.resumed, again+c.again
	}
	t.Logf("seed %d: %d answers, %d without, %d writes sent again, %d tabs resumed; checked in %v", seed, answers, lost, again, resumed, time.Since(began))
	if err != nil {
		t.Errorf("seed %d: %v", seed, err)
	}
	if resumed == 0 || again == 0 {
		t.Error("no tab resumed, or nothing was sent again: this showed less than it should")
	}
}

// fleet is the servers of one run.
type fleet struct {
	nodes    []*fleetNode
	answered chan struct{} // holds one for each answer to a write
}

// fleetNode is a server that is always found at the same address, which is its cable's.
type fleetNode struct {
	cable   *cable
	start   func() *process
	process *process // owned by the test's own goroutine

	mu sync.Mutex    // guards up
	up chan struct{} // closed while it runs
}

func startFleet(t *testing.T, size int, flags func(t *testing.T) []string) *fleet {
	t.Helper()
	f := &fleet{}
	for range size {
		addr, flags := freeAddr(t), flags(t)
		n := &fleetNode{cable: newCable(t, addr), up: make(chan struct{})}
		n.start = func() *process { return start(t, t.TempDir(), withoutLimits(append(flags, "--addr", addr)...)...) }
		n.process = n.start()
		close(n.up)
		f.nodes = append(f.nodes, n)
	}
	return f
}

// restart kills the server, and starts it again.
func (n *fleetNode) restart(t *testing.T) {
	t.Helper()
	n.mu.Lock()
	up := make(chan struct{})
	n.up = up
	n.mu.Unlock()
	n.process.signal(t, syscall.SIGKILL)
	n.process.exit(t)
	n.process = n.start()
	close(up)
}

// addr waits until the server runs.
func (n *fleetNode) addr() string {
	n.mu.Lock()
	up := n.up
	n.mu.Unlock()
	<-up
	return n.cable.listener.Addr().String()
}

// wireClient is one tab, or one program that makes requests. What was left unanswered it sends again first, to any of the servers.
type wireClient struct {
	t       *testing.T
	v       *browser
	fleet   *fleet
	history *history.History
	number  int
	session string // as the history names it
	random  *rand.Rand
	version uint64 // the newest it knows of

	client  string
	written int
	highest uint64 // its ids so far
	pending string // the mutation of that id, if there was no answer
	learnt  []func()

	last           *tab // the one that it had before
	resumed, again int
}

func (c *wireClient) run(writes int) {
	for until := time.Now().Add(patience); c.written < writes; {
		before := c.written
		at := &browser{c.v.http, c.fleet.nodes[c.random.IntN(len(c.fleet.nodes))].addr()}
		if c.number%4 < 2 {
			c.tab(at, writes)
		} else {
			c.requests(at, writes)
		}
		switch {
		case c.written > before:
			until = time.Now().Add(patience)
		case time.Now().After(until):
			c.t.Errorf("client %d had no answer for %v", c.number, patience)
			return
		}
	}
}

// next is the mutation to send now, and its call.
func (c *wireClient) next() (text string, call *history.Call) {
	if c.pending == "" {
		c.highest++
		c.pending = history.Draw(c.random, c.number*10000+int(c.highest), c.version)
	} else {
		c.again++
	}
	return c.pending, c.history.Begin(c.number, history.Input{Session: c.session, Mutation: c.pending, Client: c.client, ID: c.highest})
}

// answered notes the answer to a call. It is false where that says nothing of what became of it.
func (c *wireClient) answered(call *history.Call, f frame, err error) bool {
	if err != nil || f.Code == "unavailable" {
		c.learnt = append(c.learnt, call.Lost())
		return false
	}
	call.End(history.Output{Code: f.Code, Version: f.Version, Duplicate: f.Duplicate})
	if f.Code == "" { // what was sent before, on a connection that was cut, can come late, and after a refusal counts
		for _, learnt := range c.learnt {
			learnt()
		}
		c.learnt = nil
	}
	c.pending = ""
	c.written++
	c.fleet.answered <- struct{}{}
	return true
}

func decoded(data map[string]json.RawMessage) map[string]any {
	all := map[string]any{}
	for key, text := range data {
		var value any
		json.Unmarshal(text, &value)
		all[key] = value
	}
	return all
}

// tab writes over a WebSocket, and notes each frame of content as a read that began when the tab was opened. It goes on from what the
// tab before it was told.
func (c *wireClient) tab(at *browser, writes int) {
	opened := c.history.Begin(10+c.number, history.Input{Session: c.session})
	query := url.Values{"client": {c.client}}
	if c.last != nil {
		query.Set("since", fmt.Sprintf("%s:%d", strings.Trim(c.last.session, `"`), c.last.version))
	}
	tb, err := at.open(query)
	if err != nil {
		return
	}
	defer tb.conn.Close()
	if c.last != nil {
		tb.session, tb.version, tb.data = c.last.session, c.last.version, c.last.data
		c.resumed++
	}
	for c.written < writes {
		text, call := c.next()
		members := strings.TrimSuffix(text, "}")
		if text != "{}" {
			members += ","
		}
		err := tb.send(fmt.Sprintf(`%s"id":%d}`, members, c.highest))
		var f frame
		for err == nil && f.Type != "ok" && f.Type != "error" {
			f, err = tb.next()
			if errors.Is(err, errMisled) {
				c.t.Error(err)
			}
			if err == nil && (f.Type == "session" || f.Type == "change") {
				c.version, c.last = tb.version, tb
				opened.End(history.Output{Version: tb.version, Data: decoded(tb.data)})
			}
		}
		if f.Type == "ok" && tb.version < f.Version {
			c.t.Errorf("an ok came before its change: %s at version %d", f.text, tb.version)
		}
		if !c.answered(call, f, err) {
			return
		}
	}
}

// requests writes by POST, and reads by GET.
func (c *wireClient) requests(at *browser, writes int) {
	for c.written < writes {
		read := c.history.Begin(c.number, history.Input{Session: c.session})
		s, err := at.session()
		if err != nil {
			return
		}
		c.version = s.Version
		read.End(history.Output{Version: s.Version, Data: decoded(s.Data)})
		text, call := c.next()
		f, err := c.post(at, strings.Trim(string(s.ID), `"`), text)
		if !c.answered(call, f, err) {
			return
		}
	}
}

// post takes a refusal for an answer. Of the mutations that are good at one version only, every other one says so in a header.
func (c *wireClient) post(at *browser, id, text string) (f frame, err error) {
	version := ""
	if rest, number, found := strings.Cut(text, `,"if_version":`); found && c.highest%2 == 0 {
		text, version = rest+"}", strings.TrimSuffix(number, "}")
	}
	request, err := http.NewRequest(http.MethodPost, "http://"+at.addr+"/session", strings.NewReader(text))
	if err != nil {
		return f, err
	}
	request.GetBody = nil // so that net/http does not send it again of its own accord
	request.Header.Set("Content-Type", "application/json")
	request.Header.Set("Idempotency-Key", fmt.Sprintf("%s:%d", c.client, c.highest))
	switch {
	case version != "" && c.highest%4 == 0:
		request.Header.Set("If-Match", fmt.Sprintf(`"%s:%s"`, id, version))
	case version != "":
		request.Header.Set("If-Match", fmt.Sprintf(`"%s"`, version))
	}
	response, err := at.http.Do(request)
	if err != nil {
		return f, err
	}
	defer response.Body.Close()
	return f, json.NewDecoder(response.Body).Decode(&f)
}
