package hub

import (
	"testing"
	"time"

	"github.com/seshd/seshd/session"
)

// What a tab is told as news says when that was committed, and how many changes were folded into it. Its first frame is no news.
func TestNewsSaysWhenItWasCommittedAndWhatIsFolded(t *testing.T) {
	m, h := start(t, session.Options{}, Options{})
	_, handle := m.Begin()
	set(t, m, handle, "a", "1")
	slow := join(t, h, handle, nil)
	since := uint64(0)
	resumed := join(t, h, handle, &since)
	for _, r := range []*reader{slow, resumed} {
		if frames, _ := r.tab.Next(nil); !frames[0].Committed.IsZero() || frames[0].Folded != 0 {
			t.Errorf("the first frame counts as news: %+v", frames[0])
		}
	}
	for i, value := range []string{"2", "3", "4", "5"} {
		before := time.Now()
		set(t, m, handle, "a", value)
		if i == 2 {
			continue // it is not ready
		}
		frames, _ := slow.tab.Next(nil)
		at, folded := frames[0].Committed, frames[0].Folded
		if at.Before(before) || at.After(time.Now()) {
			t.Errorf("committed at %v, after %v", at, before)
		}
		if want := uint64(i / 3); folded != want {
			t.Errorf("%d changes are folded into version %d, want %d", folded, frames[0].Version, want)
		}
	}
}
