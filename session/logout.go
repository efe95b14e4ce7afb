package session

import (
	"cmp"
	"context"
	"errors"
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
	token := NewToken()
	fresh := token.handle(h.Issued, m.options.Lifetime)
	fresh.ID, fresh.Ends = h.ID, h.Ends
	into := LoggedInto{Handle: fresh, Token: token, Renewed: true}
	err := m.update(Update{
		Handle: h, Cause: Rotated,
		Change: func(current *Record) (*Record, error) {
			now := time.Now()
			if current == nil {
				current = begin(h, now)
			}
			next := *current
			fresh.Agent = cmp.Or(h.Agent, current.agent(h.Device))
			d := fresh.device()
			d.Seen = now
			next.relist(append(current.without(h.Device), d), now)
			next.touch(fresh, now, m.timing)
			into.Record, into.Kept = &next, []string{}
			for _, e := range next.State.Entries {
				into.Kept = append(into.Kept, e.Key)
			}
			return &next, nil
		},
	})
	if err != nil {
		return LoggedInto{}, err
	}
	m.log.InfoContext(ctx, "token rotated", "session", h.ID.String(), "device", fresh.Device.String(), "old_device", h.Device.String())
	return into, nil
}

// errNothing keeps a session that was never written as it is.
var errNothing = errors.New("nothing to do")

// Logout ends the handle's part in its session, or more of what its user has.
func (m *Manager) Logout(ctx context.Context, h Handle, scope Scope) error {
	user := ""
	err := m.update(Update{
		Handle: h, Cause: LoggedOut,
		Change: func(current *Record) (*Record, error) {
			if current == nil && scope == Others { // nobody else has what was never written
				return nil, errNothing
			}
			if current == nil {
				return nil, nil
			}
			user = current.User
			stay := current.without(h.Device)
			if scope == Others {
				stay = slices.DeleteFunc(slices.Clone(current.Devices), func(d Device) bool { return d.ID != h.Device })
			}
			if scope == All || len(stay) == 0 {
				return nil, nil
			}
			next := *current
			if len(stay) == len(current.Devices) {
				return current, nil
			}
			next.relist(stay, time.Now())
			return &next, nil
		},
	})
	if err != nil && !errors.Is(err, errNothing) {
		return err
	}
	m.log.InfoContext(ctx, "logout", "session", h.ID.String(), "device", h.Device.String(), "user", user, "scope", string(scope))
	if scope == This || user == "" {
		return nil
	}
	return m.endUser(ctx, user, LoggedOut, h.ID)
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
