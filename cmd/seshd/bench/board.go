package bench

import "time"

// board is a session and its tabs.
//
// While writes are unanswered all come from one tab, so they are applied in the order sent. Nobody else writes, so the write that
// makes version v is known when it is sent: it carries v as its id, and a change frame names the writes it tells by its
// versions alone, folded or not. Nothing has to be read out of values.
type board struct {
	name     string // what its tabs join it by: a session's cookie, or a channel
	tabs     []*tab
	writer   int // index of the tab that writes now
	version  uint64
	inFlight int     // writes without an answer
	pending  []write // those that some tab has not been told of; the last makes version
}

type write struct {
	due       time.Duration // since the load began
	remaining int32         // tabs that were not told
	writer    int32
}

// begin notes a write that is about to be sent, and names its tab.
func (b *board) begin(due time.Duration) *tab {
	if b.inFlight == 0 {
		b.writer = (b.writer + 1) % len(b.tabs)
	}
	b.version++
	b.inFlight++
	b.pending = append(b.pending, write{due, int32(len(b.tabs)), int32(b.writer)})
	return b.tabs[b.writer]
}

// of returns the write that makes a version; nil where that is none of ours, or all tabs were told of it.
func (b *board) of(version uint64) *write {
	behind := b.version - version
	if version > b.version || behind >= uint64(len(b.pending)) {
		return nil
	}
	return &b.pending[uint64(len(b.pending))-1-behind]
}

// forget drops what all tabs were told of.
func (b *board) forget() {
	for len(b.pending) > 0 && b.pending[0].remaining == 0 {
		b.pending = b.pending[1:]
	}
}
