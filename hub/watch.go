package hub

import (
	"context"
	"errors"
	"time"

	"github.com/seshd/seshd/session"
)

// storeWait bounds what a hub asks of a shared store on behalf of a whole room: whoever joins waits for it.
const storeWait = 5 * time.Second

// watch is one call of Shared.Watch, for all who join while it is under way.
type watch struct {
	done chan struct{}
	err  error // good once done is closed
}

// watch has a room hear of what other servers commit, from before its first load until it closes. It is asked for once, whoever
// asked goes away meanwhile; after a failure whoever comes next asks again.
func (h *Hub) watch(ctx context.Context, r *room) error {
	if h.shared == nil {
		return nil
	}
	h.mu.Lock()
	w := r.watching
	if w == nil {
		w = &watch{done: make(chan struct{})}
		r.watching = w
		r.users++
		h.tended.Go(func() { h.startWatch(r, w) })
	}
	h.mu.Unlock()
	select {
	case <-w.done:
		return w.err
	case <-ctx.Done():
		return unavailable(ctx.Err())
	}
}

func (h *Hub) startWatch(r *room, w *watch) {
	ctx, cancel := context.WithTimeout(h.ctx, storeWait)
	defer cancel()
	err := h.shared.Watch(ctx, r.id)
	h.mu.Lock()
	if err != nil {
		w.err, r.watching = unavailable(err), nil
	}
	h.mu.Unlock()
	close(w.done)
	h.exit(r)
}

// unavailable is what a client may know of an error of a shared store.
func unavailable(err error) error {
	if refusal := (*session.Error)(nil); errors.As(err, &refusal) {
		return err
	}
	return session.Refuse(session.Unavailable, "the session store does not answer in time")
}
