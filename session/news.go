package session

import (
	"context"
	"sync"
)

// news wakes those who wait for the next line of the story.
type news struct {
	mu   sync.Mutex
	next chan struct{} // closed at the next line; nil: nobody waits
}

func (n *news) tell(e Event) {
	if e.storied() {
		n.wake()
	}
}

func (n *news) wake() {
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.next != nil {
		close(n.next)
		n.next = nil
	}
}

func (n *news) wait() <-chan struct{} {
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.next == nil {
		n.next = make(chan struct{})
	}
	return n.next
}

// storied says whether the commit may have added a line: all but plain writes do, and the first of them.
func (e Event) storied() bool { return e.Cause != "" || e.Record == nil || e.Began }

// Story returns the lines of the story of all sessions after the one numbered, at most limit, and waits for the first if
// there is none yet. gap says that the story cannot be told from there: what a reader keeps may be out of date.
func (m *Manager) Story(ctx context.Context, after uint64, limit int) (lives []Life, gap bool, err error) {
	for {
		next := m.news.wait() // before the look, so that no line falls between
		lives, _, gap, err := m.store.Lives(ctx, after, limit)
		if err != nil || gap || len(lives) > 0 {
			return lives, gap, err
		}
		select {
		case <-next:
		case <-ctx.Done():
			return nil, false, ctx.Err()
		}
	}
}

// StoryEnd is the number of the newest line.
func (m *Manager) StoryEnd(ctx context.Context) (uint64, error) {
	_, newest, _, err := m.store.Lives(ctx, 0, 0)
	return newest, err
}
