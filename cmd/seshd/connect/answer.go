package connect

import (
	"fmt"
	"slices"
)

// takeFrame prints a frame, and does what it means.
func (c *client) takeFrame(text []byte) error {
	m := readMessage(text)
	if m.Type == typeSession || m.Type == typeChange {
		c.isLive()
	}
	if err := c.print(text, m); err != nil {
		return &fatal{fmt.Errorf("printing a frame: %w", err)}
	}
	switch m.Type {
	case typeSession:
		c.enter(m)
	case typeChange:
		c.version = m.Version
	case typeOK, typeError:
		c.answer(m)
	case typePong:
		c.answered(func(p *command) bool { return p.ping })
	case typeBye:
		c.link.bye = &m
	}
	c.met = c.met || c.until != nil && c.until.saidBy(m)
	return nil
}

// isLive says so the first time that a frame tells where the session is: from now on lines may go out.
func (c *client) isLive() {
	switch {
	case c.link.live:
		return
	case c.opened:
		c.note("connected again")
	case c.Person && c.Typed && !c.scripted():
		c.note("connected to %v: a line of JSON is a frame, or %s; Ctrl-D ends", c.target, words)
	}
	c.link.live, c.opened, c.next = true, true, 0
}

// enter takes a whole session: the first frame, the answer to a get, or instead of a change that cannot be told.
func (c *client) enter(m message) {
	id := m.session()
	if c.session != "" && id != c.session && m.Continues != c.session {
		c.abandon()
	}
	c.session, c.version = id, m.Version
	if c.link.sent > 0 && c.pending[0].get { // answers come in order: it is for nobody else
		c.answered(func(p *command) bool { return p.get })
	}
}

// abandon drops the lines that another session was meant to get.
func (c *client) abandon() {
	c.note("the session is over, and this is a new one")
	if n := len(c.pending); n > 0 {
		c.refuse(fmt.Sprintf("the session was over before %d %s could be answered", n, plural(n, "line", "lines")))
		c.note("%s", c.refused)
	}
	c.pending, c.link.sent = nil, 0
}

// answer finds whose answer an ok or an error is. Without an id it is that of the oldest line, as they are answered in order.
func (c *client) answer(m message) {
	id := m.number()
	p := c.answered(func(p *command) bool { return id == 0 || p.id == id })
	switch {
	case p == nil: // of an id in a form that is none to us
		c.answered(func(*command) bool { return true })
	case m.Duplicate && p.sent == 1:
		c.refuse(fmt.Sprintf("id %d was used before, so this line was taken for the same one, sent again: let your ids rise, or leave them out", id))
		c.note("%s", c.refused)
	}
	if m.Type == typeError {
		c.refuse(m.Code + ": " + shown(m.Message, maxQuote))
	}
}

// answered takes the first line that was sent on this connection and fits off those that wait; nil if none does.
func (c *client) answered(fits func(*command) bool) *command {
	i := slices.IndexFunc(c.pending[:c.link.sent], fits)
	if i < 0 {
		return nil
	}
	p := c.pending[i]
	c.pending = slices.Delete(c.pending, i, i+1)
	c.link.sent--
	return p
}

func (c *client) refuse(why string) {
	c.refusals++
	c.refused = why
}
