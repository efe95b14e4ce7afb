package redisstore

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"sync"
	"time"

	"github.com/redis/rueidis"

	"github.com/seshd/seshd/session"
)

// outbox is what a commit asks for in other slots than its session's: it is in the session's value, and so in the same
// commit. Whoever commits carries it out before it answers; whoever finds one does. Each entry may be carried out more than
// once: a token's record is only ever written first as live, then as replaced; a line is told once.
type outbox []byte

// The kinds of entries.
const (
	entryToken  = 't' // key, record
	entryUnlist = 'u' // user
	entryLine   = 'l' // line of the story
)

func (o outbox) token(key session.TokenKey, t session.TokenRecord) outbox {
	return appendBytes(append(o, entryToken), session.AppendToken(key[:len(key):len(key)], t))
}

func (o outbox) unlist(user string) outbox { return appendBytes(append(o, entryUnlist), []byte(user)) }
func (o outbox) line(life session.Life) outbox {
	return appendBytes(append(o, entryLine), session.AppendLife(nil, life))
}

// add puts in what a step asks for.
func (o outbox) add(step session.Step, now time.Time) outbox {
	for key, token := range step.Tokens(now) {
		o = o.token(key, token)
	}
	if user, _, unlisted := step.User(); unlisted {
		o = o.unlist(user)
	}
	for _, life := range step.Lives(now) {
		o = o.line(life)
	}
	return o
}

// carry carries out the outbox of a value that was read or written, and takes it off the value.
func (s *Store) carry(ctx context.Context, id session.ID, e *envelope) error {
	if len(e.outbox) == 0 {
		return nil
	}
	asked, err := e.outbox.errands()
	if err != nil {
		return err
	}
	commands, lines := s.commands(id, asked), asked.lines
	var told error
	var telling sync.WaitGroup
	if len(lines) > 0 {
		telling.Go(func() { told = s.tell(ctx, id, e.rev, lines) })
	}
	if len(commands) > 0 {
		ctx, cancel := context.WithTimeout(ctx, commandTimeout)
		defer cancel()
		for _, answer := range s.client.DoMulti(ctx, commands...) {
			if err = answer.Error(); err != nil && !rueidis.IsRedisNil(err) { // nil: there was a record already
				break
			}
			err = nil
		}
	}
	telling.Wait()
	if err := errors.Join(err, told); err != nil {
		return err
	}
	e.outbox = nil
	s.behind(func(ctx context.Context) { s.settle(ctx, id, e.fence(), e.body, e.ended()) })
	return nil
}

// errands are what an outbox asks for.
type errands struct {
	tokens []tokenErrand
	unlist []string // users
	lines  []string // of the story
}

type tokenErrand struct {
	key    session.TokenKey
	token  *session.TokenRecord
	record []byte // its encoding
}

// errands reads an outbox, the whole of it or nothing.
func (o outbox) errands() (e errands, err error) {
	for d := (decoder{rest: o}); len(d.rest) > 0; {
		kind, text := d.byte(), d.text()
		switch {
		case d.failed:
			return errands{}, errDamaged
		case kind == entryToken && len(text) > len(session.TokenKey{}):
			t := tokenErrand{key: session.TokenKey(text[:len(session.TokenKey{})]), record: text[len(session.TokenKey{}):]}
			if t.token, err = session.DecodeToken(t.record); err != nil {
				return errands{}, fmt.Errorf("%w: %w", errDamaged, err)
			}
			e.tokens = append(e.tokens, t)
		case kind == entryUnlist:
			e.unlist = append(e.unlist, string(text))
		case kind == entryLine:
			e.lines = append(e.lines, string(text))
		default:
			return errands{}, errDamaged
		}
	}
	return e, nil
}

// commands are those of the errands that Redis does by itself.
func (s *Store) commands(id session.ID, e errands) (all rueidis.Commands) {
	for _, t := range e.tokens {
		set := s.client.B().Set().Key(tokenKey(t.key)).Value(string(t.record))
		if t.token.Replaced.IsZero() {
			all = append(all, set.Nx().PxatMillisecondsTimestamp(t.token.Ends.UnixMilli()).Build())
		} else {
			all = append(all, set.PxatMillisecondsTimestamp(t.token.Ends.UnixMilli()).Build())
		}
	}
	for _, user := range e.unlist {
		all = append(all, s.client.B().Zrem().Key(userKey(user)).Member(string(id[:])).Build())
	}
	return all
}

const (
	// endedFor is how long an ended session's value stays when its outbox is carried out: until whoever knew the session
	// has forgotten it. After that the token records say that it was ended.
	endedFor = time.Hour
	// toldFor is how long it is known which lines of a session were told, from when nobody need tell them any more.
	toldFor = 10 * time.Minute
)

// settle takes a carried outbox off a value, if no other commit has.
func (s *Store) settle(ctx context.Context, id session.ID, fence string, body int, ended bool) {
	live := time.Duration(0)
	if ended {
		live = endedFor
	}
	if err := s.run(ctx, s.scripts.settle, []string{sessionKey(id)}, fence, strconv.Itoa(body), millis(live)).Error(); err != nil {
		return // who finds it carries it out again, and settles
	}
	ctx, cancel := context.WithTimeout(ctx, commandTimeout)
	defer cancel()
	s.client.DoMulti(ctx, // where this fails, a line is remembered for longer, and the sweep comes once for nothing
		s.client.B().Pexpire().Key(toldKey(id)).Milliseconds(toldFor.Milliseconds()).Build(),
		s.client.B().Zrem().Key(dueKey(id)).Member(intent(id, tag([]byte(fence[1:])))).Build())
}

func millis(d time.Duration) string { return strconv.FormatInt(d.Milliseconds(), 10) }
