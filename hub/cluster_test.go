package hub

import (
	"context"
	"log/slog"
	"slices"
	"sync"
	"testing"

	"github.com/seshd/seshd/session"
	"github.com/seshd/seshd/session/pebblestore"
)

// cluster is servers that share a store: a pebblestore, and between the servers a wire in this process that can do what no real one
// does on demand. It may lose, delay, duplicate and reorder what they are told, and be cut.
type cluster struct {
	nodes []*node

	mu    sync.Mutex
	heard []session.Event // by the feed of the pebblestore, and not yet taken by the update that made them
}

// node is one server, and the store as that one has it.
type node struct {
	session.Store
	cluster *cluster
	manager *session.Manager
	hub     *Hub

	telling  sync.Mutex // serializes what the hub is told
	feed     func(session.Event)
	listener session.Listener

	// Guarded by cluster.mu.
	watched  map[session.ID]int
	tabs     map[session.ID]int
	watches  int
	held     bool
	inbox    []session.Event // of other servers, where held
	cut      bool
	asked    int             // how often, in or out of reach
	goesBack *session.Record // what Load returns instead
	loaded   func()          // called once, after a load
	watching func()          // called within Watch
}

func startCluster(t *testing.T, size int, so session.Options, ho Options) *cluster {
	t.Helper()
	so.Logger = slog.New(slog.DiscardHandler)
	store, err := pebblestore.Open(t.TempDir(), pebblestore.Options{Logger: so.Logger})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := store.Close(); err != nil {
			t.Error(err)
		}
	})
	c := &cluster{}
	store.Feed(c.hear)
	for range size {
		n := &node{Store: store, cluster: c, watched: make(map[session.ID]int), tabs: make(map[session.ID]int)}
		n.manager = session.NewManager(n, so)
		n.hub = New(n.manager, ho)
		c.nodes = append(c.nodes, n)
		t.Cleanup(func() {
			n.hub.Close()
			if err := n.manager.Close(); err != nil {
				t.Error(err)
			}
		})
	}
	return c
}

// hear keeps an event for the Done that follows. What a sweep ended is nobody's own.
func (c *cluster) hear(e session.Event) {
	c.mu.Lock()
	c.heard = append(c.heard, e)
	c.mu.Unlock()
	if e.Cause == session.Expired {
		c.publish(nil)
	}
}

// publish tells of what was heard: the server that did it at once, the others by the wire.
func (c *cluster) publish(by *node) {
	c.mu.Lock()
	heard := c.heard
	c.heard = nil
	c.mu.Unlock()
	for _, e := range heard {
		for _, n := range c.nodes {
			if n == by || n.receives(e) {
				n.tell(e)
			}
		}
	}
}

// receives says whether an event of another server arrives now.
func (n *node) receives(e session.Event) bool {
	n.cluster.mu.Lock()
	defer n.cluster.mu.Unlock()
	if n.cut || n.watched[e.ID] == 0 {
		return false
	}
	if n.held {
		n.inbox = append(n.inbox, e)
	}
	return !n.held
}

func (n *node) tell(e session.Event) {
	n.telling.Lock()
	defer n.telling.Unlock()
	n.feed(e)
}

func (n *node) hold() { n.locked(func() { n.held = true }) }

// deliver takes one of the events that are held off the wire, or leaves it there to come again.
func (n *node) deliver(at int, again bool) {
	var e session.Event
	n.locked(func() {
		e = n.inbox[at]
		if !again {
			n.inbox = slices.Delete(n.inbox, at, at+1)
		}
	})
	n.tell(e)
}

// lose empties the wire and holds nothing any more.
func (n *node) lose() { n.locked(func() { n.inbox, n.held = nil, false }) }

func (n *node) sever() { n.locked(func() { n.cut = true }) }

// heal connects a server to the store again, which tells it so.
func (n *node) heal(anew bool) {
	var ids []session.ID
	n.locked(func() {
		n.cut = false
		for id := range n.watched {
			ids = append(ids, id)
		}
	})
	n.telling.Lock()
	n.listener.Missed(ids, anew)
	n.telling.Unlock()
	for _, id := range ids {
		n.tellTabs(id)
	}
}

