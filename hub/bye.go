package hub

import (
	"fmt"
	"time"

	"github.com/seshd/seshd/session"
)

// Bye is why a tab is closed, or not let in. Package web has the close code of each.
type Bye struct {
	Code    string
	Message string
	Into    session.ID // of rotated: the session that a login led to, if it is another one
}

func (b *Bye) Error() string { return b.Code + ": " + b.Message }

// The ends of a tab.
var (
	Restarting = &Bye{Code: "restarting", Message: "this server shuts down: connect again"}
	LoggedOut  = &Bye{Code: "logged_out", Message: "this device's part in the session was ended"}
)

func tooManyTabs(limit int) *Bye {
	return &Bye{Code: "too_many_tabs", Message: fmt.Sprintf("the session has its %d tabs open already: close one", limit)}
}

var (
	expired   = &Bye{Code: string(session.Expired), Message: "the session timed out: a new one begins"}
	destroyed = &Bye{Code: string(session.Destroyed), Message: "the session was ended: a new one begins"}
)

func rotated(into session.ID) *Bye {
	return &Bye{Code: string(session.Rotated), Message: "the cookie was replaced: connect again with the new one", Into: into}
}

// byeOf tells the tabs of a device that a commit has put out.
func byeOf(e session.Event, device session.DeviceID) *Bye {
	switch {
	case device == e.Replaced:
		return rotated(e.Into)
	case e.Record == nil && e.Cause == session.Expired:
		return expired
	case e.Record == nil && e.Cause == session.Destroyed:
		return destroyed
	}
	return LoggedOut
}

// byeSeen tells the tabs of a device why, as far as the store shows it after the event was missed: by the refusal of a load, and
// the newest record that was known, nil where nothing was ever written. ended says that the session is no more.
func byeSeen(h session.Handle, refusal error, known *session.Record, ended bool, now time.Time) *Bye {
	switch {
	case session.CodeOf(refusal) == session.StaleCookie:
		return rotated(session.ID{})
	case !now.Before(h.Ends) || known != nil && !known.Alive(now):
		return expired
	case ended:
		return destroyed
	}
	return LoggedOut
}
