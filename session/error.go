package session

import (
	"errors"
	"fmt"
)

// Code names a refusal in the words of the wire contract.
type Code string

// The codes that the domain itself gives. Package web has the one table that turns them into
// HTTP statuses and close codes.
const (
	BadRequest    Code = "bad_request"
	BadKey        Code = "bad_key"
	InvalidJSON   Code = "invalid_json"
	ForbiddenKey  Code = "forbidden_key"
	NoSuchKey     Code = "no_such_key"
	NoSuchSession Code = "no_such_session"
	Conflict      Code = "conflict"
	NotApplied    Code = "not_applied"
	StaleCookie   Code = "stale_cookie"
	BadTicket     Code = "bad_ticket"
	TooLarge      Code = "too_large"
	RateLimited   Code = "rate_limited"
	NotANumber    Code = "not_a_number"
	NotAnArray    Code = "not_an_array"
	Unavailable   Code = "unavailable"
)

// Error is a refusal that its sender may read: it says what was wrong and what would be right.
// Any other error is a fault of the server, to be logged and hidden.
type Error struct {
	Code    Code
	Message string
	Version uint64 // of the session, with Conflict
}

func (e *Error) Error() string { return string(e.Code) + ": " + e.Message }

// Refuse makes an *Error.
func Refuse(code Code, format string, args ...any) *Error {
	return &Error{Code: code, Message: fmt.Sprintf(format, args...)}
}

// CodeOf gives the code of a refusal; a fault is Unavailable, since it is never the sender's doing.
func CodeOf(err error) Code {
	var refusal *Error
	if errors.As(err, &refusal) {
		return refusal.Code
	}
	return Unavailable
}
