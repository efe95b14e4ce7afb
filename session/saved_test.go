package session

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// copyOf is a session as one side has it: n is its version, and its value; each device is named by a number.
func copyOf(version uint64, devices ...byte) *Record {
	entry := Entry{Key: "n", Value: []byte{'0' + byte(version)}, Version: version}
	r := &Record{
		ID: ID{1}, Epoch: 1, Touched: testStart, Deadline: testStart.Add(time.Hour),
		State: &State{Version: version, Entries: []Entry{entry}, Deletions: []Deletion{{"gone", 1}}},
	}
	for _, n := range devices {
		r.Devices = append(r.Devices, Device{ID: DeviceID{n}, Key: TokenKey{n}, Issued: testStart, Ends: testStart.Add(2 * time.Hour)})
	}
	return r
}

func with(r *Record, change func(*Record)) *Record {
	change(r)
	return r
}

func TestWhatComesFromAnotherStoreEnters(t *testing.T) {
	now := testStart.Add(time.Minute)
	ends := testStart.Add(2 * time.Hour)
	dead := func(n byte) Saved { return Saved{Key: TokenKey{n}, Token: TokenRecord{ID: ID{1}, Ends: ends}} }
	type outcome struct {
		Fate    Fate
		Cause   Cause
		Version uint64 // with Devices: what is there then
		Epoch   uint64
		Floor   uint64
		Devices []byte
		Tokens  []byte // written without a session
	}
	for name, test := range map[string]struct {
		saved Saved
		here  *Record
		known []byte // whose token records are here
		want  outcome
	}{
		"a session that is not here":           {Saved{Record: copyOf(3, 1, 2)}, nil, nil, outcome{Taken, Imported, 3, 1, 0, []byte{1, 2}, nil}},
		"one that has timed out":               {Saved{Record: with(copyOf(3, 1), func(r *Record) { r.Deadline = now })}, nil, nil, outcome{Fate: TimedOut}},
		"one that was ended here":              {Saved{Record: copyOf(3, 1)}, nil, []byte{1}, outcome{Fate: EndedHere}},
		"one of whose devices one ended it":    {Saved{Record: copyOf(3, 1, 2)}, nil, []byte{2}, outcome{Fate: EndedHere}},
		"the same":                             {Saved{Record: copyOf(3, 1)}, copyOf(3, 1), []byte{1}, outcome{Fate: NewerHere}},
		"an older copy":                        {Saved{Record: copyOf(2, 1)}, copyOf(3, 1), []byte{1}, outcome{Fate: NewerHere}},
		"a newer copy":                         {Saved{Record: copyOf(4, 1)}, copyOf(3, 1), []byte{1}, outcome{Taken, Imported, 4, 2, 4, []byte{1}, nil}},
		"with a device that is new":            {Saved{Record: with(copyOf(3, 1, 2), func(r *Record) { r.Epoch = 2 })}, copyOf(3, 1), []byte{1}, outcome{Taken, Imported, 3, 3, 0, []byte{1, 2}, nil}},
		"with a device that was put out there": {Saved{Record: with(copyOf(3, 2), func(r *Record) { r.Epoch = 2 })}, copyOf(3, 1, 2), []byte{1, 2}, outcome{Taken, Imported, 3, 3, 0, []byte{2}, nil}},
		"with a device that was put out here":  {Saved{Record: copyOf(4, 1, 2)}, copyOf(3, 2), []byte{1, 2}, outcome{Taken, Imported, 4, 2, 4, []byte{2}, nil}},
		"with none that was not":               {Saved{Record: copyOf(4, 1)}, copyOf(3, 2), []byte{1, 2}, outcome{Fate: EndedHere}},
		"with a device that is over":           {Saved{Record: with(copyOf(3, 1, 2), func(r *Record) { r.Devices[0].Ends = now })}, nil, nil, outcome{Taken, Imported, 3, 1, 0, []byte{2}, nil}},
		"touched later":                        {Saved{Record: with(copyOf(3, 1), func(r *Record) { r.Touched = now })}, copyOf(3, 1), []byte{1}, outcome{Taken, Imported, 3, 2, 0, []byte{1}, nil}},

		"a token that is not here":             {dead(1), nil, nil, outcome{Fate: Taken, Tokens: []byte{1}}},
		"a token that is known":                {dead(1), nil, []byte{1}, outcome{Fate: NewerHere}},
		"a token of another device":            {dead(2), copyOf(3, 1), []byte{1, 2}, outcome{Fate: NewerHere}},
		"a token that is over":                 {Saved{Key: TokenKey{1}, Token: TokenRecord{ID: ID{1}, Ends: now}}, nil, nil, outcome{Fate: TimedOut}},
		"a token of one of the devices here":   {dead(1), copyOf(3, 1, 2), []byte{1, 2}, outcome{Taken, LoggedOut, 3, 2, 0, []byte{2}, []byte{1}}},
		"a token of the only device here":      {dead(1), copyOf(3, 1), []byte{1}, outcome{Fate: Taken, Cause: LoggedOut, Tokens: []byte{1}}},
		"a token of which only the list knows": {dead(1), copyOf(3, 1, 2), nil, outcome{Taken, LoggedOut, 3, 2, 0, []byte{2}, []byte{1}}},
	} {
		t.Run(name, func(t *testing.T) {
			known := make(map[TokenKey]*TokenRecord)
			for _, n := range test.known {
				known[TokenKey{n}] = &TokenRecord{ID: ID{1}, Ends: ends}
			}
			asked := test.saved.Keys()
			fate, step, tokens := test.saved.Enter(test.here, known, now)
			got := outcome{Fate: fate}
			for key, token := range tokens {
				got.Tokens = append(got.Tokens, key[0])
				if token != test.saved.Token || len(asked) != 1 || asked[0] != key {
					t.Errorf("it asked for %v and writes %+v, of %+v", asked, token, test.saved.Token)
				}
			}
			if step != nil {
				got.Cause = step.Cause
				if step.Before != test.here || step.Handle.ID != (ID{1}) || step.Handle.anonymous() {
					t.Errorf("the step is of %+v, and from %p, which is not %p", step.Handle, step.Before, test.here)
				}
				if r := step.After; r != nil {
					got.Version, got.Epoch, got.Floor = r.State.Version, r.Epoch, r.State.Floor
					for _, d := range r.Devices {
						got.Devices = append(got.Devices, d.ID[0])
					}
				}
			}
			if diff := cmp.Diff(test.want, got); diff != "" {
				t.Error(diff)
			}
		})
	}
}

