package main

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"sync"
)

// story follows what becomes of sessions, over all restarts, and so knows how many there are.
type story struct {
	last string // id of the newest line; belongs to follow

	mu      sync.Mutex     // guards the rest
	devices map[string]int // of each session that is there
}

// sessions is how many there are.
func (t *story) sessions() int {
	t.mu.Lock()
	defer t.mu.Unlock()
	return len(t.devices)
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
	var line struct{ Type, ID, From string }
	if err := json.Unmarshal(text, &line); err != nil {
		return 0, fmt.Errorf("%w: %.200s", err, text)
	}
	s.count(cStory, 1)
	s.story.mu.Lock()
	defer s.story.mu.Unlock()
	return len(text), s.story.tell(line.Type, line.ID, line.From)
}

func (t *story) tell(kind, id, from string) error {
	switch kind {
	case "created":
		if t.devices[id] > 0 {
			return fmt.Errorf("session %s is created twice", id)
		}
		t.devices[id] = 1
	case "login":
		if from != "" {
			delete(t.devices, from)
			t.devices[id]++
		}
	case "logged_out":
		if t.devices[id]--; t.devices[id] <= 0 {
			delete(t.devices, id)
		}
	case "destroyed", "expired":
		delete(t.devices, id)
	case "rotated":
	default:
		return fmt.Errorf("a line of kind %q", kind)
	}
	return nil
}
