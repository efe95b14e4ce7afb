package archive

import (
	"encoding/hex"
	"fmt"
	"strconv"
)

// hexText is bytes as lower-case hex digits.
type hexText []byte

// MarshalText is for encoding/json.
func (h hexText) MarshalText() ([]byte, error) { return hex.AppendEncode(nil, h), nil }

// UnmarshalText is for encoding/json.
func (h *hexText) UnmarshalText(text []byte) (err error) {
	*h, err = hex.AppendDecode(nil, text)
	return err
}

// fill copies a name of a fixed length, unless something was wrong before.
func fill(err error, member string, into []byte, from hexText) error {
	if err == nil && len(from) != len(into) {
		err = fmt.Errorf("%q has %d hex digits, not %d", member, hex.EncodedLen(len(from)), hex.EncodedLen(len(into)))
	}
	copy(into, from)
	return err
}

// bitmask is 64 bits as 16 hex digits: a number in JSON would lose some in programs that take it for a double.
type bitmask uint64

// MarshalText is for encoding/json.
func (b bitmask) MarshalText() ([]byte, error) { return fmt.Appendf(nil, "%016x", uint64(b)), nil }

// UnmarshalText is for encoding/json.
func (b *bitmask) UnmarshalText(text []byte) error {
	n, err := strconv.ParseUint(string(text), 16, 64)
	*b = bitmask(n)
	return err
}
