package session

import (
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"log/slog"
	"time"
)

// Token is the secret that a browser holds in its cookie: 256 random bits. It is never stored, logged or
// sent anywhere else; everything that is known about it in public is derived from it by HMAC-SHA256.
type Token [32]byte

// NewToken draws a token from crypto/rand.
func NewToken() (t Token) {
	rand.Read(t[:])
	return t
}

// String keeps the secret out of every format verb that would print it.
func (t Token) String() string { return "session.Token(secret)" }

// GoString keeps it out of %#v.
func (t Token) GoString() string { return t.String() }

// LogValue keeps it out of structured logs.
func (t Token) LogValue() slog.Value { return slog.StringValue(t.String()) }

// The labels keep what is derived from one token apart: knowing one of them tells nothing about another.
const (
	labelID     = "seshd session id"
	labelDevice = "seshd device"
	labelKey    = "seshd token key"
	labelEnd    = "seshd ended session" // of an id
)

func (t Token) derive(label string) []byte {
	mac := hmac.New(sha256.New, t[:])
	mac.Write([]byte(label))
	return mac.Sum(nil)
}

// ID is the public name of a session: safe in logs and frames.
type ID [16]byte

func (id ID) String() string { return hex.EncodeToString(id[:]) }

// endKey is under which a store knows that a session was ended, whatever tokens it may have got since elsewhere.
func (id ID) endKey() TokenKey { return sha256.Sum256(append([]byte(labelEnd), id[:]...)) }

// ParseID reads the 32 lower-case hex digits of an id.
func ParseID(s string) (id ID, ok bool) {
	return id, parseHex(id[:], s)
}

// DeviceID is the public handle of one token of a session. The zero DeviceID is nobody's.
type DeviceID [8]byte

func (d DeviceID) String() string { return hex.EncodeToString(d[:]) }

// ParseDevice reads the 16 lower-case hex digits of a device.
func ParseDevice(s string) (d DeviceID, ok bool) {
	return d, parseHex(d[:], s)
}

func parseHex(dst []byte, s string) bool {
	if len(s) != hex.EncodedLen(len(dst)) {
		return false
	}
	for _, c := range []byte(s) {
		if (c < '0' || c > '9') && (c < 'a' || c > 'f') {
			return false
		}
	}
	_, err := hex.Decode(dst, []byte(s))
	return err == nil
}

// TokenKey is the hash under which a store knows a token.
type TokenKey [32]byte

// TokenRecord is what a store keeps about a token from the first write to the token's absolute end,
// whatever ends the session: a token that has a record and no live session was ended, and stays so.
type TokenRecord struct {
	ID       ID
	Ends     time.Time
	Replaced time.Time // when another token took its place; zero: it is live, or was ended
}

// StaleFor is how long a replaced token is told from one that was ended: time for the browser to get the cookie that
// took its place, which a new visitor's cookie would overwrite.
const StaleFor = time.Minute

func (t *TokenRecord) stale(now time.Time) bool {
	return t != nil && !t.Replaced.IsZero() && now.Sub(t.Replaced).Abs() < StaleFor // the clock may have been set back since
}

// Handle is what a good cookie or ticket leads to: a session, which may be unwritten yet, and the device that asks.
// A Handle without a device is Go code's own: it is fenced by the session's existence alone.
type Handle struct {
	ID     ID
	Device DeviceID
	Key    TokenKey
	Issued time.Time
	Ends   time.Time // the absolute end of the device's token
	Agent  string    // the User-Agent that asks, where it is known
	From   string    // the address that asks, under which sessions that begin are counted; empty: they are not
}

// handle derives the handle of a token that was never written with.
func (t Token) handle(issued time.Time, lifetime time.Duration) Handle {
	h := Handle{Issued: issued, Ends: issued.Add(lifetime)}
	copy(h.ID[:], t.derive(labelID))
	copy(h.Device[:], t.derive(labelDevice))
	copy(h.Key[:], t.derive(labelKey))
	return h
}

func (h Handle) anonymous() bool { return h.Device == DeviceID{} }

// named refuses the handle of Go code where a device is needed: a new token is for somebody, and so is a good-bye.
func (h Handle) named() error {
	if h.anonymous() {
		return Refuse(BadRequest, "this needs to know which device of the session is meant")
	}
	return nil
}

func (h Handle) device() Device {
	return Device{ID: h.Device, Key: h.Key, Issued: h.Issued, Ends: h.Ends, Agent: h.Agent}
}
