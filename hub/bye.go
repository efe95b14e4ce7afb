package hub

import (
	"fmt"

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

const rotated = "rotated"

// fences says whether the tab's device is out: what was committed since is not for it.
func (b *Bye) fences() bool { return b != nil && (b.Code == rotated || b.Code == LoggedOut.Code) }

func tooManyTabs(limit int) *Bye {
	return &Bye{Code: "too_many_tabs", Message: fmt.Sprintf("the session has its %d tabs open already: close one", limit)}
}

// byeOf tells the tabs that a commit has put out.
func byeOf(e session.Event) *Bye {
	switch e.Cause {
	case session.LoggedIn, session.Rotated:
		return &Bye{Code: rotated, Message: "the cookie was replaced: connect again with the new one", Into: e.Into}
	case session.Expired:
		return &Bye{Code: string(e.Cause), Message: "the session timed out: a new one begins"}
	case session.LoggedOut:
		return LoggedOut
	}
	return &Bye{Code: string(session.Destroyed), Message: "the session was ended: a new one begins"}
}
