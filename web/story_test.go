package web

import (
	"testing"
	"time"
)

// A story in which nothing happens still says that it goes on.
func TestTheStoryHasAHeartbeat(t *testing.T) {
	app := newApp(t)
	for range 3 {
		page, next, err := app.storyAfter(t.Context(), 0, time.Millisecond)
		if string(page) != ":\n\n" || next != 0 || err != nil {
			t.Fatalf("%q %d %v", page, next, err)
		}
	}
}
