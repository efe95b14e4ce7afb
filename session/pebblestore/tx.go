package pebblestore

import (
	"encoding/binary"
	"time"

	"github.com/cockroachdb/pebble/v2"

	"github.com/seshd/seshd/session"
)

// tx collects what the ops of one group read and change; each sees what those before it did.
// Only the committer changes it; once hidden, readers look up the committed side.
type tx struct {
	store   *Store
	records map[session.ID]*stagedRecord
	values  map[string]*stagedValue // tokens, tickets, index entries
	bytes   int                     // about, of the records to be written
}

type stagedRecord struct{ committed, next *session.Record }

type stagedValue struct{ committed, next []byte } // nil: none

func newTx(s *Store) *tx {
	return &tx{store: s, records: make(map[session.ID]*stagedRecord), values: make(map[string]*stagedValue)}
}

func (t *tx) record(id session.ID) (*stagedRecord, error) {
	if staged, ok := t.records[id]; ok {
		return staged, nil
	}
	r, err := t.store.committedRecord(id)
	if err != nil {
		return nil, err
	}
	staged := &stagedRecord{committed: r, next: r}
	t.records[id] = staged
	return staged, nil
}

func (t *tx) value(key string) (*stagedValue, error) {
	if staged, ok := t.values[key]; ok {
		return staged, nil
	}
	value, err := t.store.committedValue(key)
	if err != nil {
		return nil, err
	}
	staged := &stagedValue{committed: value, next: value}
	t.values[key] = staged
	return staged, nil
}

// put writes a value together with the index entry that lets the sweep find it when its time has come.
func (t *tx) put(key string, value []byte, due time.Time) error {
	staged, err := t.value(key)
	if err != nil {
		return err
	}
	staged.next = value
	t.arm(key, due)
	return nil
}

func (t *tx) arm(key string, due time.Time) {
	t.values[indexKey(due, key)] = &stagedValue{next: []byte{}}
}

// update runs one read-modify-write; changed says whether the feed is to hear of it.
func (t *tx) update(u session.Update) (current *session.Record, event session.Event, changed bool, err error) {
	staged, err := t.record(u.Handle.ID)
	if err != nil {
		return nil, event, false, err
	}
	tokenKnown := false
	if staged.next == nil {
		token, err := t.value(tokenKey(u.Handle.Key))
		if err != nil {
			return nil, event, false, err
		}
		tokenKnown = token.next != nil
	}
	if err := u.Handle.Admit(staged.next, tokenKnown, time.Now()); err != nil {
		return nil, event, false, err
	}
	next, err := u.Change(staged.next)
	if err != nil || (next == staged.next && next != nil) {
		return staged.next, event, false, err
	}
	if next == nil && u.End == "" { // an unwritten session that stays unwritten
		return nil, event, false, nil
	}
	if err := t.replace(staged, next, u.Handle); err != nil {
		return nil, event, false, err
	}
	return next, session.Event{ID: u.Handle.ID, Record: next, End: u.End}, true, nil
}

// replace stages a record's successor. A session's first record, or its end before there was one, puts its token on
// record, which is what keeps an ended session from coming back.
func (t *tx) replace(staged *stagedRecord, next *session.Record, h session.Handle) error {
	if staged.next == nil {
		token := appendToken(nil, session.TokenRecord{ID: h.ID, Ends: h.Ends})
		if err := t.put(tokenKey(h.Key), token, h.Ends); err != nil {
			return err
		}
	}
	if next != nil && (staged.next == nil || next.Deadline.Before(staged.next.Deadline)) {
		t.arm(sessionKey(h.ID), next.Deadline) // a later deadline is found by the sweep at the earlier one
	}
	staged.next = next
	if next != nil {
		t.bytes += next.State.Size()
	}
	return nil
}

// empty says whether there is nothing to write.
func (t *tx) empty() bool {
	for _, r := range t.records {
		if r.next != r.committed {
			return false
		}
	}
	for _, v := range t.values {
		if (v.next == nil) != (v.committed == nil) || string(v.next) != string(v.committed) {
			return false
		}
	}
	return true
}

func (t *tx) encode(batch *pebble.Batch) error {
	var buffer []byte
	for id, r := range t.records {
		switch {
		case r.next == r.committed:
		case r.next == nil:
			if err := batch.Delete([]byte(sessionKey(id)), nil); err != nil {
				return err
			}
		default:
			buffer = session.AppendRecord(buffer[:0], r.next)
			if err := batch.Set([]byte(sessionKey(id)), buffer, nil); err != nil {
				return err
			}
		}
	}
	for key, v := range t.values {
		switch {
		case v.next != nil:
			if err := batch.Set([]byte(key), v.next, nil); err != nil {
				return err
			}
		case v.committed != nil:
			if err := batch.Delete([]byte(key), nil); err != nil {
				return err
			}
		}
	}
	return nil
}

// The key space. One letter says what a key is; an index entry holds the key of what is due.
const (
	prefixFormat  = "f"
	prefixSession = "s"
	prefixToken   = "t"
	prefixTicket  = "k"
	prefixIndex   = "x"
)

func sessionKey(id session.ID) string      { return prefixSession + string(id[:]) }
func tokenKey(k session.TokenKey) string   { return prefixToken + string(k[:]) }
func ticketKey(k session.TicketKey) string { return prefixTicket + string(k[:]) }

// indexKey orders by time: 8 bytes of Unix milliseconds, rounded up so that nothing is due early.
func indexKey(due time.Time, key string) string {
	return string(binary.BigEndian.AppendUint64([]byte(prefixIndex), uint64(due.UnixMilli()+1))) + key
}
