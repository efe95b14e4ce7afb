package pebblestore

import (
	"container/list"
	"sync"

	"github.com/seshd/seshd/session"
)

// What a decoded record costs beside its keys and values, measured on the heap.
const (
	recordOverhead   = 384
	entryOverhead    = 56 // the Entry, and what the allocator adds to two small strings
	deletionOverhead = 64
	senderOverhead   = 32
	deviceOverhead   = 144
)

// cache keeps the records written last, decoded, up to a number of bytes. Only writes put something in: a crawler that reads
// all sessions throws out none that is at work.
type cache struct {
	mu      sync.Mutex // guards all below
	max     int
	size    int
	order   *list.List // of *cached, the newest in front
	records map[session.ID]*list.Element
}

type cached struct {
	record *session.Record
	cost   int
}

func newCache(bytes int) *cache {
	return &cache{max: max(bytes, 0), order: list.New(), records: make(map[session.ID]*list.Element)}
}

func cost(r *session.Record) int {
	bytes := recordOverhead + r.State.Size() + len(r.State.Entries)*entryOverhead + len(r.Senders)*senderOverhead
	for _, d := range r.Devices {
		bytes += deviceOverhead + len(d.Agent)
	}
	for _, d := range r.State.Deletions {
		bytes += deletionOverhead + len(d.Key)
	}
	return bytes
}

func (c *cache) get(id session.ID) *session.Record {
	c.mu.Lock()
	defer c.mu.Unlock()
	at, found := c.records[id]
	if !found {
		return nil
	}
	c.order.MoveToFront(at)
	return at.Value.(*cached).record
}

func (c *cache) bytes() int {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.size
}

func (c *cache) has(id session.ID) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	_, found := c.records[id]
	return found
}

// put replaces the record of a session; nil forgets it.
func (c *cache) put(id session.ID, r *session.Record) {
	c.mu.Lock()
	defer c.mu.Unlock()
	at, found := c.records[id]
	if r == nil {
		if found {
			c.remove(at)
		}
		return
	}
	if !found {
		at = c.order.PushFront(&cached{})
		c.records[id] = at
	}
	c.order.MoveToFront(at)
	have := at.Value.(*cached)
	c.size -= have.cost
	have.record, have.cost = r, cost(r)
	for c.size += have.cost; c.size > c.max; {
		c.remove(c.order.Back())
	}
}

func (c *cache) remove(at *list.Element) {
	have := c.order.Remove(at).(*cached)
	delete(c.records, have.record.ID)
	c.size -= have.cost
}
