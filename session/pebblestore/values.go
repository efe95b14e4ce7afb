package pebblestore

import (
	"context"
	"errors"
	"fmt"
	"slices"

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

// PutTicket stores a ticket.
func (s *Store) PutTicket(ctx context.Context, key session.TicketKey, ticket session.Ticket) error {
	return s.do(context.WithoutCancel(ctx), func(t *tx) error { return t.put(ticketKey(key), session.AppendTicket(nil, ticket), ticket.Expires) })
}

// TakeTicket removes a ticket and returns it to one caller.
func (s *Store) TakeTicket(ctx context.Context, key session.TicketKey) (ticket session.Ticket, found bool, err error) {
	err = s.do(context.WithoutCancel(ctx), func(t *tx) error {
		staged, err := t.value(ticketKey(key))
		if err != nil || staged.next == nil {
			return err
		}
		ticket, err = session.DecodeTicket(staged.next)
		found, staged.next = err == nil, nil
		return err
	})
	return ticket, found && err == nil, err
}