func (n *node) locked(do func()) {
	n.cluster.mu.Lock()
	defer n.cluster.mu.Unlock()
	do()
}

var errCut = session.Refuse(session.Unavailable, "the session store cannot be reached")

func (n *node) reach() (err error) {
	n.locked(func() {
		n.asked++
		if n.cut {
			err = errCut
		}
	})
	return err
}

// The Store, where it can be reached.

func (n *node) Close() error { return nil } // it is the cluster's

func (n *node) Feed(feed func(session.Event)) { n.feed = feed }

func (n *node) Load(ctx context.Context, id session.ID) (r *session.Record, err error) {
	if err := n.reach(); err != nil {
		return nil, err
	}
	r, err = n.Store.Load(ctx, id)
	var loaded func()
	n.locked(func() {
		if n.goesBack != nil {
			r = n.goesBack
		}
		loaded, n.loaded = n.loaded, nil
	})
	if loaded != nil {
		loaded()
	}
	return r, err
}

func (n *node) Token(ctx context.Context, key session.TokenKey) (*session.TokenRecord, error) {
	if err := n.reach(); err != nil {
		return nil, err
	}
	return n.Store.Token(ctx, key)
}

func (n *node) Update(u session.Update) {
	if err := n.reach(); err != nil {
		u.Done(nil, err)
		return
	}
	done := u.Done
	u.Done = func(r *session.Record, err error) {
		n.cluster.publish(n)
		done(r, err)
	}
	n.Store.Update(u)
}

func (n *node) Login(a session.Admission) {
	if err := n.reach(); err != nil {
		a.Done(err)
		return
	}
	done := a.Done
	a.Done = func(err error) {
		n.cluster.publish(n)
		done(err)
	}
	n.Store.Login(a)
}

func (n *node) Ready(ctx context.Context) error {
	if err := n.reach(); err != nil {
		return err
	}
	return n.Store.Ready(ctx)
}

// What makes it Shared.

func (n *node) Listen(l session.Listener) { n.listener = l }

func (n *node) Watch(_ context.Context, id session.ID) error {
	if err := n.reach(); err != nil {
		return err
	}
	var watching func()
	n.locked(func() { n.watches++; watching = n.watching })
	if watching != nil {
		watching()
	}
	n.locked(func() { n.watched[id]++ })
	n.tellTabs(id)
	return nil
}

func (n *node) Unwatch(id session.ID) {
	n.locked(func() {
		if n.watched[id]--; n.watched[id] == 0 {
			delete(n.watched, id)
		}
	})
}

func (n *node) Enter(_ context.Context, id session.ID, limit int) (entered bool, err error) {
	if err := n.reach(); err != nil {
		return false, err
	}
	n.locked(func() {
		if entered = limit == 0 || n.elsewhere(id)+n.tabs[id] < limit; entered {
			n.tabs[id]++
		}
	})
	n.cluster.tellTabs(n, id)
	return entered, nil
}

func (n *node) Leave(id session.ID) {
	n.locked(func() { n.tabs[id]-- })
	n.cluster.tellTabs(n, id)
}

func (n *node) TabsElsewhere(_ context.Context, id session.ID) (texts [][]byte, err error) {
	if err := n.reach(); err != nil {
		return nil, err
	}
	for _, other := range n.cluster.nodes {
		if other != n && other.reach() == nil {
			texts = append(texts, other.listener.Describe(id))
		}
	}
	return texts, nil
}

// elsewhere is how many tabs the others have; the caller holds cluster.mu.
func (n *node) elsewhere(id session.ID) (tabs int) {
	for _, other := range n.cluster.nodes {
		if other != n {
			tabs += other.tabs[id]
		}
	}
	return tabs
}

func (c *cluster) tellTabs(by *node, id session.ID) {
	for _, n := range c.nodes {
		if n != by {
			n.tellTabs(id)
		}
	}
}

// tellTabs counts when it tells, so that the last that is told is true.
func (n *node) tellTabs(id session.ID) {
	n.telling.Lock()
	defer n.telling.Unlock()
	var hears bool
	var tabs int
	n.locked(func() { hears, tabs = !n.cut && n.watched[id] > 0, n.elsewhere(id) })
	if hears {
		n.listener.Tabs(id, tabs)
	}
}
