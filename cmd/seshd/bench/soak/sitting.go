package main

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"strings"
	"sync"
	"time"

	"github.com/google/uuid"

	"github.com/seshd/seshd/cmd/seshd/connect"
)

const (
	maxTabs   = 3
	meanPause = 500 * time.Millisecond // of a writer between two writes

	// Of a hundred sittings, those in which something besides tabs is done.
	httpOf100, apiOf100, streamOf100, ticketOf100 = 30, 20, 25, 20

	apiWriter = "api"
	notHeard  = time.Minute // a ticket's tab that has not said all by then has lost its connection
)

// sit opens tabs and writes for a while, in several ways at once, until all is answered.
func (v *visitor) sit(ctx context.Context) error {
	stay, stop := context.WithTimeout(v.churn, v.span/2+rand.N(v.span))
	defer stop()
	var all sync.WaitGroup
	tabs := 1 + rand.IntN(maxTabs)
	failed := make(chan error, tabs+4)
	run := func(of100 int, what func(context.Context, context.Context) error) {
		if rand.IntN(100) < of100 {
			all.Go(func() { failed <- what(ctx, stay) })
		}
	}
	for range tabs {
		run(100, v.tab)
	}
	run(httpOf100, v.writeHTTP)
	run(apiOf100, v.writeAPI)
	run(streamOf100, v.stream)
	run(ticketOf100, v.ticket)
	all.Wait()
	close(failed)
	for err := range failed {
		if err != nil {
			return err
		}
	}
	return nil
}

// tab is the terminal's tab, which outlives its connections. It ends once all that it sent was answered.
func (v *visitor) tab(ctx, stay context.Context) error {
	name := v.newName("tab")
	for began := time.Now(); ; {
		t := newTold()
		lines, ended := v.connect(ctx, v.line.url(), t)
		select {
		case <-t.opened:
		case err := <-ended: // nothing was sent yet
			if _, _, _, wrong := t.soFar(); wrong != nil || time.Since(began) > answerWithin {
				return errors.Join(wrong, err)
			}
			pause(ctx, askAgain)
			continue
		}
		sent := v.writeLines(stay, lines, name)
		err := <-ended
		version, acked, frames, wrong := t.soFar()
		v.count(cTabs, 1)
		v.count(cFrames, frames)
		v.count(cWrites, acked)
		v.acknowledged(name, acked, version)
		if err = errors.Join(wrong, err); err == nil && acked != sent {
			err = fmt.Errorf("%d lines were sent and %d answered", sent, acked)
		}
		if err != nil {
			return fmt.Errorf("%s: %w", name, err)
		}
		return nil
	}
}

// connect begins a tab that sends what is written to lines and tells t what it hears, until lines is closed and all is answered.
func (v *visitor) connect(ctx context.Context, url string, t *told) (lines *io.PipeWriter, ended <-chan error) {
	in, lines := io.Pipe()
	done := make(chan error, 1)
	go func() {
		err := connect.Run(ctx, connect.Options{URL: url, Cookie: v.cookie, In: in, Out: t, Notes: notes{&v.tally}})
		in.CloseWithError(errors.New("the tab has ended"))
		done <- err
	}()
	return lines, done
}

// notes counts what a tab tells a person.
type notes struct{ *tally }

func (n notes) Write(text []byte) (int, error) {
	if bytes.Contains(text, []byte("connected again")) {
		n.count(cAgain, 1)
	}
	return len(text), nil
}

func (v *visitor) writeLines(stay context.Context, lines *io.PipeWriter, name string) (sent int) {
	defer lines.Close()
	for stay.Err() == nil {
		if _, err := io.WriteString(lines, v.mutation(name, sent+1)+"\n"); err != nil {
			return sent // the tab says why
		}
		sent++
		pause(stay, rand.N(2*meanPause))
	}
	return sent
}

func (v *visitor) writeHTTP(ctx, stay context.Context) error {
	return v.writeRequests(ctx, stay, v.newName("http"), 0, cHTTP, request{method: http.MethodPost, url: v.line.url() + "/session", cookie: v.cookie})
}

// writeAPI writes private keys. It can begin no session without the cookie.
func (v *visitor) writeAPI(ctx, stay context.Context) error {
	wrote, _ := v.expected()
	return v.writeRequests(ctx, stay, apiWriter, wrote[apiWriter], cAPI, request{
		method: http.MethodPost, url: "http://" + v.place.Internal + "/v1/sessions/" + v.id, cookie: v.cookie, key: v.key,
	})
}

