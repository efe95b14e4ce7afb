package web

import (
	"context"
	"sync"
	"time"
)

// pingSlots is how many seconds lie between the pings of a tab, and how many parts the tabs are spread over.
const pingSlots = 25

// pinger pings every tab once in pingSlots seconds, a part of them each second.
type pinger struct {
	mu    sync.Mutex // guards what follows
	slots [pingSlots]map[*tab]struct{}
	next  int
}

func (p *pinger) add(t *tab) (slot int) {
	p.mu.Lock()
	defer p.mu.Unlock()
	slot = p.next
	p.next = (p.next + 1) % pingSlots
	if p.slots[slot] == nil {
		p.slots[slot] = make(map[*tab]struct{})
	}
	p.slots[slot][t] = struct{}{}
	return slot
}

func (p *pinger) remove(t *tab) {
	p.mu.Lock()
	defer p.mu.Unlock()
	delete(p.slots[t.slot], t)
}

// run pings until ctx is done.
func (p *pinger) run(ctx context.Context) {
	tick := time.NewTicker(time.Second)
	defer tick.Stop()
	for slot := 0; ; slot = (slot + 1) % pingSlots {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
			p.ping(slot)
		}
	}
}

func (p *pinger) ping(slot int) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for t := range p.slots[slot] {
		t.wake(t.beat)
	}
}

// count says how many connections there are.
func (p *pinger) count() (n int) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, tabs := range p.slots {
		n += len(tabs)
	}
	return n
}

// cutOff closes every connection as it is, all at once: under TLS a Close may take seconds.
func (p *pinger) cutOff() {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, tabs := range p.slots {
		for t := range tabs {
			go t.cut()
		}
	}
}

// beat is a tab's turn; the caller holds mu. Where it may be silent for too long before the next one, it gets its reader back, which has a deadline.
func (t *tab) beat() {
	t.ping = true
	if t.app.uptime()+pingSlots*time.Second-t.heard > t.app.pongWait {
		t.unpark()
	}
}

// cut closes the connection as it is.
func (t *tab) cut() {
	t.conn.Close()
	t.mu.Lock()
	defer t.mu.Unlock()
	t.unpark()
}
