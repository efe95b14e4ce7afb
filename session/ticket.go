package session

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"time"
)

// TicketLifetime is how long a ticket waits to be used: time to copy a line from a page into a terminal.
const TicketLifetime = 30 * time.Second

// TicketKey is the hash under which a store knows a ticket.
type TicketKey [32]byte

// Ticket admits one connection to the session of the handle that minted it.
type Ticket struct {
	Handle  Handle
	Expires time.Time
}

// newTicket draws the text of a ticket, 256 random bits.
func newTicket() string {
	var secret [32]byte
	rand.Read(secret[:])
	return base64.RawURLEncoding.EncodeToString(secret[:])
}

func ticketKey(ticket string) TicketKey { return sha256.Sum256([]byte(ticket)) }

// MintTicket stores a ticket for one connection to the handle's session and returns its text. It counts as a mutation,
// and as a session that begins where nothing was written yet.
func (m *Manager) MintTicket(ctx context.Context, h Handle) (string, error) {
	r, err := m.Load(ctx, h)
	if err != nil {
		return "", err
	}
	pays := m.limits.fare(h)
	if err := pays.mutate(time.Now()); err != nil {
		return "", err
	}
	if r == nil {
		if err := pays.begin(time.Now()); err != nil {
			return "", err
		}
	}
	ticket := newTicket()
	err = m.store.PutTicket(ctx, ticketKey(ticket), Ticket{Handle: h, Expires: time.Now().Add(TicketLifetime)})
	return ticket, err
}

// RedeemTicket uses a ticket up. It is refused where it is unknown, used or expired, or where its token is no longer good.
func (m *Manager) RedeemTicket(ctx context.Context, ticket string) (Handle, error) {
	t, found, err := m.store.TakeTicket(ctx, ticketKey(ticket))
	if err != nil {
		return Handle{}, err
	}
	if !found || !time.Now().Before(t.Expires) {
		return Handle{}, Refuse(BadTicket, "the ticket is unknown, used or expired: a ticket is good once, for %v", TicketLifetime)
	}
	if _, err := m.Load(ctx, t.Handle); err != nil {
		if code := CodeOf(err); code == NoSuchSession || code == StaleCookie {
			return Handle{}, Refuse(BadTicket, "the session of this ticket was ended")
		}
		return Handle{}, err
	}
	return t.Handle, nil
}
