package session

import (
	"testing"
	"time"
)

// A lineage is later than all that anybody was told in the one before, whatever the clock says.
func TestLineagesFollowEachOther(t *testing.T) {
	year := time.Unix(LineageEpoch, 0).AddDate(1, 0, 0)
	first := Lineage(0).Next(year, 12)
	if want := Lineage(365 * 24 * 60 * 60); first != want {
		t.Errorf("a year after the epoch it is %d, want %d", first, want)
	}
	for name, next := range map[string]Lineage{
		"in the same second":         first.Next(year, 0),
		"with the clock at 1970":     first.Next(time.Unix(0, 0), 0),
		"after versions of another":  Lineage(0).Next(time.Unix(0, 0), first.First()+12),
		"after versions of a second": Lineage(0).Next(time.Unix(0, 0), first.First()+versionsPerSecond-1),
	} {
		if next <= first || next > first+3 {
			t.Errorf("%s %d follows %d", name, next, first)
		}
	}
	if first.Next(year.Add(time.Hour), 0).First() >= 1<<53 {
		t.Error("JavaScript cannot count that far")
	}
}

// What an earlier lineage left has a version that nobody was told, and no delta leads to it from one that somebody was.
func TestARecordOfAnEarlierLineageIsPresentedAnew(t *testing.T) {
	const lineage = Lineage(7)
	old := mustMutate(t, nil, testWrite(1, `{"set":{"fruit":"cherries","gone":1}}`))
	old = mustMutate(t, old, testWrite(2, `{"delete":["gone"]}`))
	now := lineage.Renew(old)
	if now.State.Version != lineage.First() || len(now.State.Data(nil)) != 1 || old.State.Version != 2 {
		t.Errorf("version %d with %v; the old one has %d", now.State.Version, now.State.Data(nil), old.State.Version)
	}
	next := mustMutate(t, now, testWrite(3, `{"set":{"fruit":"plums"}}`))
	for _, told := range []uint64{0, 1, 2, 3, lineage.First() - 1} {
		if delta, ok := next.State.Since(told); ok {
			t.Errorf("a tab at %d is told %+v", told, delta)
		}
	}
	if delta, ok := next.State.Since(lineage.First()); !ok || len(delta.Set) != 1 || delta.Version != lineage.First()+1 {
		t.Errorf("a tab of this lineage is told %+v, %v", delta, ok)
	}
	if lineage.Renew(nil) != nil {
		t.Error("there is a record where none was")
	}
	if far := *old.State; far.Version == 2 {
		far.Version = lineage.First() + 5 // as no clock explains
		if got := lineage.Renew(&Record{State: &far}).State; got.Version != lineage.First()+6 || got.Floor != got.Version {
			t.Errorf("what is ahead is presented at %d above %d", got.Version, got.Floor)
		}
	}
}

// A session that nothing was written to has nothing to tell, and its first write is above all that its tabs were told.
func TestAnUnwrittenSessionGoesOnInItsLineage(t *testing.T) {
	const lineage = Lineage(7)
	empty := lineage.Renew(&Record{State: &State{}, Deadline: testStart.Add(time.Hour)})
	if empty.State.Version != 0 {
		t.Errorf("nothing was written, and it is at version %d", empty.State.Version)
	}
	got, err := empty.State.Apply(testWrite(1, `{"set":{"fruit":"cherries"}}`).Mutation, Rules{})
	if err != nil || got.Version != lineage.First() {
		t.Fatalf("the first write makes version %d, %v", got.Version, err)
	}
	for _, told := range []uint64{0, 1, 5} {
		if delta, ok := got.Since(told); ok {
			t.Errorf("a tab at %d is told %+v", told, delta)
		}
	}
	if _, err := NewState(0, empty.State.Floor, nil, nil); err != nil {
		t.Errorf("it cannot be moved: %v", err)
	}
}
