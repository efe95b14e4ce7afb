package pebblestore

import (
	"encoding/binary"
	"errors"
	"fmt"
	"slices"

	"github.com/seshd/seshd/session"
)

// What Check asks of each kind of key, and of those that it must agree with.

func (c *checking) session(key string, value []byte) error {
	c.Sessions++
	r, err := session.DecodeRecord(value)
	if err != nil {
		return err
	}
	c.newest = max(c.newest, r.State.Version)
	if key != string(r.ID[:]) {
		return fmt.Errorf("it holds session %s", r.ID)
	}
	_, err = session.NewState(r.State.Version, r.State.Floor, slices.Clone(r.State.Entries), r.State.Deletions)
	return errors.Join(err, c.devices(r), c.listed(r))
}

// devices asks for the token record of each device that is let in.
func (c *checking) devices(r *session.Record) error {
	for _, d := range r.Devices {
		if !c.now.Before(d.Ends) { // then it may have been swept
			continue
		}
		value, err := c.value(tokenKey(d.Key))
		if err != nil {
			return err
		}
		token, err := session.DecodeToken(value)
		switch {
		case err != nil: // which is said of its own key
		case token == nil:
			return fmt.Errorf("device %s is listed, and its token %x is not known", d.ID, d.Key)
		case token.ID != r.ID:
			return fmt.Errorf("device %s is listed, and its token %x leads to session %s", d.ID, d.Key, token.ID)
		case !token.Replaced.IsZero():
			return fmt.Errorf("device %s is listed, and its token %x was replaced", d.ID, d.Key)
		}
	}
	return nil
}

// listed asks for a session in the list of its user.
func (c *checking) listed(r *session.Record) error {
	if r.User == "" {
		return nil
	}
	value, err := c.value(userKey(r.User))
	if err != nil {
		return err
	}
	if ids, err := decodeIDs(value); err == nil && !slices.Contains(ids, r.ID) {
		return fmt.Errorf("it is not in the list of its user, %q", r.User)
	}
	return nil
}

func (c *checking) token(_ string, value []byte) error {
	c.Tokens++
	_, err := session.DecodeToken(value)
	return err
}

func (c *checking) ticket(_ string, value []byte) error {
	c.Tickets++
	_, err := session.DecodeTicket(value)
	return err
}

func (c *checking) user(user string, value []byte) error {
	c.Users++
	ids, err := decodeIDs(value)
	for _, id := range ids {
		switch r, exists := c.record(id); {
		case !exists:
			err = errors.Join(err, fmt.Errorf("it lists session %s, which is not there", id))
		case r != nil && r.User != user:
			err = errors.Join(err, fmt.Errorf("it lists session %s, which is that of %q", id, r.User))
		}
	}
	return err
}

func (c *checking) life(key string, value []byte) error {
	c.Lives++
	if len(key) != binary.Size(uint64(0)) {
		return errors.New("it has no number")
	}
	c.newest = max(c.newest, binary.BigEndian.Uint64([]byte(key)))
	life, err := session.DecodeLife(value)
	if err != nil {
		return err
	}
	switch {
	case life.Cause == session.Created:
		c.begun[life.ID] = true
	case life.Cause == session.Destroyed, life.Cause == session.Expired, life.Cause == session.LoggedOut && life.Device == session.DeviceID{}:
		c.begun[life.ID] = false
	}
	if life.From != (session.ID{}) {
		c.begun[life.From] = false
	}
	return nil
}

// story holds what it told last against what there is. What it has forgotten cannot be.
func (c *checking) story() {
	for id, begun := range c.begun {
		switch _, exists := c.record(id); {
		case begun && !exists:
			c.found("session %s began, as the story tells, and was not ended; it is not there", id)
		case !begun && exists:
			c.found("session %s was ended, as the story tells; it is there", id)
		}
	}
}

func (c *checking) entry(key string, value []byte) error {
	const time = 8 // bytes, see indexKey
	if len(key) <= time || len(value) > 0 {
		return errors.New("a damaged entry in the index of what is due")
	}
	switch kind := key[time : time+1]; kind {
	case prefixSession, prefixToken, prefixTicket:
		return nil
	default:
		return fmt.Errorf("an entry in the index of what is due for a key that begins with %q", kind)
	}
}
