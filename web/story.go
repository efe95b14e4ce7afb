package web

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net/http"
	"strconv"
	"time"

	"github.com/seshd/seshd/session"
)

// storyPage is how many lines of the story are read and written at a time.
const storyPage = 256

// told is a line of the story as a backend reads it.
type told struct {
	Type   session.Cause `json:"type"`
	ID     string        `json:"id"`
	Device string        `json:"device,omitempty"`
	User   string        `json:"user,omitempty"`
	From   string        `json:"from,omitempty"` // the session that a login combined into this one
	At     time.Time     `json:"at"`
}

// story streams what becomes of sessions, so that a backend may keep copies of them. It begins now, or after Last-Event-ID;
// where that cannot be told any more it says reset: copies are to be thrown away.
func (a *App) story(w http.ResponseWriter, r *http.Request) {
	after, err := a.storyFrom(r)
	if err != nil {
		a.refuse(w, r, err)
		return
	}
	w.Header().Set("Content-Type", "text/event-stream")
	w.Header().Set("X-Accel-Buffering", "no")
	stream := eventStream{w: w, control: http.NewResponseController(w)}
	if err := stream.control.SetReadDeadline(time.Time{}); err != nil {
		a.log.Error("the story keeps the server's read deadline", "error", err)
	}
	if stream.send(fmt.Appendf(nil, "id: %d\n\n", after)) != nil {
		return
	}
	for {
		page, next, err := a.storyAfter(r.Context(), after, heartbeat)
		if err != nil && r.Context().Err() == nil {
			a.log.Error("a story broke off; whoever reads it comes back", "error", err)
		}
		if err != nil || stream.send(page) != nil {
			return
		}
		after = next
	}
}

// storyFrom reads where a stream is to begin.
func (a *App) storyFrom(r *http.Request) (uint64, error) {
	last := r.Header.Get("Last-Event-ID")
	if last == "" {
		return a.manager.StoryEnd(r.Context())
	}
	after, err := strconv.ParseUint(last, 10, 64)
	if err != nil {
		return 0, session.Refuse(session.BadRequest, "Last-Event-ID is the id of an event of this stream, a number; leave it out to begin now")
	}
	return after, nil
}

// storyAfter waits for what comes next, and gives a heartbeat where nothing does.
func (a *App) storyAfter(ctx context.Context, after uint64, beat time.Duration) (page []byte, next uint64, err error) {
	wait, cancel := context.WithTimeout(ctx, beat)
	defer cancel()
	lives, gap, err := a.manager.Story(wait, after, storyPage)
	switch {
	case errors.Is(err, context.DeadlineExceeded) && ctx.Err() == nil:
		return []byte(":\n\n"), after, nil
	case err != nil:
		return nil, after, err
	case gap:
		next, err := a.manager.StoryEnd(ctx)
		return fmt.Appendf(nil, "event: reset\nid: %d\ndata: {\"type\":\"reset\"}\n\n", next), next, err
	}
	var out bytes.Buffer
	for _, life := range lives {
		fmt.Fprintf(&out, "event: %s\nid: %d\ndata: %s\n\n", life.Cause, life.Seq, encode(tell(life)))
	}
	return out.Bytes(), lives[len(lives)-1].Seq, nil
}

func tell(life session.Life) told {
	line := told{Type: life.Cause, ID: life.ID.String(), User: life.User, At: wireTime(life.At)}
	if life.Device != (session.DeviceID{}) {
		line.Device = life.Device.String()
	}
	if life.From != (session.ID{}) {
		line.From = life.From.String()
	}
	return line
}
