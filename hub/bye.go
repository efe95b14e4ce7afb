package hub

import (
	"fmt"

	"github.com/seshd/seshd/session"
)

// Bye is why a tab is closed, or not let in. Package web has the close code of each.
type Bye struct {
	Code    string
	Message string
}

func (b *Bye) Error() string { return b.Code + ": " + b.Message }

// The ends of a tab.
var (
	Restarting = &Bye{"restarting", "this server shuts down: connect again"}
	LoggedOut  = &Bye{"logged_out", "this device's part in the session was ended"}
)

func tooManyTabs(limit int) *Bye {
	return &Bye{"too_many_tabs", fmt.Sprintf("the session has its %d tabs open already: close one", limit)}
}

func byeOf(why session.End) *Bye {
	if why == session.Expired {
		return &Bye{string(why), "the session timed out: a new one begins"}
	}
	return &Bye{string(why), "the session was ended: a new one begins"}
}
