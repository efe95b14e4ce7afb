package session

import (
	"slices"

	"github.com/google/uuid"
)

// onceWindow is how many of a sender's ids below the highest are remembered one by one. A sender keeps at most as many
// unanswered, so what it re-sends is always inside.
const onceWindow = 64

// SenderID names a client that wants its mutations applied once. The zero SenderID is nobody.
type SenderID [16]byte

// ParseSender reads a UUID in its common form.
func ParseSender(s string) (SenderID, error) {
	id, err := uuid.Parse(s)
	if err != nil || len(s) != len(uuid.Nil.String()) || id == uuid.Nil {
		return SenderID{}, Refuse(BadRequest, "a client is named by a UUID, %.64q is none", s)
	}
	return SenderID(id), nil
}

// Sender is what a record remembers of one client: the highest id applied, and which of the last 64 were
// (bit i: id Highest-i).
type Sender struct {
	ID      SenderID
	Highest uint64
	Mask    uint64
}

// applied says whether the sender's mutation was applied before, and refuses one that never can be:
// ids rise, so an id at or below the highest that was not applied was refused or overtaken.
func (r *Record) applied(id SenderID, mutation uint64) (bool, error) {
	at := r.sender(id)
	if at < 0 || mutation > r.Senders[at].Highest {
		return false, nil
	}
	behind := r.Senders[at].Highest - mutation
	if behind < onceWindow && r.Senders[at].Mask>>behind&1 == 1 {
		return true, nil
	}
	return false, Refuse(NotApplied, "mutation %d was not applied and cannot be any more, as %d was: send it again under a new id",
		mutation, r.Senders[at].Highest)
}

// remember returns the once-memory with one mutation more; the least recent senders beyond keep are forgotten.
func (r *Record) remember(id SenderID, mutation uint64, keep int) []Sender {
	sender := Sender{ID: id}
	others := r.Senders
	if at := r.sender(id); at >= 0 {
		sender = others[at]
		others = slices.Concat(others[:at], others[at+1:])
	}
	sender.Mask = sender.Mask<<min(mutation-sender.Highest, onceWindow) | 1
	sender.Highest = mutation
	senders := append(slices.Clip(others), sender)
	return senders[max(0, len(senders)-keep):]
}

// together joins the once-memories of two sessions that become one. Where they are too many the longer one forgets its
// least recent, so that neither side can push the other out.
func together(theirs, mine []Sender, keep int) []Sender {
	theirs, mine = slices.Clone(theirs), slices.Clone(mine)
	for i, s := range mine {
		at := slices.IndexFunc(theirs, func(t Sender) bool { return t.ID == s.ID })
		if at >= 0 {
			mine[i] = s.and(theirs[at])
			theirs = slices.Delete(theirs, at, at+1)
		}
	}
	for len(theirs)+len(mine) > keep {
		if len(theirs) > len(mine) {
			theirs = theirs[1:]
		} else {
			mine = mine[1:]
		}
	}
	return slices.Concat(theirs, mine)
}

// and is the memory of one sender in two sessions.
func (s Sender) and(other Sender) Sender {
	if other.Highest > s.Highest {
		s, other = other, s
	}
	s.Mask |= other.Mask << (s.Highest - other.Highest)
	return s
}

func (r *Record) sender(id SenderID) int {
	return slices.IndexFunc(r.Senders, func(s Sender) bool { return s.ID == id })
}
