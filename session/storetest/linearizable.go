package storetest

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/uuid"

	"github.com/seshd/seshd/session"
	"github.com/seshd/seshd/session/storetest/history"
)

// Nodes are the stores of servers that serve the same data; an embedded store is one alone.
type Nodes struct {
	Stores []session.Store
	// Fault breaks something while clients write, and returns the stores that the servers have from then on: the same ones,
	// or new ones where it closed those. nil: nothing breaks.
	Fault func() []session.Store
}

// The size of a run: what Porcupine checks in about a second.
const (
	linearClients  = 6
	linearSessions = 2
	linearEach     = 60 // what each client asks for
	linearFaults   = 3
	linearCheck    = 10 * time.Second
)

// Linearizable has clients of several nodes write and read a few sessions through session.Manager, while faults happen, and
// checks that all they were answered, and all that the feeds told, happened in one order: see package history.
func Linearizable(t *testing.T, open func(t *testing.T) Nodes) {
	seed := rand.Uint64()
	if err := linearizable(open(t), seed); err != nil {
		t.Errorf("seed %d: %v", seed, err)
	}
}

func linearizable(nodes Nodes, seed uint64) error {
	c := &cluster{nodes: nodes, history: history.New()}
	for n := range byte(linearSessions) {
		c.handles = append(c.handles, handle(n+1))
	}
	c.start(nodes.Stores)
	defer c.stop()
	var clients sync.WaitGroup
	for n := range linearClients {
		clients.Go(func() {
			client := linearClient{cluster: c, number: n, random: rand.New(rand.NewPCG(seed, uint64(n)))}
			client.run()
		})
	}
	clients.Wait()
	return errors.Join(c.failed, c.history.Check(linearCheck))
}

// cluster is the servers of one run.
type cluster struct {
	nodes   Nodes
	handles []session.Handle
	history *history.History
	asked   atomic.Int64

	serving  sync.RWMutex // guards what follows; held while servers are replaced
	managers []*session.Manager
	heard    []*feed

	mu     sync.Mutex // guards failed
	failed error
}

func (c *cluster) fail(format string, args ...any) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.failed == nil {
		c.failed = fmt.Errorf(format, args...)
	}
}

func (c *cluster) start(stores []session.Store) {
	c.managers, c.heard = nil, nil
	for n, store := range stores {
		m := session.NewManager(store, session.Options{Rate: -1, NewSessions: -1, Logger: slog.New(slog.DiscardHandler)})
		f := &feed{cluster: c, node: n, versions: make(map[session.ID]uint64), listens: make(map[session.ID]*history.Call)}
		for _, h := range c.handles {
			f.listens[h.ID] = c.history.Begin(linearClients+n, history.Input{Session: h.ID.String()})
		}
		m.Feed(f.hear)
		c.managers, c.heard = append(c.managers, m), append(c.heard, f)
	}
}

func (c *cluster) stop() {
	for _, m := range c.managers {
		if err := m.Close(); err != nil {
			c.fail("close: %v", err)
		}
	}
}

// breaks has a fault happen. Whoever asks for something new waits for its end.
func (c *cluster) breaks() {
	if c.nodes.Fault == nil {
		return
	}
	c.serving.Lock()
	defer c.serving.Unlock()
	stores := c.nodes.Fault()
	if !slices.Equal(stores, c.nodes.Stores) {
		c.stop()
		c.nodes.Stores = stores
		c.start(stores)
	}
}

func (c *cluster) node(n int) (*session.Manager, *feed) {
	c.serving.RLock()
	defer c.serving.RUnlock()
	n %= len(c.managers)
	return c.managers[n], c.heard[n]
}

// feed is what one node's feed told.
type feed struct {
	cluster *cluster
	node    int

	mu       sync.Mutex // guards what follows
	versions map[session.ID]uint64
	listens  map[session.ID]*history.Call
}

