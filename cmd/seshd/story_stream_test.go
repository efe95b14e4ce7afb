package main

import (
	"bufio"
	"context"
	"encoding/json"
	"net/http"
	"strings"
	"testing"
	"time"
)

// storyStream is GET /v1/events, being read.
type storyStream struct {
	t      *testing.T
	lines  chan string
	stop   context.CancelFunc
	lastID string
}

type storyEvent struct {
	Type, ID, Device, User, From, At string

	event, seq string // of the stream, as against the data
}

// story opens the stream. It returns once the server has said where it begins.
func (b *backend) story(t *testing.T, last string) *storyStream {
	t.Helper()
	ctx, stop := context.WithCancel(t.Context())
	t.Cleanup(stop)
	r := b.request(http.MethodGet, "/v1/events", nil).WithContext(ctx)
	if last != "" {
		r.Header.Set("Last-Event-ID", last)
	}
	client := &http.Client{Transport: b.http.Transport} // without a time-out
	response, err := client.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	if got := response.Header.Get("Content-Type"); response.StatusCode != 200 || got != "text/event-stream" {
		t.Fatalf("the story is %s, %s", response.Status, got)
	}
	s := &storyStream{t: t, stop: stop, lines: make(chan string, 1000)}
	go func() {
		defer close(s.lines)
		defer response.Body.Close()
		for scanner := bufio.NewScanner(response.Body); scanner.Scan(); {
			s.lines <- scanner.Text()
		}
	}()
	begin := s.block()
	if id, ok := strings.CutPrefix(begin, "id: "); ok {
		s.lastID = strings.TrimSpace(id)
	}
	return s
}

// block reads up to an empty line.
func (s *storyStream) block() string {
	s.t.Helper()
	var block strings.Builder
	for {
		select {
		case line, more := <-s.lines:
			if !more {
				s.t.Fatalf("the story ended after %q", block.String())
			}
			if line == "" {
				return block.String()
			}
			block.WriteString(line + "\n")
		case <-time.After(patience):
			s.t.Fatalf("nothing more of the story after %q", block.String())
		}
	}
}

// next is the next event.
func (s *storyStream) next() (e storyEvent) {
	s.t.Helper()
	for line := range strings.Lines(s.block()) {
		name, value, _ := strings.Cut(strings.TrimSpace(line), ": ")
		switch name {
		case "event":
			e.event = value
		case "id":
			e.seq, s.lastID = value, value
		case "data":
			if err := json.Unmarshal([]byte(value), &e); err != nil {
				s.t.Fatal(err)
			}
		}
	}
	if e.event == "" || e.event != e.Type || e.seq == "" {
		s.t.Errorf("an event without a name, an id, or with another type: %+v", e)
	}
	return e
}

// tells checks the next events, each as "type id user".
func (s *storyStream) tells(want ...[3]string) (events []storyEvent) {
	s.t.Helper()
	for _, w := range want {
		e := s.next()
		if got := [3]string{e.Type, e.ID, e.User}; got != w {
			s.t.Fatalf("the story says %+v, want %v", e, w)
		}
		events = append(events, e)
	}
	return events
}
