package session

import (
	"context"
	"slices"
	"time"
)

// Scope says how much of a user's presence a logout ends.
type Scope string

// The scopes of a logout.
const (
	This   Scope = "this"   // this device; the session too if it was the last
	Others Scope = "others" // every other device and session of the user
	All    Scope = "all"    // everything of the user's
)

// ParseScope reads a scope; the empty text is This.
func ParseScope(s string) (Scope, error) {
	switch scope := Scope(s); scope {
	case "":
		return This, nil
	case This, Others, All:
		return scope, nil
	}
	return "", Refuse(BadRequest, `"scope" is this, others or all, not %.32q`, s)
}

// Rotate gives the handle's device a new token in the same session, until the same end. The old one is dead at once.
func (m *Manager) Rotate(ctx context.Context, h Handle) (LoggedInto, error) {
	if err := h.named(); err != nil {
		return LoggedInto{}, err
	}
	token, fresh := m.Begin()
	into := LoggedInto{Token: token, Combined: []Combined{}}
	err := m.update(Update{
		Handle: h, Cause: Rotated,
		Change: func(current *Record) (*Record, error) {
			now := time.Now()
			if current == nil {
				current = begin(h, now)
			}
			old, _ := current.Handle(h.Device) // whose end is the one that counts, whatever the lifetime is by now
			fresh.ID, fresh.Agent, fresh.Issued, fresh.Ends = h.ID, current.agent(h), old.Issued, old.Ends
			next := *current
			d := fresh.device()
			d.Seen = now
			next.relist(append(current.without(h.Device), d), now)
			next.touch(fresh, now, m.timing)
			into.Handle, into.Record, into.Kept = fresh, &next, []string{}
			for _, e := range next.State.Entries {
				into.Kept = append(into.Kept, e.Key)
			}
			return &next, nil
		},
	})
	if err != nil {
		return LoggedInto{}, err
	}
	m.log.InfoContext(ctx, "token rotated", "session", h.ID.String(), "device", into.Handle.Device.String(), "old_device", h.Device.String())
	return into, nil
}

// Logout ends the handle's part in its session, or more of what its user has. The user's other sessions come first: where
// one of them cannot be ended, the handle is still good to try again.
func (m *Manager) Logout(ctx context.Context, h Handle, scope Scope) error {
	if err := h.named(); err != nil {
		return err
	}
	r, err := m.Load(ctx, h)
	if err != nil {
		return err
	}
	user := ""
	switch {
	case r != nil:
		user = r.User
	case scope == Others: // than the one that has written nothing: there are none
		return nil
	}
	if scope != This && user != "" {
		if err := m.endUser(ctx, user, LoggedOut, h.ID); err != nil {
			return err
		}
	}
	err = m.update(Update{
		Handle: h, Cause: LoggedOut,
		Change: func(current *Record) (*Record, error) { return current.logout(h.Device, scope, time.Now()), nil },
	})
	if err == nil {
		m.log.InfoContext(ctx, "logout", "session", h.ID.String(), "device", h.Device.String(), "user", user, "scope", string(scope))
	}
	return err
}

// logout returns the record after a device has logged out, nil where the session ends with that.
func (r *Record) logout(id DeviceID, scope Scope, now time.Time) *Record {
	if r == nil || scope == All {
		return nil
	}
	next := *r
	switch stay := r.without(id); scope {
	case This:
		next.relist(stay, now)
	case Others:
		if len(stay) == 0 {
			return r
		}
		next.relist(slices.DeleteFunc(slices.Clone(r.Devices), func(d Device) bool { return d.ID != id }), now)
	}
	if len(next.Devices) == 0 { // or only such as were past their end
		return nil
	}
	return &next
}

// UserSessions returns the live sessions of a user, the oldest first.
func (m *Manager) UserSessions(ctx context.Context, user string) ([]*Record, error) {
	ids, err := m.store.UserSessions(ctx, user)
	if err != nil {
		return nil, err
	}
	records := []*Record{}
	for _, id := range ids {
		r, err := m.store.Load(ctx, id)
		if err != nil {
			return nil, err
		}
		if r != nil && r.User == user && r.Alive(time.Now()) {
			records = append(records, r)
		}
	}
	slices.SortFunc(records, func(a, b *Record) int { return a.Created.Compare(b.Created) })
	return records, nil
}

// EndUser ends all sessions of a user, and says how many there were.
func (m *Manager) EndUser(ctx context.Context, user string) (int, error) {
	records, err := m.UserSessions(ctx, user)
	if err != nil {
		return 0, err
	}
	return len(records), m.endUser(ctx, user, Destroyed, ID{})
}

// endUser ends the sessions of a user, all but one.
func (m *Manager) endUser(ctx context.Context, user string, cause Cause, but ID) error {
	records, err := m.UserSessions(ctx, user)
	if err != nil {
		return err
	}
	for _, r := range records {
		if r.ID == but {
			continue
		}
		err := m.update(Update{
			Handle: Handle{ID: r.ID}, Cause: cause,
			Change: func(current *Record) (*Record, error) {
				if current.User != user { // it became somebody else's meanwhile
					return current, nil
				}
				return nil, nil
			},
		})
		if err != nil && CodeOf(err) != NoSuchSession {
			return err
		}
		m.log.InfoContext(ctx, "session "+string(cause), "session", r.ID.String(), "user", user)
	}
	return nil
}
