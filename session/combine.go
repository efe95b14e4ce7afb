package session

import (
	"encoding/json"
	"strconv"
)

// How says what becomes of a key that a visitor's session and the user's both hold when the visitor logs in.
type How string

// The ways to combine two values. What a way cannot be used on (a sum of texts, say) stays the user's.
const (
	Theirs How = "theirs" // the user's value stays
	Mine   How = "mine"   // the visitor's takes its place
	Sum    How = "sum"    // numbers are added; objects item by item
	Max    How = "max"    // the larger number; objects item by item
	Union  How = "union"  // the user's array, and what only the visitor's has after it
)

func (h How) known() bool {
	switch h {
	case Theirs, Mine, Sum, Max, Union:
		return true
	}
	return false
}

// combine joins two compact values, and says which way took effect.
func (h How) combine(theirs, mine json.RawMessage) (json.RawMessage, How) {
	value, joined := theirs, false
	switch h {
	case Mine:
		return mine, Mine
	case Sum:
		value, joined = itemwise(theirs, mine, sum)
	case Max:
		value, joined = itemwise(theirs, mine, larger)
	case Union:
		value, joined = union(theirs, mine)
	}
	if !joined {
		return theirs, Theirs
	}
	return value, h
}

// joiner joins two numbers; where it cannot, the user's stays.
type joiner func(theirs, mine json.RawMessage) (value json.RawMessage, joined bool)

// itemwise joins numbers, and objects of numbers at any depth; a nil theirs is an item that only the visitor has. Objects
// are joined if any of the visitor's items is, or if there are none.
func itemwise(theirs, mine json.RawMessage, join joiner) (value json.RawMessage, joined bool) {
	switch {
	case theirs == nil:
		return mine, true
	case isNumber(theirs) && isNumber(mine):
		return join(theirs, mine)
	case isObject(theirs) && isObject(mine):
		joined = len(mine) == len("{}")
		value = zip(theirs, mine, func(old, value json.RawMessage) json.RawMessage {
			item, taken := itemwise(old, value, join)
			joined = joined || taken
			return item
		})
		return value, joined
	}
	return theirs, false
}

func sum(theirs, mine json.RawMessage) (json.RawMessage, bool) {
	total, err := add(theirs, mine)
	if err != nil { // it has no place: a login is no occasion to fail for that
		return theirs, false
	}
	return total, true
}

func larger(theirs, mine json.RawMessage) (json.RawMessage, bool) {
	x, errX := strconv.ParseInt(string(theirs), 10, 64)
	y, errY := strconv.ParseInt(string(mine), 10, 64)
	if errX == nil && errY == nil {
		if y > x {
			return mine, true
		}
		return theirs, true
	}
	// Out of range parses to an infinity, which compares as it should.
	f, _ := strconv.ParseFloat(string(theirs), 64)
	g, _ := strconv.ParseFloat(string(mine), 64)
	if g > f {
		return mine, true
	}
	return theirs, true
}

// union compares elements by their text.
func union(theirs, mine json.RawMessage) (json.RawMessage, bool) {
	if !isArray(theirs) || !isArray(mine) {
		return theirs, false
	}
	have := map[string]bool{}
	for element := range elements(theirs) {
		have[string(element)] = true
	}
	more := json.RawMessage("[")
	for element := range elements(mine) {
		if have[string(element)] {
			continue
		}
		have[string(element)] = true
		if len(more) > 1 {
			more = append(more, ',')
		}
		more = append(more, element...)
	}
	return concat(theirs, append(more, ']')), true
}
