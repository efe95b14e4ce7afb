package connect

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"time"

	"github.com/google/uuid"
)

// client is a tab that outlives its connections. All of it belongs to the goroutine of run, but for what comes by lines.
type client struct {
	Options
	target target
	jar    *jar
	ticket string
	until  *condition // nil: none
	sender string     // the client of the protocol, under which a line counts once
	lines  <-chan line

	session string // its id, "" before the first frame
	version uint64 // told last
	opened  bool   // a first frame came, on this connection or an earlier one
	met     bool   // what until waits for was said
	drained bool   // there are no more lines

	pending  []*command // not answered yet, oldest first
	lastID   uint64     // of a mutation
	refusals int
	refused  string // the last of them

	link link
	next int // attempts since there was a session
}

func newClient(o Options) (*client, error) {
	c := &client{Options: o, sender: uuid.NewString()}
	var err error
	if c.target, c.ticket, err = newTarget(o.URL); err != nil {
		return nil, err
	}
	if c.jar, err = newJar(o.Jar, c.target.page(), o.Cookie); err != nil {
		return nil, err
	}
	if o.Until != "" {
		if c.until, err = newCondition(o.Until); err != nil {
			return nil, err
		}
	}
	input := newScanner(o.In)
	switch {
	case o.Ticket == "-":
		if c.ticket, err = readTicket(input); err != nil {
			return nil, err
		}
	case o.Ticket != "":
		c.ticket = o.Ticket
	}
	if c.ticket != "" && (o.Jar != "" || o.Cookie != "") {
		return nil, errors.New("a ticket and a cookie each say which session is meant: want one of them")
	}
	if c.scripted() {
		c.lines = listed(o.Lines)
	} else {
		c.lines = read(input)
	}
	return c, nil
}

// scripted says that the lines are those of the command line.
func (c *client) scripted() bool { return len(c.Lines) > 0 }

// run connects, and connects again, until all is done.
func (c *client) run(ctx context.Context) error {
	for {
		err := c.connection(ctx)
		switch {
		case err == nil:
			return c.outcome()
		case ctx.Err() != nil:
			return c.stopped(ctx)
		}
		if end := c.final(err); end != nil {
			return end
		}
		pause := c.pause(err)
		c.note("no connection (%s): again in %.1f s", c.reason(err), pause.Seconds())
		select {
		case <-time.After(pause):
		case <-ctx.Done():
			return c.stopped(ctx)
		}
	}
}

// connection is one of them, from its handshake on. It returns nil when nothing is left to do.
func (c *client) connection(ctx context.Context) error {
	c.link = link{}
	conn, err := c.dial(ctx)
	if err != nil {
		return err
	}
	defer conn.Close()
	return c.talk(ctx, conn)
}

// pause is full jitter (the name is of AWS's post about back-off): any time up to a limit that doubles.
func (c *client) pause(err error) time.Duration {
	if c.isLater(err) {
		c.next = max(c.next, attemptsLater)
	}
	limit := min(maxPause, firstPause<<min(c.next, maxDoublings))
	c.next++
	return rand.N(limit)
}

// outcome is how it ended when all is done.
func (c *client) outcome() error {
	switch c.refusals {
	case 0:
		return nil
	case 1:
		return &Exit{CodeRefused, "refused: " + c.refused}
	}
	return &Exit{CodeRefused, fmt.Sprintf("%d lines were refused, the last: %s", c.refusals, c.refused)}
}

// stopped is how it ended when it was not.
func (c *client) stopped(ctx context.Context) error {
	if !errors.Is(context.Cause(ctx), errTimeout) {
		return &Exit{CodeInterrupted, c.unanswered()}
	}
	text := fmt.Sprintf("timeout after %v", c.Timeout)
	switch {
	case !c.link.live:
		text += ": there is no connection to " + c.target.String()
	case c.until != nil && !c.met:
		text += fmt.Sprintf(": no frame said %s", shown(c.until.text, maxQuote))
	}
	if more := c.unanswered(); more != "" {
		text += "\n" + more
	}
	return &Exit{CodeTimeout, text}
}

// unanswered says what nobody can know at the end, and nothing if there is nothing.
func (c *client) unanswered() string {
	n := 0
	for _, p := range c.pending {
		if !p.get && !p.ping {
			n++
		}
	}
	if n == 0 {
		return ""
	}
	return fmt.Sprintf("not answered: %d %s, of which nobody knows here whether they were applied", n, plural(n, "line", "lines"))
}

// note tells a person something.
func (c *client) note(format string, args ...any) {
	fmt.Fprintf(c.Notes, "seshd: "+format+"\n", args...)
}

func plural(n int, one, many string) string {
	if n == 1 {
		return one
	}
	return many
}
