package session_test

import (
	"bytes"
	"context"
	"log/slog"
	"testing"
	"testing/synctest"

	"github.com/seshd/seshd/session"
	"github.com/seshd/seshd/session/pebblestore"
)

// TestTheStoryIsToldAtOnce to whoever waits for it, also by a store that was restored: sessions begin at high versions there.
func TestTheStoryIsToldAtOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		before := serve(t, session.Options{})
		var backup bytes.Buffer
		if err := before.Backup(t.Context(), &backup); err != nil {
			t.Fatal(err)
		}
		dir, quiet := t.TempDir()+"/restored", pebblestore.Options{Logger: slog.New(slog.DiscardHandler)}
		if _, err := pebblestore.Restore(t.Context(), &backup, dir, quiet); err != nil {
			t.Fatal(err)
		}
		for name, s := range map[string]server{"a store": before, "a store that was restored": serveFrom(t, dir, session.Options{})} {
			end, err := s.StoryEnd(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			ctx, cancel := context.WithCancel(t.Context())
			told := make(chan []session.Life, 1)
			go func() {
				lives, _, _ := s.Story(ctx, end, 10)
				told <- lives
			}()
			synctest.Wait() // it has looked, and waits
			h := s.visitor(`{"fruit":"cherries"}`)
			synctest.Wait()
			cancel()
			if lives := <-told; len(lives) != 1 || lives[0].Cause != session.Created || lives[0].ID != h.ID {
				t.Errorf("%s: a session began, and the story told %+v", name, lives)
			}
		}
	})
}
