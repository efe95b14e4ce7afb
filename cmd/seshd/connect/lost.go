package connect

import (
	"errors"
	"fmt"
	"net"
	"time"

	"github.com/gorilla/websocket"
)

// The pauses before a new connection: as the client in browsers makes them.
const (
	firstPause    = 500 * time.Millisecond // at most, the first time: a server that restarts takes about as long
	maxPause      = 20 * time.Second       // at most, later
	maxDoublings  = 6                      // by which maxPause is reached
	attemptsLater = 3                      // what a close code of 42xx counts as: pauses begin at up to 4 s
)

// The close codes of the protocol that mean more than their hundred.
const (
	closeRotated  = 4001
	laterFrom     = 4200 // 42xx: connect again, later
	finalFrom     = 4400 // 44xx: do not
	finalTo       = 4499
	closeTooLarge = websocket.CloseMessageTooBig
)

// fatal is a fault of this side, which no other connection heals.
type fatal struct{ error }

func (f *fatal) Unwrap() error { return f.error }

// final is the end that an error means, nil if it is worth another connection.
func (c *client) final(err error) error {
	if own, ok := errors.AsType[*fatal](err); ok {
		return own.error
	}
	answer, isAnswer := errors.AsType[*refusal](err)
	code, why := closeCode(err), ""
	switch {
	case code == closeTooLarge:
		return &Exit{CodeRefused, join("refused: "+c.reason(err), c.unanswered())}
	case !c.opened:
		return &Exit{CodeNoConnection, fmt.Sprintf("no connection to %v: %s", c.target, c.reason(err))}
	case c.NoReconnect:
	case isAnswer && !answer.passes():
	case code >= finalFrom && code <= finalTo:
	case c.ticket != "":
		why = " (a ticket is good for one connection: get another)"
	case code == closeRotated && c.Jar == "":
		why = " (with --jar it could go on, once the new cookie is in the file)"
	default:
		return nil
	}
	return &Exit{CodeNoConnection, join("the connection is lost: "+c.reason(err)+why, c.unanswered())}
}

// isLater says that the server asks for a longer pause. The cookie after a stale one is about to be there, so for that not.
func (c *client) isLater(err error) bool {
	code := closeCode(err)
	return code >= laterFrom && code < finalFrom && (c.link.bye == nil || c.link.bye.Code != "stale_cookie")
}

// closeCode is that of a close frame, 0 where none came.
func closeCode(err error) int {
	closed, ok := errors.AsType[*websocket.CloseError](err)
	if !ok || closed.Code == websocket.CloseAbnormalClosure {
		return 0
	}
	return closed.Code
}

// reason says why there is no connection any more, in the server's words where it had some.
func (c *client) reason(err error) string {
	code := closeCode(err)
	var timeout net.Error
	switch {
	case c.link.bye != nil:
		return fmt.Sprintf("%s: %s (close code %d)", c.link.bye.Code, shown(c.link.bye.Message, maxQuote), code)
	case code != 0:
		return shown(err.Error(), maxQuote)
	case websocket.IsCloseError(err, websocket.CloseAbnormalClosure):
		return "it broke off"
	case errors.As(err, &timeout) && timeout.Timeout() && c.link.live:
		return fmt.Sprintf("nothing came for %v", maxSilence)
	case errors.As(err, &timeout) && timeout.Timeout():
		return fmt.Sprintf("nothing came within %v: is it the URL of a seshd?", handshakeTimeout)
	}
	return err.Error()
}

// join puts what there is of two texts on lines of their own.
func join(a, b string) string {
	if b == "" {
		return a
	}
	return a + "\n" + b
}
