package hub

import (
	"cmp"
	"context"
	"encoding/json"
	"slices"
	"sync"
	"time"

	"github.com/seshd/seshd/session"
)

// Info describes an open tab, to the servers that share a store too: as JSON, by the names of its fields.
type Info struct {
	Transport string
	Opened    time.Time
	Version   uint64 // told so far
	UserAgent string
	Device    session.DeviceID
	Sender    session.SenderID
}

// Tabs says how many tabs a session has open, on all servers. Where this one has any it knows.
func (h *Hub) Tabs(ctx context.Context, id session.ID) int {
	if r := h.find(id); r != nil {
		r.mu.Lock()
		defer r.mu.Unlock()
		return r.count()
	}
	elsewhere, _ := h.listElsewhere(ctx, id) // of servers that cannot be asked the count is not known
	return len(elsewhere)
}

// List describes the open tabs of a session on all servers, the oldest first.
func (h *Hub) List(ctx context.Context, id session.ID) ([]Info, error) {
	infos, err := h.listElsewhere(ctx, id)
	if err != nil {
		return nil, err
	}
	infos = append(infos, h.list(id)...)
	slices.SortFunc(infos, func(a, b Info) int { return cmp.Compare(a.Opened.UnixNano(), b.Opened.UnixNano()) })
	return infos, nil
}

func (h *Hub) list(id session.ID) (infos []Info) {
	r := h.find(id)
	if r == nil {
		return nil
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	for t := range r.tabs {
		infos = append(infos, Info{
			Transport: t.join.Transport, Opened: t.opened, Version: t.told,
			UserAgent: t.join.UserAgent, Device: t.join.Handle.Device, Sender: t.join.Sender,
		})
	}
	return infos
}

// listElsewhere asks the other servers for what their describe says.
func (h *Hub) listElsewhere(ctx context.Context, id session.ID) (all []Info, err error) {
	if h.shared == nil {
		return nil, nil
	}
	texts, err := h.shared.TabsElsewhere(ctx, id)
	if err != nil {
		return nil, err
	}
	for _, text := range texts {
		var infos []Info
		if json.Unmarshal(text, &infos) == nil { // else that server is of another version, and left out
			all = append(all, infos...)
		}
	}
	return all, nil
}

// describe answers another server's listElsewhere.
func (h *Hub) describe(id session.ID) []byte {
	text, _ := json.Marshal(h.list(id)) // nothing in an Info can fail
	return text
}

// count counts a tab in on all servers, before it becomes one; uncount is to follow, once.
func (h *Hub) count(ctx context.Context, r *room) error {
	if h.shared == nil {
		return nil
	}
	limit := h.manager.MaxTabs()
	counted, err := h.shared.Enter(ctx, r.id, limit)
	switch {
	case err != nil:
		return unavailable(err)
	case !counted:
		return tooManyTabs(limit)
	}
	return nil
}

func (h *Hub) uncount(r *room) {
	if h.shared != nil {
		h.shared.Leave(r.id)
	}
}

// tabsElsewhere hears how many tabs the other servers have.
func (h *Hub) tabsElsewhere(id session.ID, elsewhere int) {
	r := h.find(id)
	if r == nil {
		return
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.elsewhere = elsewhere
	r.countChanged()
}

// count is how many tabs the session has; the caller holds mu.
func (r *room) count() int { return len(r.tabs) + r.elsewhere }

// miscounts says whether the tab is to be told of another tab count.
func (t *Tab) miscounts() bool { return t.toldTabs != t.room.count() && t.bye == nil && !t.out }

// countPause is how long a new tab count waits for the next one. A thousand tabs that come or go at once would else wake each
// other a million times; nobody sees a count come that much later.
const countPause = 50 * time.Millisecond

// counted has the rooms whose tabs are to be told of another tab count.
type counted struct {
	mu    sync.Mutex
	rooms []*room
	some  chan struct{} // holds one token while there are rooms
}

// countChanged has the tabs told soon; the caller holds mu.
func (r *room) countChanged() {
	if r.recount || len(r.tabs) == 0 {
		return
	}
	r.recount = true
	c := &r.hub.counted
	c.mu.Lock()
	defer c.mu.Unlock()
	c.rooms = append(c.rooms, r)
	if len(c.rooms) == 1 {
		c.some <- struct{}{}
	}
}

func (c *counted) take() []*room {
	c.mu.Lock()
	defer c.mu.Unlock()
	rooms := c.rooms
	c.rooms = nil
	return rooms
}

// tellCounts wakes the tabs of rooms whose tab count has changed.
func (h *Hub) tellCounts() {
	for {
		select {
		case <-h.ctx.Done():
			return
		case <-h.counted.some:
		}
		select {
		case <-h.ctx.Done():
			return
		case <-time.After(countPause):
		}
		for _, r := range h.counted.take() {
			r.tellCount()
		}
	}
}

func (r *room) tellCount() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.recount = false
	for t := range r.tabs {
		if t.greeted && t.miscounts() {
			t.join.Wake()
		}
	}
}
