package bench

import (
	"encoding/binary"
	"errors"
	"fmt"
)

// The parts of RFC 6455, section 5 that a client of ours needs.
const (
	opText  = 0x1
	opClose = 0x8
	opPing  = 0x9
	opPong  = 0xA

	finBit  = 0x80
	maskBit = 0x80

	length16 = 126 // the length follows in 2 bytes
	length64 = 127 // in 8

	maxFrame = 16 << 20 // more than any session that a server is likely to allow; what is longer is taken for noise
)

var errFraming = errors.New("the server's framing is not that of RFC 6455")

// appendFrame appends a frame as clients send it. The masking key is zero, which masks nothing and costs nothing: keys exist to
// keep scripts in browsers from steering what proxies see (section 10.3), and there is neither script nor secret here.
func appendFrame(b []byte, op byte, payload []byte) []byte {
	b = append(b, finBit|op)
	switch n := len(payload); {
	case n < length16:
		b = append(b, maskBit|byte(n))
	case n < 1<<16:
		b = binary.BigEndian.AppendUint16(append(b, maskBit|length16), uint16(n))
	default:
		b = binary.BigEndian.AppendUint64(append(b, maskBit|length64), uint64(n))
	}
	b = append(b, 0, 0, 0, 0)
	return append(b, payload...)
}

// nextFrame reads the first frame in b, and says how long it is; 0 where the rest of it has not come yet.
func nextFrame(b []byte) (op byte, payload []byte, size int, err error) {
	if len(b) < 2 {
		return 0, nil, 0, nil
	}
	if b[0]&finBit == 0 || b[0]&0x70 != 0 || b[1]&maskBit != 0 {
		return 0, nil, 0, fmt.Errorf("%w: a frame begins with %#x %#x (fragments and extensions were not asked for)", errFraming, b[0], b[1])
	}
	op = b[0] & 0x0f
	length, head := uint64(b[1]), 2
	switch {
	case length == length16 && len(b) >= 4:
		length, head = uint64(binary.BigEndian.Uint16(b[2:])), 4
	case length == length64 && len(b) >= 10:
		length, head = binary.BigEndian.Uint64(b[2:]), 10
	case length >= length16:
		return 0, nil, 0, nil
	}
	if length > maxFrame {
		return 0, nil, 0, fmt.Errorf("%w: a frame of %d bytes", errFraming, length)
	}
	if size = head + int(length); size > len(b) {
		return 0, nil, 0, nil
	}
	return op, b[head:size], size, nil
}
