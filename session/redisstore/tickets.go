package redisstore

import (
	"context"
	"time"

	"github.com/redis/rueidis"

	"github.com/seshd/seshd/session"
)

// PutTicket stores a ticket.
func (s *Store) PutTicket(ctx context.Context, key session.TicketKey, t session.Ticket) error {
	if s.isClosed() {
		return errClosed
	}
	left := time.Until(t.Expires)
	if left <= 0 {
		return nil
	}
	ctx = context.WithoutCancel(ctx)
	err := s.do(ctx, s.client.B().Set().Key(ticketKey(key)).Value(string(session.AppendTicket(nil, t))).Px(left).Build()).Error()
	if err != nil {
		return s.fault("put ticket", err)
	}
	return nil
}

// TakeTicket removes a ticket and returns it to one caller, of all servers.
func (s *Store) TakeTicket(ctx context.Context, key session.TicketKey) (session.Ticket, bool, error) {
	if s.isClosed() {
		return session.Ticket{}, false, errClosed
	}
	value, err := s.do(context.WithoutCancel(ctx), s.client.B().Getdel().Key(ticketKey(key)).Build()).AsBytes()
	if rueidis.IsRedisNil(err) {
		return session.Ticket{}, false, nil
	}
	var t session.Ticket
	if err == nil {
		t, err = session.DecodeTicket(value)
	}
	if err != nil {
		return session.Ticket{}, false, s.fault("take ticket", err)
	}
	return t, true, nil
}
