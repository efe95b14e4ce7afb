package session

import (
	"testing"
	"time"
)

// A clock that was ahead and is set right leaves deadlines far away: the next activity brings them back.
func TestActivityAfterTheClockWasSetBack(t *testing.T) {
	w := testWrite(1, `{"set":{"fruit":"cherries"}}`)
	w.Handle.Ends = testStart.AddDate(1, 0, 0)
	w.Now = testStart.Add(200 * time.Hour)
	ahead := mustMutate(t, nil, w)
	again := testWrite(0, `{}`) // changes nothing: what it commits is that somebody was there
	again.Now = testStart
	right := mustMutate(t, ahead, again)
	if limit := testStart.Add(testTiming.Idle + testTiming.Grain); right.Deadline.After(limit) || !right.Touched.Equal(testStart) {
		t.Errorf("it lives until %v, want %v; touched at %v", right.Deadline, limit, right.Touched)
	}
	again.Now = testStart.Add(-testTiming.Grain / 2)
	if next, _, err := right.Mutate(again); err != nil || next != right {
		t.Errorf("a clock that is slewed costs a commit each time: %v", err)
	}
}

// Time that a clock skips counts as silence, as that of a machine that slept does; a session within its time-out lives.
func TestActivityAfterTheClockWasSetAhead(t *testing.T) {
	r := mustMutate(t, nil, testWrite(1, `{"set":{"fruit":"cherries"}}`))
	for skipped, want := range map[time.Duration]bool{testTiming.Idle: true, testTiming.Idle + 2*testTiming.Grain: false} {
		if got := r.Alive(testStart.Add(skipped)); got != want {
			t.Errorf("after %v it is alive: %v", skipped, got)
		}
	}
}

// A cookie that was replaced before the clock was set back is not told for hours that another one is on its way.
func TestAReplacedCookieAfterTheClockWasSetBack(t *testing.T) {
	token := &TokenRecord{Ends: testStart.Add(time.Hour), Replaced: testStart}
	for at, want := range map[time.Duration]bool{-time.Hour: false, -time.Second: true, 0: true, StaleFor: false} {
		if got := token.stale(testStart.Add(at)); got != want {
			t.Errorf("%v after it was replaced it is stale: %v", at, got)
		}
	}
}
