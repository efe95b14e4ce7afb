package redisstore

import (
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/seshd/seshd/session"
)

// nodeID names one run of one server, at random.
type nodeID [8]byte

func (n nodeID) String() string { return hex.EncodeToString(n[:]) }

// tag names one commit: the node that made it and a number that rises with each. So two values with one tag are equal,
// also where Redis went back in time between them.
type tag [16]byte

func makeTag(n nodeID, number uint64) (t tag) {
	copy(t[:], n[:])
	binary.BigEndian.PutUint64(t[len(n):], number)
	return t
}

func (t tag) node() nodeID   { return nodeID(t[:8]) }
func (t tag) String() string { return hex.EncodeToString(t[:]) }

const (
	envelopeFormat = 1
	// maxOthers is how many nodes' last commits a session remembers, so that one that lost its answer finds out whether its
	// commit went in: more than are likely to write to one session within the seconds that takes.
	maxOthers = 7
	// maxLogins is how many logins that came from other sessions are remembered with their verdicts, for whoever meets
	// a session that is still on its way here. As many as a Record remembers in Absorbed.
	maxLogins = 32
)

// envelope is the value under a session's key. It outlives the record: one without a record says that the session was ended.
type envelope struct {
	tag     tag // zero: there is no value
	rev     uint64
	lineage uint64    // in which it was written
	until   time.Time // when the last token that ever led here ends
	others  []tag     // the last commit of each other node, newest first
	logins  []verdict
	record  *session.Record
	move    *move
	outbox  outbox
	body    int // bytes of the value before the outbox
}

// verdict says of a login from another session whether it came in. Whichever is written first stays.
type verdict struct {
	login tag
	in    bool
}

func (e *envelope) exists() bool { return e.tag != tag{} }
func (e *envelope) ended() bool  { return e.exists() && e.record == nil }

// fence is what a value must begin with for a commit on top of this one.
func (e *envelope) fence() string {
	if !e.exists() {
		return ""
	}
	return string(append([]byte{envelopeFormat}, e.tag[:]...))
}

// lastOf returns the newest commit of a node that this value is built on.
func (e *envelope) lastOf(n nodeID) tag {
	if e.tag.node() == n {
		return e.tag
	}
	for _, t := range e.others {
		if t.node() == n {
			return t
		}
	}
	return tag{}
}

// succeed gives a copy of an envelope the tag of the commit that is to replace it.
func (e *envelope) succeed(t tag) {
	e.rev++
	others := []tag{}
	for _, other := range append([]tag{e.tag}, e.others...) {
		if other != (tag{}) && other.node() != t.node() && len(others) < maxOthers {
			others = append(others, other)
		}
	}
	e.tag, e.others = t, others
}

func (e *envelope) verdict(login tag) (in, found bool) {
	for _, v := range e.logins {
		if v.login == login {
			return v.in, true
		}
	}
	return false, false
}

func (e *envelope) judge(login tag, in bool) {
	e.logins = append(slices.Clip(e.logins), verdict{login, in})
	e.logins = e.logins[max(0, len(e.logins)-maxLogins):]
}

// encode sets body.
func (e *envelope) encode() []byte {
	b := append([]byte{envelopeFormat}, e.tag[:]...)
	b = binary.AppendUvarint(b, e.rev)
	b = binary.AppendUvarint(b, e.lineage)
	b = binary.AppendVarint(b, e.until.UnixMilli())
	b = binary.AppendUvarint(b, uint64(len(e.others)))
	for _, t := range e.others {
		b = append(b, t[:]...)
	}
	b = binary.AppendUvarint(b, uint64(len(e.logins)))
	for _, v := range e.logins {
		in := byte(0)
		if v.in {
			in = 1
		}
		b = append(append(b, v.login[:]...), in)
	}
	b = appendBytes(b, encodeRecord(e.record))
	b = appendBytes(b, e.move.encode())
	e.body = len(b)
	return append(b, e.outbox...)
}

func encodeRecord(r *session.Record) []byte {
	if r == nil {
		return nil
	}
	return session.AppendRecord(nil, r)
}

func decodeRecord(b []byte) (*session.Record, error) {
	if len(b) == 0 {
		return nil, nil
	}
	return session.DecodeRecord(b)
}

var errDamaged = errors.New("a damaged value, or one of a newer seshd")

func decodeEnvelope(b []byte) (*envelope, error) {
	e := &envelope{}
	if len(b) == 0 {
		return e, nil
	}
	if b[0] != envelopeFormat {
		return nil, errDamaged
	}
	d := decoder{rest: b[1:]}
	copy(e.tag[:], d.bytes(len(e.tag)))
	e.rev, e.lineage, e.until = d.uvarint(), d.uvarint(), d.time()
	e.others = make([]tag, d.count())
	for i := range e.others {
		copy(e.others[i][:], d.bytes(len(tag{})))
	}
	e.logins = make([]verdict, d.count())
	for i := range e.logins {
		copy(e.logins[i].login[:], d.bytes(len(tag{})))
		e.logins[i].in = d.byte() == 1
	}
	record, moving := d.text(), d.text()
	if d.failed {
		return nil, errDamaged
	}
	e.outbox = d.rest
	e.body = len(b) - len(d.rest)
	var err, errMove error
	e.record, err = decodeRecord(record)
	e.move, errMove = decodeMove(moving)
	if err := errors.Join(err, errMove); err != nil {
		return nil, fmt.Errorf("%w: %w", errDamaged, err)
	}
	return e, nil
}
