package session

import (
	"fmt"
	"slices"
	"testing"
	"time"
)

func devices(n int, seen func(i int) time.Time) (list []Device) {
	for i := range n {
		list = append(list, Device{ID: DeviceID{1, byte(i)}, Ends: testStart.Add(time.Hour), Seen: seen(i)})
	}
	return list
}

// TestMaxDevices: the one seen least recently goes, but never the one that has just come, whatever the clock says.
func TestMaxDevices(t *testing.T) {
	arrived := Device{ID: DeviceID{9}, Ends: testStart.Add(time.Hour), Seen: testStart}
	for name, test := range map[string]struct {
		seen func(i int) time.Time
		goes byte
	}{
		"in order":           {func(i int) time.Time { return testStart.Add(time.Duration(i-100) * time.Second) }, 0},
		"in reverse":         {func(i int) time.Time { return testStart.Add(-time.Duration(i) * time.Second) }, MaxDevices - 1},
		"all at once":        {func(int) time.Time { return testStart }, 0},
		"a clock set back":   {func(i int) time.Time { return testStart.Add(time.Duration(i+1) * time.Second) }, 0},
		"never seen, format": {func(int) time.Time { return time.Time{} }, 0},
	} {
		r := Record{Epoch: 4}
		r.relist(append(devices(MaxDevices, test.seen), arrived), testStart)
		if len(r.Devices) != MaxDevices || r.device(arrived.ID) < 0 || r.device(DeviceID{1, test.goes}) >= 0 || r.Epoch != 5 {
			t.Errorf("%s: %d devices at epoch %d, the new one %v, device %d %v", name, len(r.Devices), r.Epoch,
				r.device(arrived.ID) >= 0, test.goes, r.device(DeviceID{1, test.goes}) >= 0)
		}
	}
}

// TestSessionEndsWithItsLastDevice: when the one that would have lasted longest leaves, and when all have come to their end.
func TestSessionEndsWithItsLastDevice(t *testing.T) {
	long, short := Device{ID: DeviceID{1}, Ends: testStart.Add(48 * time.Hour)}, Device{ID: DeviceID{2}, Ends: testStart.Add(time.Minute)}
	r := &Record{State: &State{}, Devices: []Device{long, short}}
	r.touch(Handle{}, testStart, testTiming)
	left := r.logout(long.ID, This, testStart)
	if left == nil || !left.Deadline.Equal(short.Ends) || len(r.Devices) != 2 {
		t.Errorf("without the one that lasts longest: %+v", left)
	}
	if left := r.logout(long.ID, This, short.Ends); left != nil {
		t.Errorf("with none that has not come to its end: %+v", left)
	}
	if left := r.logout(short.ID, Others, testStart); left == nil || len(left.Devices) != 1 || left.Devices[0].ID != short.ID {
		t.Errorf("others: %+v", left)
	}
	if only := left.logout(short.ID, Others, testStart); only != left {
		t.Errorf("others of an only device: %+v", only)
	}
	none := &Record{State: &State{}} // from elsewhere; a write must not stop the server
	none.touch(Handle{}, testStart, testTiming)
}

// TestStepOfAnEvictedDevice: it was logged out, nobody replaced its token.
func TestStepOfAnEvictedDevice(t *testing.T) {
	asked := Device{ID: DeviceID{7}, Key: TokenKey{7}, Ends: testStart.Add(time.Hour)}
	evicted := Device{ID: DeviceID{8}, Key: TokenKey{8}, Ends: testStart.Add(time.Hour)}
	ended := Device{ID: DeviceID{6}, Key: TokenKey{6}, Ends: testStart}
	fresh := Device{ID: DeviceID{9}, Key: TokenKey{9}, Ends: testStart.Add(time.Hour)}
	step := Step{
		Handle: Handle{Device: asked.ID}, Cause: LoggedIn,
		Before: &Record{State: &State{}, Devices: []Device{evicted, asked, ended}},
		After:  &Record{User: "u", State: &State{}, Devices: []Device{fresh}},
	}
	if e := step.Event(); e.Replaced != asked.ID || !slices.Contains(e.Gone, evicted.ID) || len(e.Gone) != 3 {
		t.Errorf("the feed is told %+v", e)
	}
	tokens := step.Tokens(testStart)
	if _, written := tokens[evicted.Key]; written || tokens[asked.Key].Replaced.IsZero() || !tokens[fresh.Key].Replaced.IsZero() || len(tokens) != 2 {
		t.Errorf("tokens: %v", tokens)
	}
	var told []string
	for _, life := range step.Lives(testStart) {
		told = append(told, fmt.Sprint(life.Cause, life.Device))
	}
	if want := []string{fmt.Sprint(LoggedIn, fresh.ID), fmt.Sprint(LoggedOut, evicted.ID)}; !slices.Equal(told, want) {
		t.Errorf("the story tells %v, want %v", told, want)
	}
}
