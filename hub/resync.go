package hub

import (
	"cmp"
	"context"
	"math/rand/v2"
	"slices"
	"sync"
	"time"

	"github.com/seshd/seshd/session"
)

const (
	// lookers is how many rooms load at once what they may have missed: enough to keep a connection busy, few enough to leave it
	// to those who wait.
	lookers = 16

	// lookPause is how long each of them waits, up to double that, when the store could not be asked.
	lookPause = 500 * time.Millisecond

	// All rooms are compared with the store once in comparePeriod, a part of them each compareStep, since a last message
	// that was lost shows in nothing else. Where there are more than maxCompares a step it takes longer.
	comparePeriod = 45 * time.Second
	compareStep   = time.Second
	maxCompares   = 2000
)

// behind has the rooms that are to look at a shared store.
type behind struct {
	mu      sync.Mutex
	rooms   []*room
	running int
	closed  bool
}

func (b *behind) close() {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.closed = true
}

// look has a room see soon what a shared store holds. It does not block.
func (h *Hub) look(r *room) {
	if h.shared == nil {
		return
	}
	b := &h.behind
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.closed || r.queued {
		return
	}
	r.queued = true
	b.rooms = append(b.rooms, r)
	if b.running < lookers {
		b.running++
		h.tended.Go(h.lookAtAll)
	}
}

// next takes the room that has waited for longest. Where there is none the looker has ended.
func (b *behind) next() *room {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.closed || len(b.rooms) == 0 {
		b.running--
		return nil
	}
	r := b.rooms[0]
	b.rooms[0], b.rooms = nil, b.rooms[1:]
	r.queued = false
	return r
}

func (h *Hub) lookAtAll() {
	for r := h.behind.next(); r != nil; r = h.behind.next() {
		if h.lookAt(r) == nil {
			continue
		}
		select {
		case <-h.ctx.Done():
		case <-time.After(lookPause + rand.N(lookPause)):
		}
		h.look(r) // not before, or another looker would ask at once
	}
}

// lookAt has a room learn what the store holds, and closes the tabs of devices that are gone. An error is the store's.
func (h *Hub) lookAt(r *room) error {
	if !h.used(r) {
		return nil
	}
	ctx, cancel := context.WithTimeout(h.ctx, storeWait)
	defer cancel()
	before := r.sight()
	record, err := h.shared.Load(ctx, r.id)
	if err != nil {
		return err
	}
	byes, record, err := h.refused(ctx, r, record, before.record)
	if err != nil {
		return err
	}
	r.dismiss(byes)
	switch {
	case record == nil && len(byes) > 0:
		h.end(r, session.Event{ID: r.id, Cause: session.Destroyed})
	case !r.learn(record, before):
		h.look(r)
	}
	return nil
}

// refused finds out which devices that have tabs here have no part in the session any more, and why. It returns the record too,
// or a newer one that it came upon.
func (h *Hub) refused(ctx context.Context, r *room, loaded, known *session.Record) (map[session.DeviceID]*Bye, *session.Record, error) {
	byes := make(map[session.DeviceID]*Bye)
	for _, handle := range r.handles() {
		now := time.Now()
		if handle.Listed(loaded, now) {
			continue
		}
		fresh, err := h.manager.Load(ctx, handle)
		switch {
		case err == nil && fresh != nil:
			loaded = fresh
		case err == nil: // nothing was written yet
		case session.CodeOf(err) == session.Unavailable:
			return nil, nil, err
		default:
			byes[handle.Device] = byeSeen(handle, err, cmp.Or(loaded, known), loaded == nil, now)
		}
	}
	return byes, loaded, nil
}

func (h *Hub) used(r *room) bool {
	h.mu.Lock()
	defer h.mu.Unlock()
	return r.users > 0
}

// handles has one of each device that has tabs here.
func (r *room) handles() (handles []session.Handle) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for t := range r.tabs {
		same := func(h session.Handle) bool { return h.Device == t.join.Handle.Device }
		if t.bye == nil && !slices.ContainsFunc(handles, same) {
			handles = append(handles, t.join.Handle)
		}
	}
	return handles
}

// dismiss closes the tabs of devices that were put out.
func (r *room) dismiss(byes map[session.DeviceID]*Bye) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for t := range r.tabs {
		if bye := byes[t.join.Handle.Device]; bye != nil {
			t.out = true
			t.say(bye)
			t.join.Wake()
		}
	}
}

// compare has all rooms look at the store now and then.
func (h *Hub) compare() {
	tick := time.NewTicker(compareStep)
	defer tick.Stop()
	var round []*room
	for step, steps := 0, 0; ; step++ {
		select {
		case <-h.ctx.Done():
			return
		case <-tick.C:
		}
		if step == steps {
			round = h.all()
			step, steps = 0, max(int(comparePeriod/compareStep), len(round)/maxCompares+1)
		}
		for _, r := range round[len(round)*step/steps : len(round)*(step+1)/steps] {
			h.look(r)
		}
	}
}
