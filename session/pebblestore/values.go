package pebblestore

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/cockroachdb/pebble/v2"

	"github.com/seshd/seshd/session"
)

// format is the version of everything this package writes. A store of a newer one is left alone.
const format = 2

func checkFormat(db *pebble.DB) error {
	value, closer, err := db.Get([]byte(prefixFormat))
	if errors.Is(err, pebble.ErrNotFound) {
		return db.Set([]byte(prefixFormat), []byte{format}, pebble.Sync)
	}
	if err != nil {
		return err
	}
	defer closer.Close()
	if len(value) != 1 || value[0] == 0 {
		return errors.New("the store's format mark is damaged: restore a backup")
	}
	if value[0] > format {
		return fmt.Errorf("the store has format %d, this seshd knows up to %d: start a newer seshd, or restore a backup made by this one", value[0], format)
	}
	if value[0] < format { // all that older ones wrote can be read; what is written from now on they could not
		return db.Set([]byte(prefixFormat), []byte{format}, pebble.Sync)
	}
	return nil
}

func appendToken(b []byte, t session.TokenRecord) []byte {
	b = binary.BigEndian.AppendUint64(append(b, t.ID[:]...), uint64(t.Ends.UnixMilli()))
	if !t.Replaced.IsZero() {
		b = binary.BigEndian.AppendUint64(b, uint64(t.Replaced.UnixMilli()))
	}
	return b
}

// decodeToken reads what appendToken wrote; nil is a token without a record.
func decodeToken(b []byte) (*session.TokenRecord, error) {
	if b == nil {
		return nil, nil
	}
	t := new(session.TokenRecord)
	const live = len(t.ID) + 8
	if len(b) != live && len(b) != live+8 {
		return nil, session.Refuse(session.Unavailable, "a damaged token record")
	}
	copy(t.ID[:], b)
	t.Ends = time.UnixMilli(int64(binary.BigEndian.Uint64(b[len(t.ID):])))
	if len(b) > live {
		t.Replaced = time.UnixMilli(int64(binary.BigEndian.Uint64(b[live:])))
	}
	return t, nil
}

func encodeIDs(ids []session.ID) (b []byte) {
	for _, id := range ids {
		b = append(b, id[:]...)
	}
	return b
}

func decodeIDs(b []byte) (ids []session.ID, err error) {
	if len(b)%len(session.ID{}) != 0 {
		return nil, session.Refuse(session.Unavailable, "a damaged list of a user's sessions")
	}
	for chunk := range slices.Chunk(b, len(session.ID{})) {
		ids = append(ids, session.ID(chunk))
	}
	return ids, nil
}

func encodeTicket(t session.Ticket) []byte {
	b := append([]byte{}, t.Handle.ID[:]...)
	b = append(b, t.Handle.Device[:]...)
	b = append(b, t.Handle.Key[:]...)
	for _, at := range []time.Time{t.Handle.Issued, t.Handle.Ends, t.Expires} {
		b = binary.BigEndian.AppendUint64(b, uint64(at.UnixMilli()))
	}
	return b
}

func decodeTicket(b []byte) (t session.Ticket, err error) {
	h := &t.Handle
	if len(b) != len(h.ID)+len(h.Device)+len(h.Key)+3*8 {
		return t, session.Refuse(session.Unavailable, "a damaged ticket")
	}
	b = b[copy(h.ID[:], b):]
	b = b[copy(h.Device[:], b):]
	b = b[copy(h.Key[:], b):]
	for i, at := range []*time.Time{&h.Issued, &h.Ends, &t.Expires} {
		*at = time.UnixMilli(int64(binary.BigEndian.Uint64(b[8*i:])))
	}
	return t, nil
}

// PutTicket stores a ticket.
func (s *Store) PutTicket(ctx context.Context, key session.TicketKey, ticket session.Ticket) error {
	return s.do(context.WithoutCancel(ctx), func(t *tx) error { return t.put(ticketKey(key), encodeTicket(ticket), ticket.Expires) })
}

// TakeTicket removes a ticket and returns it to one caller.
func (s *Store) TakeTicket(ctx context.Context, key session.TicketKey) (ticket session.Ticket, found bool, err error) {
	err = s.do(context.WithoutCancel(ctx), func(t *tx) error {
		staged, err := t.value(ticketKey(key))
		if err != nil || staged.next == nil {
			return err
		}
		ticket, err = decodeTicket(staged.next)
		found, staged.next = err == nil, nil
		return err
	})
	return ticket, found && err == nil, err
}
