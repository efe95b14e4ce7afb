package redisstore

import (
	"encoding/binary"

	"github.com/seshd/seshd/session"
)

// maxTold is how long a value may be to go out with the news of its commit. A longer one is read by those who want it: Redis cuts
// off a subscriber with too much to read.
const maxTold = 128 << 10

// The first byte of a message says what it is. Numbers are fixed or varints, as in the values.
const (
	newsCommit = 'c' // node, revision, events, the value
	newsTabs   = 't' // node, the tabs of all: see lua/tabs.lua
	newsAsk    = 'a' // node, question
	newsAnswer = 'r' // node, question, description
	newsStory  = 's'
	newsPing   = 'p'
)

func appendNews(kind byte, n nodeID) []byte { return append([]byte{kind}, n[:]...) }

// encodeNews makes the message of a commit, up to the value.
func encodeNews(n nodeID, e envelope, events []session.Event) []byte {
	b := binary.AppendUvarint(appendNews(newsCommit, n), e.rev)
	b = append(b, e.tag[:]...)
	noted := []session.Event{}
	for _, event := range events {
		if event.Cause != "" || len(event.Gone) > 0 { // of plain writes the record says all
			noted = append(noted, event)
		}
	}
	b = binary.AppendUvarint(b, uint64(len(noted)))
	for _, event := range noted {
		b = appendBytes(b, appendEvent(nil, event))
	}
	return b
}

// commitNews is a commit of another server, as it is told.
type commitNews struct {
	rev    uint64
	tag    tag
	events []session.Event
	value  []byte // empty: to be read
}

func decodeCommit(d *decoder) (c commitNews) {
	c.rev = d.uvarint()
	copy(c.tag[:], d.bytes(len(c.tag)))
	for range d.count() {
		event := decoder{rest: d.text()}
		c.events = append(c.events, event.event())
		d.failed = d.failed || event.failed
	}
	c.value = d.rest
	return c
}

// appendEvent appends what an event says beside its session.
func appendEvent(b []byte, e session.Event) []byte {
	b = appendBytes(b, []byte(e.Cause))
	b = binary.AppendUvarint(b, uint64(len(e.Gone)))
	for _, d := range e.Gone {
		b = append(b, d[:]...)
	}
	return append(append(b, e.Replaced[:]...), e.Into[:]...)
}

func (d *decoder) event() (e session.Event) {
	e.Cause = session.Cause(d.text())
	for range d.count() {
		e.Gone = append(e.Gone, session.DeviceID{})
		copy(e.Gone[len(e.Gone)-1][:], d.bytes(len(session.DeviceID{})))
	}
	copy(e.Replaced[:], d.bytes(len(e.Replaced)))
	copy(e.Into[:], d.bytes(len(e.Into)))
	return e
}
