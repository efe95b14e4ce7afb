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
const format = 3

// markFormat marks the database as this one's. All that older ones wrote can be read; what is written from now on they could not.
func markFormat(db *pebble.DB) error {
	have, err := formatOf(db)
	if err != nil || have == format {
		return err
	}
	return db.Set([]byte(prefixFormat), []byte{format}, pebble.Sync)
}

// formatOf reads the database's own format mark, which goes along in a backup, and refuses a newer one; 0: there is none yet.
func formatOf(db *pebble.DB) (byte, error) {
	value, closer, err := db.Get([]byte(prefixFormat))
	if errors.Is(err, pebble.ErrNotFound) {
		return 0, nil
	}
	if err != nil {
		return 0, err
	}
	defer closer.Close()
	if len(value) != 1 || value[0] == 0 {
		return 0, errors.New("the store's format mark is damaged: restore a backup")
	}
	if value[0] > format {
		return 0, fmt.Errorf("the store has format %d, this seshd (%s) knows up to %d: start a newer seshd, or restore a backup made by this one", value[0], session.Release(), format)
	}
	return value[0], nil
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
