package redisstore

import (
	"context"
	"errors"
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
	commands, lines, err := s.open(id, e.outbox)
	if err != nil {
		return err
	}
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

// open reads an outbox.
func (s *Store) open(id session.ID, o outbox) (commands rueidis.Commands, lines []string, err error) {
	for d := (decoder{rest: o}); len(d.rest) > 0; {
		kind, text := d.byte(), d.text()
		if d.failed {
			return nil, nil, errDamaged
		}
		switch kind {
		case entryToken:
			if len(text) < len(session.TokenKey{}) {
				return nil, nil, errDamaged
			}
			key, value := session.TokenKey(text[:len(session.TokenKey{})]), text[len(session.TokenKey{}):]
			token, err := session.DecodeToken(value)
			if err != nil {
				return nil, nil, err
			}
			set := s.client.B().Set().Key(tokenKey(key)).Value(string(value))
			if token.Replaced.IsZero() {
				commands = append(commands, set.Nx().PxatMillisecondsTimestamp(token.Ends.UnixMilli()).Build())
			} else {
				commands = append(commands, set.PxatMillisecondsTimestamp(token.Ends.UnixMilli()).Build())
			}
		case entryUnlist:
			commands = append(commands, s.client.B().Zrem().Key(userKey(string(text))).Member(string(id[:])).Build())
		case entryLine:
			lines = append(lines, string(text))
		default:
			return nil, nil, errDamaged
		}
	}
	return commands, lines, nil
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
