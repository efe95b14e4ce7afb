package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"sync"
	"time"
)

// story follows what becomes of sessions, over all restarts, and so knows which there are.
type story struct {
	last string // id of the newest line; belongs to follow

	mu    sync.Mutex // guards there
	there map[string]bool
}

// sessions is how many there are.
func (t *story) sessions() int {
	t.mu.Lock()
	defer t.mu.Unlock()
	return len(t.there)
}

// follow reads the story until ctx is over.
func (s *soak) follow(ctx context.Context) {
	t := &s.story
	for ctx.Err() == nil {
		request, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+s.place.Internal+"/v1/events", nil)
		if err != nil {
			s.violated("%v", err)
			return
		}
		request.Header.Set("Authorization", "Bearer "+s.key)
		request.Header.Set("Last-Event-ID", t.last)
		if response, err := s.client.Do(request); err == nil {
			err = readEvents(response.Body, &t.last, storyLine{s})
			response.Body.Close()
			if err != nil {
				s.violated("the story: %v", err)
				return
			}
		}
		pause(ctx, askAgain)
	}
}

// storyLine takes one line.
type storyLine struct{ *soak }

func (s storyLine) Write(text []byte) (int, error) {
	var line struct{ Type, ID, Device, From string }
	if err := json.Unmarshal(text, &line); err != nil {
		return 0, fmt.Errorf("%w: %.200s", err, text)
	}
	s.count(cStory, 1)
	s.story.mu.Lock()
	defer s.story.mu.Unlock()
	return len(text), s.story.tell(line.Type, line.ID, line.Device, line.From)
}

func (t *story) tell(kind, id, device, from string) error {
	switch kind {
	case "created":
		if t.there[id] {
			return fmt.Errorf("session %s is created twice", id)
		}
		t.there[id] = true
	case "login":
		delete(t.there, from) // which is empty where no other session was combined into this one
	case "logged_out":
		if device == "" {
			delete(t.there, id)
		}
	case "destroyed", "expired":
		delete(t.there, id)
	case "rotated":
	default:
		return fmt.Errorf("a line of kind %q", kind)
	}
	return nil
}

// agree sees that the sessions in an export are those that the story tells of, as soon as all that timed out was swept.
func (s *soak) agree(ctx context.Context) error {
	for began := time.Now(); ; pause(ctx, askAgain) {
		exported, err := s.exported(ctx)
		if err != nil {
			return err
		}
		odd := s.story.odd(exported)
		if odd == "" {
			return nil
		}
		if time.Since(began) > answerWithin || ctx.Err() != nil {
			s.violated("%s", odd)
			return nil
		}
	}
}

// odd says what only one side knows of.
func (t *story) odd(exported map[string]bool) string {
	t.mu.Lock()
	defer t.mu.Unlock()
	for id := range exported {
		if !t.there[id] {
			return fmt.Sprintf("session %s is in an export, and the story does not tell of it", id)
		}
	}
	for id := range t.there {
		if !exported[id] {
			return fmt.Sprintf("the story tells of session %s and not of its end; it is in no export", id)
		}
	}
	return ""
}

func (s *soak) exported(ctx context.Context) (map[string]bool, error) {
	a, err := s.api(ctx, http.MethodGet, "/v1/export", "", "")
	if err != nil {
		return nil, err
	}
	all := make(map[string]bool)
	for text := range bytes.Lines(a.body) {
		var line struct{ Session struct{ ID string } }
		if err := json.Unmarshal(text, &line); err != nil {
			return nil, err
		}
		if line.Session.ID != "" {
			all[line.Session.ID] = true
		}
	}
	return all, nil
}
