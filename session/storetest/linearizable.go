package storetest

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
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
	// Faults happen while clients write, one after the other, each once.
	Faults []Fault
}

// Fault breaks something, and returns the stores that the servers have from then on: the same ones, or new ones where it closed
// those. anew says that the store presents all sessions at higher versions from then on, since it may have gone back in time.
type Fault func() (stores []session.Store, anew bool)

// The size of a run: what Porcupine checks in about a second.
const (
	linearClients  = 6
	linearSessions = 2
	linearEach     = 60 // what each client asks for
	linearCheck    = time.Minute
	// linearPatience is how long the last commit may take to be told on every node: the longest that a store tries to reach what it keeps.
	linearPatience = 30 * time.Second
)

// Linearizable has clients of several nodes write and read a few sessions through session.Manager, while faults happen, and
// checks that all they were answered, and all that the feeds told, happened in one order: see package history. It returns how much
// that was.
func Linearizable(t *testing.T, nodes Nodes) (answers, lost int) {
	t.Helper()
	seed := rand.Uint64()
	h, failed := record(nodes, seed)
	if err := errors.Join(failed, h.Check(linearCheck)); err != nil {
		t.Errorf("seed %d: %v", seed, err)
	}
	return h.Len()
}

// WritesLinearizable is for a store that shows what a fault may undo before it acknowledges it. Only the answers to writes are held to
// one order; whether there is one it returns. What goes for all stores it checks itself: feeds go forward, and all nodes end up alike.
func WritesLinearizable(t *testing.T, nodes Nodes) (answers int, order error) {
	t.Helper()
	seed := rand.Uint64()
	h, failed := record(nodes, seed)
	if failed != nil {
		t.Errorf("seed %d: %v", seed, failed)
	}
	writes := h.Writes()
	answers, _ = writes.Len()
	return answers, writes.Check(linearCheck)
}

// record is a run. Its error is of what no history shows.
func record(nodes Nodes, seed uint64) (*history.History, error) {
	c := &cluster{
		history: history.New(), stores: nodes.Stores, faults: nodes.Faults,
		every: int64(linearClients * linearEach / (len(nodes.Faults) + 1)),
	}
	for n := range byte(linearSessions) {
		c.handles = append(c.handles, handle(n+1))
	}
	for n, store := range c.stores {
		c.nodes = append(c.nodes, c.start(n, store))
	}
	var clients sync.WaitGroup
	for n := range linearClients {
		clients.Go(func() {
			client := linearClient{cluster: c, number: n, random: rand.New(rand.NewPCG(seed, uint64(n)))}
			client.run()
		})
	}
	clients.Wait()
	c.settle()
	for _, node := range c.nodes {
		node.stop()
	}
	return c.history, c.failed
}

// cluster is the servers of one run.
type cluster struct {
	handles []session.Handle
	history *history.History
	asked   atomic.Int64
	every   int64 // so many are asked for between two faults

	serving sync.RWMutex // guards what follows; held while servers are replaced
	faults  []Fault      // to come
	stores  []session.Store
	nodes   []*feed

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

func (c *cluster) start(n int, store session.Store) *feed {
	return newFeed(c, n, session.NewManager(store, session.Options{Rate: -1, NewSessions: -1, Logger: slog.New(slog.DiscardHandler)}))
}

// breaks has the next fault happen. Whoever asks for something new waits until it has.
func (c *cluster) breaks() {
	c.serving.Lock()
	defer c.serving.Unlock()
	if len(c.faults) == 0 {
		return
	}
	fault := c.faults[0]
	c.faults = c.faults[1:]
	begun := []*history.Call{}
	for _, h := range c.handles {
		begun = append(begun, c.history.Begin(linearClients+len(c.nodes), history.Input{Session: h.ID.String(), Anew: true}))
	}
	stores, anew := fault()
	for _, call := range begun {
		if anew {
			call.Lost() // since it is when a session is asked for that it is presented so
		}
	}
	for n, store := range stores {
		if store != c.stores[n] {
			c.nodes[n].stop()
			c.nodes[n] = c.start(n, store)
		}
	}
	c.stores = stores
}

func (c *cluster) node(n int) *feed {
	c.serving.RLock()
	defer c.serving.RUnlock()
	return c.nodes[n%len(c.nodes)]
}

// settle waits until every node was told of the last commit.
func (c *cluster) settle() {
	for _, h := range c.handles {
		r, err := c.nodes[0].manager.Load(context.Background(), h)
		if err != nil || r == nil {
			c.fail("at the end there is %v, %v", r, err)
			return
		}
		for _, node := range c.nodes {
			if !node.reaches(h.ID, r.State.Version) {
				c.fail("node %d was told of version %d of session %s, which is at %d", node.number, node.told(h.ID), h.ID, r.State.Version)
			}
		}
	}
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
		if c.cluster.asked.Add(1)%c.cluster.every == 0 {
			c.cluster.breaks()
		}
	}
}

func (c *linearClient) read(h session.Handle) {
	node := c.cluster.node(c.number)
	call := c.cluster.history.Begin(c.number, history.Input{Session: h.ID.String()})
	r, err := node.manager.Load(context.Background(), h)
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
		node := c.cluster.node(c.number)
		call := c.cluster.history.Begin(c.number, in)
		result, err := node.manager.Apply(context.Background(), session.Submission{Handle: h, By: session.ByCode, Sender: sender, Mutation: &m})
		if err != nil && session.CodeOf(err) == session.Unavailable {
			lost = append(lost, call.Lost())
			if in.ID == 0 {
				return
			}
			continue
		}
		call.End(c.answer(result, err))
		if told := node.told(h.ID); err == nil && result.State != result.Before && told < result.State.Version {
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
