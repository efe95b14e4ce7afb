package hub

import (
	"context"
	"sync"
	"sync/atomic"
	"time"

	"github.com/seshd/seshd/session"
)

// Options tune a Hub; the zero value is good.
type Options struct {
	// CloseIdleTabs lets a session time out under its open tabs. Without it an open tab counts as activity.
	CloseIdleTabs bool
}

// Hub has the rooms of one server. It may be used concurrently.
type Hub struct {
	manager *session.Manager
	shared  session.Shared // nil: the store is this server's alone
	options Options
	began   time.Time
	ctx     context.Context // of the hub's own work, until Close
	stop    context.CancelFunc
	tended  sync.WaitGroup
	counted counted
	behind  behind
	// wentBack is set once the store may have gone back in time. Versions that a connection brings from before mean nothing.
	wentBack atomic.Bool

	mu       sync.Mutex // guards what follows; never held while a room's mu is waited for
	rooms    map[session.ID]*room
	draining bool
}

// New starts a hub that listens to the manager's feed.
func New(m *session.Manager, o Options) *Hub {
	ctx, stop := context.WithCancel(context.Background())
	h := &Hub{manager: m, shared: m.Shared(), options: o, began: time.Now(), ctx: ctx, stop: stop, rooms: make(map[session.ID]*room)}
	h.counted.some = make(chan struct{}, 1)
	m.Feed(h.commit)
	h.tended.Go(h.tend)
	h.tended.Go(h.tellCounts)
	if h.shared != nil {
		h.shared.Listen(session.Listener{Missed: h.missed, Tabs: h.tabsElsewhere, Describe: h.describe})
		h.tended.Go(h.compare)
	}
	return h
}

// Close stops the hub's own work. Tabs are closed by Drain.
func (h *Hub) Close() {
	h.behind.close()
	h.stop()
	h.tended.Wait()
}

func (h *Hub) find(id session.ID) *room {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.rooms[id]
}

// Join is what a connection says when it enters.
type Join struct {
	Handle    session.Handle
	Since     *uint64    // resume from this version, where that can be told
	Former    session.ID // the session that the connection knew before, if it was another one
	Transport string
	UserAgent string
	Sender    session.SenderID
	// Wake is called when there may be something to tell: Next says what. It must neither block nor call the hub.
	Wake func()
}

// Join makes a connection a tab of its session. The order closes every gap: enter the room, so that no commit is missed
// from here on; load; check the device in that very load; only then become a tab, whose first frame is the newest state.
// Of a shared store the room hears once it watches, and the tab is counted first: nothing is waited for after the load.
func (h *Hub) Join(ctx context.Context, j Join) (*Tab, error) {
	r, err := h.enter(j.Handle.ID)
	if err != nil {
		return nil, err
	}
	defer h.exit(r)
	if err := h.watch(ctx, r); err != nil {
		return nil, err
	}
	if err := h.count(ctx, r); err != nil {
		return nil, err
	}
	t, err := h.load(ctx, r, j)
	if err != nil {
		h.uncount(r)
	}
	return t, err
}

// load loads the session that a connection wants to enter, and makes it a tab.
func (h *Hub) load(ctx context.Context, r *room, j Join) (*Tab, error) {
	for learned := false; !learned; {
		before := r.sight()
		record, err := h.manager.Load(ctx, j.Handle)
		if err != nil {
			return nil, err
		}
		h.manager.Touch(j.Handle, record)
		learned = r.learn(record, before)
	}
	t, err := r.admit(j)
	if err != nil && session.CodeOf(err) == session.NoSuchSession { // since the load: the manager knows whether the cookie was replaced
		if _, why := h.manager.Load(ctx, j.Handle); why != nil {
			err = why
		}
	}
	return t, err
}

// enter finds or makes a room and counts the caller in, so that the room is kept until exit.
func (h *Hub) enter(id session.ID) (*room, error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.draining {
		return nil, Restarting
	}
	r := h.rooms[id]
	if r == nil {
		r = &room{hub: h, id: id, tabs: make(map[*Tab]struct{})}
		h.rooms[id] = r
	}
	r.users++
	return r, nil
}

// exit counts one user of a room out; the last one closes it.
func (h *Hub) exit(r *room) {
	h.mu.Lock()
	r.users--
	closed := r.users == 0
	if closed && h.rooms[r.id] == r {
		delete(h.rooms, r.id)
	}
	watched := r.watching != nil
	h.mu.Unlock()
	if closed && watched {
		h.shared.Unwatch(r.id)
	}
}

// commit hears of commits from the store's feed: of those of this server each, in version order per session. Those of others
// may come late, twice or not at all, so a room takes what is newer, and looks for itself now and then.
func (h *Hub) commit(e session.Event) {
	r := h.find(e.ID)
	if r == nil {
		return
	}
	if e.Record != nil {
		r.adopt(e)
		return
	}
	h.end(r, e)
}

// end closes a room whose session ended. Whoever joins from now on gets one that did not.
func (h *Hub) end(r *room, e session.Event) {
	h.mu.Lock()
	if h.rooms[r.id] == r {
		delete(h.rooms, r.id)
	}
	h.mu.Unlock()
	r.end(e)
}

// tend goes round the rooms once a grain: open tabs keep their session alive, and a tab whose device has come to its
// end is closed, which the store cannot know of where nothing was ever written.
func (h *Hub) tend() {
	tick := time.NewTicker(h.manager.Grain())
	defer tick.Stop()
	for {
		select {
		case <-h.ctx.Done():
			return
		case <-tick.C:
		}
		for _, r := range h.all() {
			open, record := r.tend(time.Now())
			for _, handle := range open {
				if !h.options.CloseIdleTabs {
					h.manager.Touch(handle, record)
				}
			}
		}
	}
}

func (h *Hub) all() []*room {
	h.mu.Lock()
	defer h.mu.Unlock()
	rooms := make([]*room, 0, len(h.rooms))
	for _, r := range h.rooms {
		rooms = append(rooms, r)
	}
	return rooms
}

// drainPace is how far apart tabs are sent away, so that their next server sees 200 arrive a second and not all at once.
const drainPace = 5 * time.Millisecond

// Drain lets nobody in any more and sends every tab away, spread over at most the given time; 0: all at once.
// It returns when all were told, or ctx is done.
func (h *Hub) Drain(ctx context.Context, within time.Duration) {
	h.mu.Lock()
	h.draining = true
	h.mu.Unlock()
	var tabs []*Tab
	for _, r := range h.all() {
		tabs = r.appendTabs(tabs)
	}
	if len(tabs) == 0 {
		return
	}
	pace := min(drainPace, within/time.Duration(len(tabs)))
	if pace == 0 {
		for _, t := range tabs {
			t.dismiss(Restarting)
		}
		return
	}
	tick := time.NewTicker(pace)
	defer tick.Stop()
	for _, t := range tabs {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
			t.dismiss(Restarting)
		}
	}
}

// Rooms says how many sessions have tabs open.
func (h *Hub) Rooms() int {
	h.mu.Lock()
	defer h.mu.Unlock()
	return len(h.rooms)
}
