package hub

import "github.com/seshd/seshd/session"

// passing is a traced change on its way to the tabs that were in when it came. A tab that was greeted, and was told less than its
// version, is one of those that it waits for.
type passing struct {
	span    *session.Span
	version uint64
	waiting int // tabs that were not given it yet
	next    *passing
}

// maxPassing bounds what a room keeps for its slowest tab. Beyond it the oldest span ends without that tab.
const maxPassing = 64

// follow has the span of a change wait for the tabs here; the caller holds mu.
func (r *room) follow(span *session.Span, version uint64) {
	p := &passing{span: span, version: version, next: r.passing}
	for t := range r.tabs {
		if t.awaits(version) {
			p.waiting++
		}
	}
	if p.waiting == 0 {
		return
	}
	span.Await(p.waiting)
	r.passing = p
	for n := 1; p.next != nil; n++ {
		if n == maxPassing {
			p.next.drop()
			p.next = nil
			return
		}
		p = p.next
	}
}

func (t *Tab) awaits(version uint64) bool { return t.greeted && t.told < version }

// drop ends the wait of this and of all that are older.
func (p *passing) drop() {
	for ; p != nil; p = p.next {
		for ; p.waiting > 0; p.waiting-- {
			p.span.Handed(false)
		}
	}
}

// given returns the spans of the changes from after a version up to what the tab was told by now; the caller holds room.mu.
func (t *Tab) given(after uint64) []*session.Span { return t.room.pass(after, t.told) }

// pass takes a tab off the changes between two versions.
func (r *room) pass(after, upTo uint64) (spans []*session.Span) {
	for at := &r.passing; *at != nil; {
		p := *at
		if p.version > after && p.version <= upTo {
			spans = append(spans, p.span)
			p.waiting--
		}
		if p.waiting == 0 {
			*at = p.next
		} else {
			at = &p.next
		}
	}
	return spans
}

// gone has nobody wait for a tab that left; the caller holds room.mu.
func (t *Tab) gone() {
	if !t.greeted {
		return
	}
	for _, span := range t.room.pass(t.told, ^uint64(0)) {
		span.Handed(false)
	}
}