func (v *visitor) writeRequests(ctx, stay context.Context, name string, before int, counts string, r request) error {
	client := uuid.NewString()
	for i := 1; stay.Err() == nil; i++ {
		r.body, r.once = v.mutation(name, before+i), fmt.Sprintf("%s:%d", client, i)
		a, err := v.ask(ctx, r)
		if err != nil {
			return err
		}
		var changed struct{ Version uint64 }
		if err := a.decode(&changed); err != nil {
			return fmt.Errorf("write %d of %s: %w", i, name, err)
		}
		v.acknowledged(name, before+i, changed.Version)
		v.count(counts, 1)
		pause(stay, rand.N(2*meanPause))
	}
	return nil
}

// stream follows the session by server-sent events, over connections that resume each other.
func (v *visitor) stream(ctx, stay context.Context) error {
	t, last := newTold(), ""
	for stay.Err() == nil {
		request, err := http.NewRequestWithContext(stay, http.MethodGet, v.line.url()+"/session/events", nil)
		if err != nil {
			return err
		}
		request.Header.Set("Cookie", v.cookie)
		if last != "" {
			request.Header.Set("Last-Event-ID", last)
		}
		if response, err := v.client.Do(request); err == nil {
			err = readEvents(response.Body, &last, t)
			response.Body.Close()
			if err != nil {
				return fmt.Errorf("an event stream: %w", err)
			}
		}
		pause(stay, askAgain)
	}
	_, _, frames, _ := t.soFar()
	v.count(cStreams, 1)
	v.count(cFrames, frames)
	return nil
}

// maxEvent is more than any frame of a session that this writes.
const maxEvent = 1 << 20

// readEvents hands the data of each event on, and keeps the id of the last. The stream may end at any time.
func readEvents(from io.Reader, last *string, to io.Writer) error {
	lines := bufio.NewScanner(from)
	lines.Buffer(nil, maxEvent)
	id, data := "", ""
	for lines.Scan() {
		line := lines.Text()
		if text, ok := strings.CutPrefix(line, "id: "); ok {
			id = text
		}
		if text, ok := strings.CutPrefix(line, "data: "); ok {
			data = text
		}
		if line != "" || data == "" {
			continue
		}
		if _, err := io.WriteString(to, data); err != nil {
			return err
		}
		*last, data = id, ""
	}
	return nil
}

// ticket opens a tab by a ticket. What was acknowledged before is in its first frame.
func (v *visitor) ticket(ctx, stay context.Context) error {
	pause(stay, rand.N(v.span/2))
	_, newest := v.expected()
	a, err := v.ask(ctx, request{method: http.MethodPost, url: v.line.url() + "/session/ticket", cookie: v.cookie})
	if err != nil {
		return err
	}
	var given struct{ Ticket string }
	if err := a.decode(&given); err != nil {
		return fmt.Errorf("asking for a ticket: %w", err)
	}
	t := newTold()
	err = connect.Run(ctx, connect.Options{URL: v.line.url(), Ticket: given.Ticket, Lines: []string{`{"ping":true}`},
		Out: t, Notes: io.Discard, NoReconnect: true, Timeout: notHeard})
	version, _, frames, wrong := t.soFar()
	v.count(cFrames, frames)
	switch {
	case wrong != nil:
		return fmt.Errorf("a ticket's tab: %w", wrong)
	case err != nil: // the connection was lost, and with it the ticket
		return nil
	case version < newest:
		return fmt.Errorf("a ticket's tab begins at version %d, after %d was acknowledged", version, newest)
	}
	v.count(cTickets, 1)
	return nil
}

// watch opens a tab, past the network that fails, that ends when the session does.
func (v *visitor) watch(ctx context.Context) (ended <-chan error, err error) {
	for began := time.Now(); time.Since(began) < answerWithin && ctx.Err() == nil; pause(ctx, askAgain) {
		watching, stop := context.WithCancel(ctx)
		t := newTold()
		t.bye = stop
		_, ended = v.connect(watching, v.place.URL(), t)
		select {
		case <-t.opened:
			return ended, nil
		case err = <-ended:
			stop()
		}
	}
	return nil, fmt.Errorf("opening a tab: %w", err)
}
