package session

import (
	"encoding/binary"
	"fmt"
	"time"
)

// recordFormat is the first byte of an encoded record. Readers know this one and those before it.
const recordFormat = 2

// AppendRecord appends the encoding of a record that every store keeps: a format byte, then
// integers as varints (times as Unix milliseconds), strings and values with their length before them.
func AppendRecord(b []byte, r *Record) []byte {
	b = append(b, recordFormat)
	b = append(b, r.ID[:]...)
	b = binary.AppendUvarint(b, r.Epoch)
	b = appendString(b, string(r.By))
	b = appendString(b, r.User)
	b = binary.AppendUvarint(b, flag(r.Shared))
	b = appendTimes(b, r.Created, r.Touched, r.Deadline)
	b = binary.AppendUvarint(b, uint64(len(r.Devices)))
	for _, d := range r.Devices {
		b = append(append(b, d.ID[:]...), d.Key[:]...)
		b = appendTimes(b, d.Issued, d.Ends, d.Seen)
		b = appendString(b, d.Agent)
	}
	b = binary.AppendUvarint(b, uint64(len(r.Absorbed)))
	for _, id := range r.Absorbed {
		b = append(b, id[:]...)
	}
	b = binary.AppendUvarint(b, uint64(len(r.Senders)))
	for _, s := range r.Senders {
		b = append(b, s.ID[:]...)
		b = binary.AppendUvarint(b, s.Highest)
		b = binary.AppendUvarint(b, s.Mask)
	}
	return appendState(b, r.State)
}

func appendState(b []byte, s *State) []byte {
	b = binary.AppendUvarint(b, s.Version)
	b = binary.AppendUvarint(b, s.Floor)
	b = binary.AppendUvarint(b, uint64(len(s.Entries)))
	for _, e := range s.Entries {
		b = appendString(b, e.Key)
		b = appendString(b, string(e.Value))
		b = binary.AppendUvarint(b, e.Version)
	}
	b = binary.AppendUvarint(b, uint64(len(s.Deletions)))
	for _, d := range s.Deletions {
		b = appendString(b, d.Key)
		b = binary.AppendUvarint(b, d.Version)
	}
	return b
}

func flag(set bool) uint64 {
	if set {
		return 1
	}
	return 0
}

func appendTimes(b []byte, times ...time.Time) []byte {
	for _, t := range times {
		b = binary.AppendVarint(b, t.UnixMilli())
	}
	return b
}

func appendString(b []byte, s string) []byte {
	return append(binary.AppendUvarint(b, uint64(len(s))), s...)
}

// DecodeRecord reads what AppendRecord wrote. The record keeps none of b.
func DecodeRecord(b []byte) (*Record, error) {
	if len(b) == 0 || b[0] < 1 {
		return nil, fmt.Errorf("session: a damaged record of %d bytes", len(b))
	}
	if b[0] > recordFormat {
		return nil, fmt.Errorf("session: a record in format %d, this seshd (%s) knows up to %d: use a newer one", b[0], Release(), recordFormat)
	}
	d := decoder{rest: b[1:]}
	r := &Record{State: &State{}}
	copy(r.ID[:], d.bytes(len(r.ID)))
	r.Epoch = d.uvarint()
	r.By = Source(d.string())
	users := b[0] >= 2 // the format before knew no users
	if users {
		r.User, r.Shared = d.string(), d.uvarint() == 1
	}
	r.Created, r.Touched, r.Deadline = d.time(), d.time(), d.time()
	r.Devices = make([]Device, d.count())
	for i := range r.Devices {
		dev := &r.Devices[i]
		copy(dev.ID[:], d.bytes(len(dev.ID)))
		copy(dev.Key[:], d.bytes(len(dev.Key)))
		dev.Issued, dev.Ends = d.time(), d.time()
		dev.Seen = r.Touched
		if users {
			dev.Seen, dev.Agent = d.time(), d.string()
		}
	}
	if users {
		for range d.count() {
			r.Absorbed = append(r.Absorbed, ID{})
			copy(r.Absorbed[len(r.Absorbed)-1][:], d.bytes(len(ID{})))
		}
	}
	r.Senders = make([]Sender, d.count())
	for i := range r.Senders {
		copy(r.Senders[i].ID[:], d.bytes(len(SenderID{})))
		r.Senders[i].Highest, r.Senders[i].Mask = d.uvarint(), d.uvarint()
	}
	d.state(r.State)
	if d.failed || len(d.rest) > 0 {
		return nil, fmt.Errorf("session: a damaged record of %d bytes", len(b))
	}
	return r, nil
}

func (d *decoder) state(s *State) {
	s.Version, s.Floor = d.uvarint(), d.uvarint()
	s.Entries = make([]Entry, d.count())
	for i := range s.Entries {
		e := &s.Entries[i]
		e.Key, e.Value, e.Version = d.string(), []byte(d.string()), d.uvarint()
		s.size += len(e.Key) + len(e.Value)
	}
	s.Deletions = make([]Deletion, d.count())
	for i := range s.Deletions {
		s.Deletions[i] = Deletion{d.string(), d.uvarint()}
	}
}

// decoder reads fields until one does not fit; then failed is set and every further field is zero.
type decoder struct {
	rest   []byte
	failed bool
}

func (d *decoder) bytes(n int) []byte {
	if n > len(d.rest) {
		d.failed, d.rest = true, nil
		return nil
	}
	field := d.rest[:n]
	d.rest = d.rest[n:]
	return field
}

func (d *decoder) uvarint() uint64 {
	v, n := binary.Uvarint(d.rest)
	if n <= 0 {
		d.failed, d.rest = true, nil
		return 0
	}
	d.rest = d.rest[n:]
	return v
}

func (d *decoder) time() time.Time {
	v, n := binary.Varint(d.rest)
	if n <= 0 {
		d.failed, d.rest = true, nil
		return time.Time{}
	}
	d.rest = d.rest[n:]
	return time.UnixMilli(v)
}

// count reads the length of a list, which is never more than the bytes that are left.
func (d *decoder) count() int {
	n := d.uvarint()
	if n > uint64(len(d.rest)) {
		d.failed, d.rest = true, nil
		return 0
	}
	return int(n)
}

func (d *decoder) string() string {
	return string(d.bytes(d.count()))
}
