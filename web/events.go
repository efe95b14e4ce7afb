package web

import (
	"bytes"
	"errors"
	"fmt"
	"net/http"
	"time"

	"github.com/seshd/seshd/hub"
)

const (
	transportE = "events"

	// heartbeat is how often an event stream says that it is alive: below the 30 s after which many proxies give up, and below
	// writeWait, since over HTTP/2 the deadline of a write that is done ends the stream all the same.
	heartbeat = 25 * time.Second
)

// events is GET /session/events: the frames of /ws as server-sent events, for networks without WebSocket and for curl -N.
func (a *App) events(w http.ResponseWriter, r *http.Request) {
	v, err := a.visit(r)
	if err != nil {
		a.refuse(w, r, err)
		return
	}
	news := make(chan struct{}, 1)
	j := hub.Join{
		Handle: v.handle, Transport: transportE, UserAgent: userAgent(r),
		Wake: func() {
			select {
			case news <- struct{}{}:
			default:
			}
		},
	}
	resume(r.Header.Get("Last-Event-ID"), &j)
	member, err := a.hub.Join(r.Context(), j)
	if err != nil {
		a.refuse(w, r, byeFor(err))
		return
	}
	a.tabOpened(v.handle, transportE)
	var bye *hub.Bye
	defer func() { // also where what a middleware put around w panics: an open tab keeps its session alive
		member.Leave()
		a.tabClosed(v.handle, transportE, bye)
	}()

	v.welcome(w.Header())
	w.Header().Set("Content-Type", "text/event-stream")
	w.Header().Set("X-Accel-Buffering", "no") // nginx
	stream := eventStream{w: w, control: http.NewResponseController(w), heartbeat: heartbeat, pushed: a.metrics.pushed}
	if err := stream.control.SetReadDeadline(time.Time{}); err != nil {
		a.log.Error("event stream keeps the server's read deadline", "error", err)
	}
	bye = stream.run(r, member, news)
}

// eventStream writes frames as events. A write that fails ends it; the client comes back with Last-Event-ID.
type eventStream struct {
	w         http.ResponseWriter
	control   *http.ResponseController
	heartbeat time.Duration
	pushed    func([]hub.Frame) // hears of what was handed over
}

// run tells the tab until it is gone, and returns why this server closed it; nil: it went by itself.
func (s *eventStream) run(r *http.Request, member *hub.Tab, news <-chan struct{}) *hub.Bye {
	beat := time.NewTicker(s.heartbeat)
	defer beat.Stop()
	for {
		frames, bye := member.Next(nil)
		var out bytes.Buffer
		for _, f := range frames {
			fmt.Fprintf(&out, "event: %s\nid: %s\ndata: %s\n\n", f.Type, versionName(f.ID, f.Version), f.JSON)
		}
		if bye != nil {
			fmt.Fprintf(&out, "event: bye\ndata: %s\n\n", byeFrame(bye))
		}
		err := s.send(out.Bytes())
		for _, f := range frames {
			handed(f.Spans, err)
		}
		if err != nil || bye != nil {
			return bye
		}
		s.pushed(frames)
		select {
		case <-news:
		case <-beat.C:
			if s.send([]byte(":\n\n")) != nil {
				return nil
			}
		case <-r.Context().Done():
			return nil
		}
	}
}

func (s *eventStream) send(b []byte) error {
	if len(b) == 0 {
		return nil
	}
	err := s.control.SetWriteDeadline(time.Now().Add(writeWait))
	if err != nil && !errors.Is(err, http.ErrNotSupported) { // a middleware may hide it
		return err
	}
	if _, err := s.w.Write(b); err != nil {
		return err
	}
	return s.control.Flush()
}
