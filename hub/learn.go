package hub

import "github.com/seshd/seshd/session"

// sight is what a room knew before a load began.
type sight struct {
	record *session.Record // nil: nothing that the load could be held against
	term   uint64
}

func (r *room) sight() sight {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.settled != r.term {
		return sight{term: r.term}
	}
	return sight{r.record, r.term}
}

// learn takes what was loaded, which may be older than what the feed told meanwhile. It is false where that cannot be judged: the
// store may have gone back in time since the load began, or shows less than was known by then, which is the same. Load again.
func (r *room) learn(loaded *session.Record, before sight) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	switch {
	case r.over != nil: // that nothing is left of it is as it should be
	case before.term != r.term:
		return false
	case r.settled != r.term:
		r.renew(loaded)
		r.wakeAll()
	case before.record != nil && (loaded == nil || less(loaded, before.record)):
		r.doubt()
		return false
	case loaded != nil && newer(loaded, r.record):
		if r.replace(loaded) {
			r.wakeAll()
		}
	}
	return true
}

func less(a, b *session.Record) bool { return a.State.Version < b.State.Version || a.Epoch < b.Epoch }

// doubt notes that the store may have gone back in time; the caller holds mu. What it shows from now on counts, whatever its version.
func (r *room) doubt() {
	r.term++
	r.hub.wentBack.Store(true)
}

// renew sets the record where the versions that tabs have say nothing about it: each gets the whole session.
func (r *room) renew(record *session.Record) {
	r.record, r.shared, r.settled = record, nil, r.term
	r.passing.drop()
	r.passing = nil
	for t := range r.tabs {
		t.out = t.out && t.bye != nil
		t.join.Since = nil
		if t.greeted {
			t.greeted, t.join.Former = false, session.ID{}
		}
	}
	if record != nil {
		r.fence(record)
	}
}

// missed hears from a shared store that the feed may not have told everything.
func (h *Hub) missed(ids []session.ID, anew bool) {
	if anew {
		h.wentBack.Store(true) // for those who come back too
	}
	for _, id := range ids {
		r := h.find(id)
		if r == nil {
			continue
		}
		if anew {
			r.mu.Lock()
			r.doubt()
			r.mu.Unlock()
		}
		h.look(r)
	}
}
