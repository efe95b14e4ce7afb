package session

import (
	"context"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"
)

// MaxUserBytes bounds the name of a user: long enough for a UUID, an address or a URN.
const MaxUserBytes = 256

// Login says who a visitor turned out to be, and what becomes of what the visitor has.
type Login struct {
	User string // the app's own name of the user, 1 to MaxUserBytes bytes
	// Keep names the keys that stay; nil: all that browsers may write. A private key stays only where a pattern that
	// starts with an underscore itself names it: nobody smuggles one in by planting a cookie.
	Keep    Globs
	Combine map[string]How // for keys that both sessions hold; a key without one is Theirs
	Shared  bool           // one session on all of the user's devices
}

// LoggedInto is what a login led to.
type LoggedInto struct {
	Handle   Handle
	Token    Token // for the cookie
	Record   *Record
	Kept     []string   // the visitor's keys that are in the session now
	Combined []Combined // those of them that the user's session held too
}

// Combined tells what became of a key that both sessions held.
type Combined struct {
	Key string `json:"key"`
	How How    `json:"how"` // as it came out: Theirs where what was asked for could not be done
}

// CheckUser says whether a text can be an app's name of a user. It goes into headers and logs; whoever reads a header
// drops the space around it, which would make one user another.
func CheckUser(user string) error {
	if user == "" || len(user) > MaxUserBytes || !utf8.ValidString(user) || strings.ContainsFunc(user, unicode.IsControl) ||
		strings.TrimSpace(user) != user {
		return Refuse(BadRequest, "a user is named by 1 to %d bytes of UTF-8 without control characters, and without space around them", MaxUserBytes)
	}
	return nil
}

// Check refuses a login that makes no sense.
func (l Login) Check() error {
	if err := CheckUser(l.User); err != nil {
		return err
	}
	for key, how := range l.Combine {
		if err := CheckKey(key); err != nil {
			return err
		}
		if !how.known() {
			return Refuse(BadRequest, `"combine" of %q is theirs, mine, sum, max or union, not %.32q`, key, how)
		}
	}
	return nil
}

// keeps says whether a key of the visitor's survives the login.
func (l Login) keeps(key string, writable func(string) bool) bool {
	switch {
	case Private(key):
		named := slices.DeleteFunc(slices.Clone(l.Keep), func(pattern string) bool { return !Private(pattern) })
		return named.Match(key)
	case l.Keep == nil:
		return writable(key)
	}
	return l.Keep.Match(key)
}

// Login makes the visitor's session the user's, in one commit: the device gets a new token, the old one is dead at
// once. Where the user shares a session already, the keys that are kept are combined into that, and the visitor's is gone.
// A device that is in already gets a new token too, and nothing is combined.
func (m *Manager) Login(ctx context.Context, h Handle, l Login) (LoggedInto, error) {
	if err := l.Check(); err != nil {
		return LoggedInto{}, err
	}
	if err := h.named(); err != nil {
		return LoggedInto{}, err
	}
	token, fresh := m.Begin()
	fresh.Agent = h.Agent
	a := &arrival{Login: l, manager: m, asked: h, fresh: fresh}
	err := m.login(Admission{Handle: h, User: l.User, Shared: l.Shared, Change: a.steps})
	if err != nil {
		return LoggedInto{}, err
	}
	a.into.Token = token
	m.log.InfoContext(ctx, "login", "session", a.into.Handle.ID.String(), "device", a.into.Handle.Device.String(),
		"user", l.User, "from", h.ID.String(), "combined", len(a.into.Combined))
	return a.into, nil
}

// login waits for the outcome of an admission.
func (m *Manager) login(u Admission) error {
	var steps []Step
	change := u.Change
	u.Change = func(mine, theirs *Record) (taken []Step, err error) {
		taken, err = change(mine, theirs)
		steps = taken
		return taken, err
	}
	done := make(chan error, 1)
	u.Done = func(err error) { done <- err }
	m.store.Login(u)
	err := <-done
	if err == nil {
		for _, step := range steps {
			m.lived(step)
		}
	}
	return err
}