func (f *feed) hear(e session.Event) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if e.Record == nil {
		f.cluster.fail("the feed of node %d told that session %s has ended", f.node, e.ID)
		return
	}
	version := e.Record.State.Version
	if version < f.versions[e.ID] {
		f.cluster.fail("the feed of node %d told version %d of session %s after %d", f.node, version, e.ID, f.versions[e.ID])
	}
	f.versions[e.ID] = version
	f.listens[e.ID].End(history.Output{Version: version, Data: content(e.Record.State)})
}

// told is the newest version that the feed told.
func (f *feed) told(id session.ID) uint64 {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.versions[id]
}

// content is what a state holds, as package history has it.
func content(s *session.State) map[string]any {
	data := map[string]any{}
	for _, e := range s.Entries {
		var value any
		if err := json.Unmarshal(e.Value, &value); err != nil {
			panic(fmt.Sprintf("a store has %q under %q: %v", e.Value, e.Key, err))
		}
		data[e.Key] = value
	}
	return data
}

// linearClient asks for one thing after the other.
type linearClient struct {
	cluster *cluster
	number  int
	random  *rand.Rand
	highest uint64 // id it gave a mutation
	version uint64 // the newest it knows of
}

func (c *linearClient) run() {
	every := int64(linearClients * linearEach / (linearFaults + 1))
	for range linearEach {
		h := c.cluster.handles[c.random.IntN(linearSessions)]
		switch c.random.IntN(5) {
		case 0, 1:
			c.read(h)
		case 2:
			c.write(h, session.SenderID{})
		default:
			c.write(h, session.SenderID{1: byte(c.number), 15: 1})
		}
		if n := c.cluster.asked.Add(1); n%every == 0 && n/every <= linearFaults {
			c.cluster.breaks()
		}
	}
}

func (c *linearClient) read(h session.Handle) {
	node, _ := c.cluster.node(c.number)
	call := c.cluster.history.Begin(c.number, history.Input{Session: h.ID.String()})
	r, err := node.Load(context.Background(), h)
	if session.CodeOf(err) == session.Unavailable && err != nil {
		return
	}
	out := history.Output{Data: map[string]any{}}
	switch {
	case err != nil:
		out.Code = string(session.CodeOf(err))
	case r != nil:
		out.Version, out.Data = r.State.Version, content(r.State)
	}
	c.version = out.Version
	call.End(out)
}

// write sends a mutation; where it counts once, and there was no answer, again until there is one.
func (c *linearClient) write(h session.Handle, sender session.SenderID) {
	c.highest++
	text := history.Draw(c.random, c.number*1000+int(c.highest), c.version)
	m, err := session.DecodeMutation([]byte(text))
	if err != nil {
		panic(err)
	}
	in := history.Input{Session: h.ID.String(), Mutation: text}
	if sender != (session.SenderID{}) {
		m.ID = c.highest
		in.Client, in.ID = uuid.UUID(sender).String(), m.ID
	}
	var lost []func()
	for {
		node, feed := c.cluster.node(c.number)
		call := c.cluster.history.Begin(c.number, in)
		result, err := node.Apply(context.Background(), session.Submission{Handle: h, By: session.ByCode, Sender: sender, Mutation: &m})
		if err != nil && session.CodeOf(err) == session.Unavailable {
			lost = append(lost, call.Lost())
			if in.ID == 0 {
				return
			}
			continue
		}
		call.End(c.answer(result, err))
		if told := feed.told(h.ID); err == nil && result.State != result.Before && told < result.State.Version {
			c.cluster.fail("an answer told of version %d, the feed of %d", result.State.Version, told)
		}
		for _, learnt := range lost {
			learnt()
		}
		return
	}
}

func (c *linearClient) answer(result session.Result, err error) history.Output {
	if refusal, ok := errors.AsType[*session.Error](err); ok {
		return history.Output{Code: string(refusal.Code), Version: refusal.Version}
	}
	c.version = result.State.Version
	return history.Output{Version: result.State.Version, Duplicate: result.Duplicate, Data: content(result.State)}
}
