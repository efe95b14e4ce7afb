package pebblestore

import (
	"encoding/binary"
	"slices"
	"time"

	"github.com/cockroachdb/pebble/v2"

	"github.com/seshd/seshd/session"
)

// tx is one group: its ops, and what they read and change. Each op sees what those before it did, in this group and in those
// that are not synced yet. Once it is applied nothing in it changes; while it is hidden, readers look up the committed side.
type tx struct {
	store          *Store
	ops            []op
	records        map[session.ID]*stagedRecord
	values         map[string]*stagedValue // tokens, tickets, index entries
	lives          []session.Life
	oldest, newest uint64        // the lines of the story before lives
	forget         uint64        // lines of the story before this one; 0: none
	bytes          int           // about, of the records to be written
	batch          *pebble.Batch // nil: there was nothing to write
	began          time.Time     // to be written
	failed         error         // it was not applied, nor may any after it be
}

type stagedRecord struct{ committed, next *session.Record }

type stagedValue struct{ committed, next []byte } // nil: none

func newTx(s *Store) *tx {
	return &tx{
		store: s, oldest: s.oldest, newest: s.newest,
		records: make(map[session.ID]*stagedRecord), values: make(map[string]*stagedValue),
	}
}

// next is the transaction that follows.
func (t *tx) next() *tx {
	return &tx{
		store: t.store, oldest: max(t.oldest, t.forget), newest: t.newest + uint64(len(t.lives)), failed: t.failed,
		records: make(map[session.ID]*stagedRecord), values: make(map[string]*stagedValue),
	}
}

// run runs the first of the waiting ops, as many as a group takes, and says how many.
func (t *tx) run(waiting []op) (n int) {
	for n < len(waiting) && n < maxGroup && t.bytes < maxGroupBytes {
		o := waiting[n]
		n++
		if t.store.space.check() != nil {
			refused := o
			o = opFuncs{answers: func(error) { refused.answer(errFull) }} // behind those before it
		} else {
			o.run(t)
		}
		t.ops = append(t.ops, o)
	}
	return n
}

func (t *tx) record(id session.ID) (*stagedRecord, error) {
	if staged, ok := t.records[id]; ok {
		return staged, nil
	}
	r, err := t.belowRecord(id)
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
	value, err := t.belowValue(key)
	if err != nil {
		return nil, err
	}
	staged := &stagedValue{committed: value, next: value}
	t.values[key] = staged
	return staged, nil
}

// belowRecord reads what the groups before this one leave.
func (t *tx) belowRecord(id session.ID) (*session.Record, error) {
	s := t.store
	s.visible.RLock()
	defer s.visible.RUnlock()
	for _, unsynced := range slices.Backward(s.hidden) {
		if staged, ok := unsynced.records[id]; ok {
			return staged.next, nil
		}
	}
	return s.committedRecord(id)
}

func (t *tx) belowValue(key string) ([]byte, error) {
	s := t.store
	s.visible.RLock()
	defer s.visible.RUnlock()
	for _, unsynced := range slices.Backward(s.hidden) {
		if staged, ok := unsynced.values[key]; ok {
			return staged.next, nil
		}
	}
	return s.committedValue(key)
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
	staged, err := t.admit(u.Handle)
	if err != nil {
		return nil, event, false, err
	}
	next, err := u.Change(staged.next)
	if err != nil || (next == staged.next && next != nil) {
		return staged.next, event, false, err
	}
	if next == nil && u.Cause == "" { // an unwritten session that stays unwritten
		return nil, event, false, nil
	}
	steps := []session.Step{{Handle: u.Handle, Before: staged.next, After: next, Cause: u.Cause, Span: u.Span}}
	if err := t.take(steps); err != nil {
		return nil, event, false, err
	}
	return steps[0].After, steps[0].Event(), true, nil
}

// admit returns the newest record of a handle that may have it.
func (t *tx) admit(h session.Handle) (*stagedRecord, error) {
	staged, err := t.record(h.ID)
	if err != nil {
		return nil, err
	}
	now := time.Now()
	if h.Listed(staged.next, now) {
		return staged, nil
	}
	value, err := t.value(tokenKey(h.Key))
	if err != nil {
		return nil, err
	}
	token, err := session.DecodeToken(value.next)
	if err != nil {
		return nil, err
	}
	return staged, h.Admit(staged.next, token, now)
}