// What whoever was told the one state needs of the other: nothing, where it is the same, and else the whole.
func TestWhatEntersHasNoHistoryWithWhatWasHere(t *testing.T) {
	here, there := copyOf(3, 1), copyOf(5, 1)
	_, step, _ := Saved{Record: there}.Enter(here, nil, testStart)
	if state := step.After.State; state.Floor != 5 || len(state.Deletions) > 0 || there.State.Floor != 0 || len(there.State.Deletions) != 1 {
		t.Errorf("it is %+v, and what came %+v", state, there.State)
	}
	there = with(copyOf(3, 1), func(r *Record) { r.Epoch = 2 })
	if _, step, _ = (Saved{Record: there}).Enter(here, nil, testStart); step.After.State != here.State {
		t.Errorf("equal versions are not the same: %+v", step.After.State)
	}
}

// A session lives no longer than the devices that it is left with.
func TestWhatEntersEndsWithItsDevices(t *testing.T) {
	there := copyOf(3, 1, 2)
	there.Devices[0].Ends, there.Devices[1].Ends = testStart.Add(time.Hour), testStart.Add(time.Minute)
	known := map[TokenKey]*TokenRecord{{1}: {}, {2}: {}}
	_, step, _ := Saved{Record: there}.Enter(copyOf(1, 2), known, testStart)
	if at := step.After.Deadline; !at.Equal(testStart.Add(time.Minute)) || !there.Deadline.Equal(testStart.Add(time.Hour)) {
		t.Errorf("it ends at %v, and what came at %v", at, there.Deadline)
	}
}
