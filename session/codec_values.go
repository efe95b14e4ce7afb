package session

import (
	"encoding/binary"
	"errors"
	"time"
)

// AppendToken appends the encoding of a token record that every store keeps.
func AppendToken(b []byte, t TokenRecord) []byte {
	b = binary.BigEndian.AppendUint64(append(b, t.ID[:]...), uint64(t.Ends.UnixMilli()))
	if !t.Replaced.IsZero() {
		b = binary.BigEndian.AppendUint64(b, uint64(t.Replaced.UnixMilli()))
	}
	return b
}

// DecodeToken reads what AppendToken wrote; nil is a token without a record.
func DecodeToken(b []byte) (*TokenRecord, error) {
	if b == nil {
		return nil, nil
	}
	t := new(TokenRecord)
	const live = len(t.ID) + 8
	if len(b) != live && len(b) != live+8 {
		return nil, Refuse(Unavailable, "a damaged token record")
	}
	copy(t.ID[:], b)
	t.Ends = time.UnixMilli(int64(binary.BigEndian.Uint64(b[len(t.ID):])))
	if len(b) > live {
		t.Replaced = time.UnixMilli(int64(binary.BigEndian.Uint64(b[live:])))
	}
	return t, nil
}

// AppendTicket appends the encoding of a ticket.
func AppendTicket(b []byte, t Ticket) []byte {
	b = append(b, t.Handle.ID[:]...)
	b = append(b, t.Handle.Device[:]...)
	b = append(b, t.Handle.Key[:]...)
	for _, at := range []time.Time{t.Handle.Issued, t.Handle.Ends, t.Expires} {
		b = binary.BigEndian.AppendUint64(b, uint64(at.UnixMilli()))
	}
	return b
}

// DecodeTicket reads what AppendTicket wrote.
func DecodeTicket(b []byte) (t Ticket, err error) {
	h := &t.Handle
	if len(b) != len(h.ID)+len(h.Device)+len(h.Key)+3*8 {
		return t, Refuse(Unavailable, "a damaged ticket")
	}
	b = b[copy(h.ID[:], b):]
	b = b[copy(h.Device[:], b):]
	b = b[copy(h.Key[:], b):]
	for i, at := range []*time.Time{&h.Issued, &h.Ends, &t.Expires} {
		*at = time.UnixMilli(int64(binary.BigEndian.Uint64(b[8*i:])))
	}
	return t, nil
}

// AppendLife appends the encoding of a line of the story, without its number, which is in its key.
func AppendLife(b []byte, l Life) []byte {
	b = binary.BigEndian.AppendUint64(b, uint64(l.At.UnixMilli()))
	b = append(append(append(b, l.ID[:]...), l.Device[:]...), l.From[:]...)
	b = append(append(b, byte(len(l.Cause))), l.Cause...)
	return append(b, l.User...)
}

// DecodeLife reads what AppendLife wrote.
func DecodeLife(b []byte) (l Life, err error) {
	const fixed = 8 + len(l.ID) + len(l.Device) + len(l.From) + 1
	if len(b) < fixed || len(b) < fixed+int(b[fixed-1]) {
		return l, errors.New("a damaged line of the story")
	}
	l.At = time.UnixMilli(int64(binary.BigEndian.Uint64(b)))
	rest := b[8:]
	rest = rest[copy(l.ID[:], rest):]
	rest = rest[copy(l.Device[:], rest):]
	rest = rest[copy(l.From[:], rest):]
	cause := int(rest[0])
	l.Cause, l.User = Cause(rest[1:1+cause]), string(rest[1+cause:])
	return l, nil
}