// login runs the read-modify-write of two sessions.
func (t *tx) login(a session.Admission) (events []session.Event, err error) {
	mine, err := t.admit(a.Handle)
	if err != nil {
		return nil, err
	}
	theirs, err := t.shared(a, mine.next)
	if err != nil {
		return nil, err
	}
	steps, err := a.Change(mine.next, theirs)
	if err != nil {
		return nil, err
	}
	if err := t.take(steps); err != nil {
		return nil, err
	}
	for _, step := range steps {
		events = append(events, step.Event())
	}
	return events, nil
}

// shared finds the session that the user shares, if it is another than the visitor's.
func (t *tx) shared(a session.Admission, mine *session.Record) (*session.Record, error) {
	if !a.Shared {
		return nil, nil
	}
	value, err := t.value(userKey(a.User))
	if err != nil {
		return nil, err
	}
	ids, err := decodeIDs(value.next)
	if err != nil {
		return nil, err
	}
	for _, id := range ids {
		staged, err := t.record(id)
		if err != nil {
			return nil, err
		}
		if r := staged.next; r != nil && r != mine && r.Shared && r.User == a.User && r.Alive(time.Now()) {
			return r, nil
		}
	}
	return nil, nil
}

// take stages steps: the records' successors, and all that goes into the same commit with them. It reads all that it needs
// before it changes anything, so that a fault leaves nothing half staged. Sessions that begin do so in the store's lineage:
// the steps say afterwards what became of them.
func (t *tx) take(steps []session.Step) error {
	now := time.Now()
	for i, step := range steps {
		if err := t.read(step, now); err != nil {
			return err
		}
		steps[i].After = t.store.present(step.After)
	}
	for _, step := range steps {
		t.stage(step, now)
	}
	return nil
}

func (t *tx) read(step session.Step, now time.Time) error {
	if _, err := t.record(step.Handle.ID); err != nil {
		return err
	}
	for key := range step.Tokens(now) {
		if _, err := t.value(tokenKey(key)); err != nil {
			return err
		}
	}
	user, listed, unlisted := step.User()
	if !listed && !unlisted {
		return nil
	}
	list, err := t.value(userKey(user))
	if err != nil {
		return err
	}
	_, err = decodeIDs(list.next)
	return err
}

func (t *tx) stage(step session.Step, now time.Time) {
	id := step.Handle.ID
	t.putTokens(step.Tokens(now))
	if user, listed, unlisted := step.User(); listed || unlisted {
		list := t.values[userKey(user)]
		ids, _ := decodeIDs(list.next) // as read found it
		ids = slices.DeleteFunc(ids, func(have session.ID) bool { return have == id })
		if listed {
			ids = append(ids, id)
		}
		list.next = encodeIDs(ids)
	}
	if step.After != nil {
		if step.Before == nil || step.After.Deadline.Before(step.Before.Deadline) {
			t.arm(sessionKey(id), step.After.Deadline) // a later deadline is found by the sweep at the earlier one
		}
		t.bytes += step.After.State.Size()
	}
	t.records[id].next = step.After
	t.lives = append(t.lives, step.Lives(now)...)
}

// putTokens stages token records whose values were read before.
func (t *tx) putTokens(tokens map[session.TokenKey]session.TokenRecord) {
	for key, token := range tokens {
		t.values[tokenKey(key)].next = session.AppendToken(nil, token)
		t.arm(tokenKey(key), token.Ends)
	}
}

// empty says whether there is nothing to write.
func (t *tx) empty() bool {
	if len(t.lives) > 0 || t.forget > 0 {
		return false
	}
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
	return t.encodeStory(batch)
}

// The key space. One letter says what a key is; an index entry holds the key of what is due.
const (
	prefixFormat  = "f"
	prefixLineage = "l"
	prefixSession = "s"
	prefixToken   = "t"
	prefixTicket  = "k"
	prefixUser    = "u"
	prefixLife    = "e"
	prefixIndex   = "x"
)

func sessionKey(id session.ID) string      { return prefixSession + string(id[:]) }
func tokenKey(k session.TokenKey) string   { return prefixToken + string(k[:]) }
func userKey(user string) string           { return prefixUser + user }
func ticketKey(k session.TicketKey) string { return prefixTicket + string(k[:]) }

// indexKey orders by time: 8 bytes of Unix milliseconds, rounded up so that nothing is due early.
func indexKey(due time.Time, key string) string {
	return string(binary.BigEndian.AppendUint64([]byte(prefixIndex), uint64(due.UnixMilli()+1))) + key
}
