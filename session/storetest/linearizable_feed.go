package storetest

import (
	"context"
	"sync"
	"time"

	"github.com/seshd/seshd/session"
	"github.com/seshd/seshd/session/storetest/history"
)

// feed is one node, and what its feed told. It keeps up with the store as a hub does: where several servers share that, it watches,
// and loads where commits may have been missed.
type feed struct {
	cluster *cluster
	number  int
	manager *session.Manager
	listens map[session.ID]*history.Call
	running context.Context
	end     context.CancelFunc
	loading sync.WaitGroup
	news    chan struct{} // holds one where something is known that was not

	mu       sync.Mutex            // guards what follows
	fed      map[session.ID]uint64 // the newest that the feed told
	versions map[session.ID]uint64 // the newest that is known
	anew     map[session.ID]bool   // the feed's next version may be any
}

func newFeed(c *cluster, number int, m *session.Manager) *feed {
	f := &feed{
		cluster: c, number: number, manager: m, listens: make(map[session.ID]*history.Call), news: make(chan struct{}, 1),
		fed: make(map[session.ID]uint64), versions: make(map[session.ID]uint64), anew: make(map[session.ID]bool),
	}
	f.running, f.end = context.WithCancel(context.Background())
	for _, h := range c.handles {
		f.listens[h.ID] = c.history.Begin(linearClients+number, history.Input{Session: h.ID.String()})
	}
	m.Feed(f.hear)
	if shared := m.Shared(); shared != nil {
		shared.Listen(session.Listener{Missed: f.missed, Tabs: func(session.ID, int) {}, Describe: func(session.ID) []byte { return nil }})
		for _, h := range c.handles {
			if err := shared.Watch(f.running, h.ID); err != nil {
				c.fail("watch: %v", err)
			}
		}
	}
	for _, h := range c.handles {
		f.load(h)
	}
	return f
}

func (f *feed) stop() {
	f.end()
	if err := f.manager.Close(); err != nil {
		f.cluster.fail("close: %v", err)
	}
	f.loading.Wait()
}

func (f *feed) hear(e session.Event) {
	if e.Record == nil {
		f.cluster.fail("the feed of node %d told that session %s has ended", f.number, e.ID)
		return
	}
	version := e.Record.State.Version
	f.mu.Lock()
	if version < f.fed[e.ID] && !f.anew[e.ID] {
		f.cluster.fail("the feed of node %d told version %d of session %s after %d", f.number, version, e.ID, f.fed[e.ID])
	}
	f.fed[e.ID], f.versions[e.ID], f.anew[e.ID] = version, max(version, f.versions[e.ID]), false
	f.mu.Unlock()
	f.noted(e.Record)
}

func (f *feed) noted(r *session.Record) {
	f.listens[r.ID].End(history.Output{Version: r.State.Version, Data: content(r.State)})
	select {
	case f.news <- struct{}{}:
	default:
	}
}

func (f *feed) missed(ids []session.ID, anew bool) {
	f.mu.Lock()
	for _, id := range ids {
		f.anew[id] = f.anew[id] || anew
	}
	f.mu.Unlock()
	for _, id := range ids {
		for _, h := range f.cluster.handles {
			if h.ID == id && f.running.Err() == nil {
				f.loading.Go(func() { f.load(h) })
			}
		}
	}
}

// load asks the store, until that answers.
func (f *feed) load(h session.Handle) {
	for f.running.Err() == nil {
		r, err := f.manager.Load(f.running, h)
		if err != nil {
			continue // a store that cannot be reached takes its time to say so
		}
		if r == nil {
			return
		}
		f.mu.Lock()
		newer := r.State.Version > f.versions[h.ID]
		if newer {
			f.versions[h.ID] = r.State.Version
		}
		f.mu.Unlock()
		if newer {
			f.noted(r)
		}
		return
	}
}

// told is the newest version that is known.
func (f *feed) told(id session.ID) uint64 {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.versions[id]
}

// reaches waits until a version is known.
func (f *feed) reaches(id session.ID, version uint64) bool {
	patience := time.NewTimer(linearPatience)
	defer patience.Stop()
	for f.told(id) < version {
		select {
		case <-f.news:
		case <-patience.C:
			return false
		}
	}
	return true
}
