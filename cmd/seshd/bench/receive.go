package bench

import (
	"fmt"
	"time"
)

// read handles what has come of a tab. The first thing that goes wrong ends the run.
func (l *load) read(t *tab, p []byte, failed error) {
	if l.failed != nil {
		return
	}
	now := l.now()
	l.heard = now
	data := p
	if len(t.rest) > 0 {
		t.rest = append(t.rest, p...)
		data = t.rest
	}
	for l.failed == nil {
		op, payload, size, err := nextFrame(data)
		if err != nil {
			l.failed = err
		}
		if size == 0 {
			break
		}
		data = data[size:]
		if err := l.take(t, op, payload, now); err != nil {
			l.failed = err
		}
	}
	if t.rest = append(t.rest[:0], data...); len(t.rest) == 0 {
		t.rest = nil // there are thousands of tabs
	}
	if failed != nil && l.failed == nil {
		l.failed = fmt.Errorf("the server closed a tab's connection: %w", failed)
	}
}

func (l *load) take(t *tab, op byte, payload []byte, now time.Duration) error {
	switch op {
	case opText:
		for more := true; more; more = len(payload) > 0 {
			m, rest, err := l.dialect.read(payload)
			if err == nil {
				err = l.hear(t, m, now)
			}
			if err != nil {
				return err
			}
			payload = rest
		}
	case opPing:
		return l.deliverTo(t, appendFrame(l.scratch[0][:0], opPong, payload))
	case opClose:
		return fmt.Errorf("the server closed a tab: %.125q", payload[min(2, len(payload)):])
	}
	return nil
}

func (l *load) hear(t *tab, m message, now time.Duration) error {
	switch m.Type {
	case typeChange:
		if m.From != t.told {
			l.tally.errors++
		}
		l.told(t, m.Version, now)
	case typeSession:
		if !t.joined {
			t.joined, t.told = true, m.Version
			t.board.version = max(t.board.version, m.Version)
			l.unjoined--
			return nil
		}
		l.told(t, m.Version, now) // several changes that could not be told one by one
	case typeOK:
		l.answered(t, m)
	case typePing:
		return l.deliverTo(t, appendFrame(l.scratch[0][:0], opText, emptyCommand))
	case "error", "bye":
		return &refusal{m.Code, m.Message}
	}
	return nil
}

// told counts a frame that brings a tab to a version.
func (l *load) told(t *tab, version uint64, now time.Duration) {
	b := t.board
	if version <= t.told {
		l.tally.errors++
		return
	}
	l.tally.deliveries++
	l.tally.folded += version - t.told - 1
	for ; t.told < version; t.told++ {
		w := b.of(t.told + 1)
		if w == nil || w.remaining == 0 {
			l.tally.errors++
			continue
		}
		if t.index != w.writer || len(b.tabs) == 1 {
			record(l.tally.latency, now-w.due)
		}
		l.undelivered--
		if w.remaining--; w.remaining == 0 {
			record(l.tally.last, now-w.due)
		}
	}
	b.forget()
}

// answered counts an ok, which names the version that was foretold, in the order of the writes.
func (l *load) answered(t *tab, m message) {
	b := t.board
	if m.id != m.Version || m.Version != b.version-uint64(b.inFlight)+1 || int(t.index) != b.writer || t.told < m.Version {
		l.tally.errors++
	}
	b.inFlight--
	l.unanswered--
}
