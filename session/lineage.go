package session

import "time"

// LineageEpoch is the second that lineages count from, the first of January 2026. It keeps versions small.
const LineageEpoch = 1767225600

// versionsPerSecond is what a second of a lineage counts for in versions: more than one session is ever written to, so that no
// version of an earlier lineage reaches the first of this one.
const versionsPerSecond = 1 << 20

// Lineage is a stretch of a store's life in which it did not go back in time: in seconds since LineageEpoch, about when it began. The zero
// Lineage is that of a store which never did. What an earlier lineage left is presented by Renew, since equal versions may
// mean different content by now: tabs may have been told what is lost.
type Lineage uint64

// Next is the lineage that begins now. It is later than l, and than whatever had the version newest.
func (l Lineage) Next(now time.Time, newest uint64) Lineage {
	seconds := Lineage(max(now.Unix()-LineageEpoch, 0))
	return max(seconds, l+1, Lineage(newest/versionsPerSecond)+2) // of these two one is for what came after newest, and is lost
}

// First is where the versions of sessions go on in a lineage, and the numbers of the story: no earlier lineage had any so high.
func (l Lineage) First() uint64 { return uint64(l) * versionsPerSecond }

// Renew presents a record of an earlier lineage, or one that began just now: at a version that no tab was ever told, from which
// no delta leads back. What was never written to stays at version 0, and goes on above the floor. A nil record stays nil.
func (l Lineage) Renew(r *Record) *Record {
	if r == nil {
		return nil
	}
	next, state := *r, *r.State
	state.Floor, state.Deletions = l.First(), nil
	if state.Version > 0 {
		state.Version = max(state.Version+1, l.First())
		state.Floor = state.Version
	}
	next.State = &state
	return &next
}
