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

// combine joins two compact values.
func (h How) combine(theirs, mine json.RawMessage) json.RawMessage {
	switch h {
	case Mine:
		return mine
	case Sum:
		return itemwise(theirs, mine, sum)
	case Max:
		return itemwise(theirs, mine, larger)
	case Union:
		return union(theirs, mine)
	}
	return theirs
}

// itemwise joins numbers, and objects of numbers at any depth; a nil theirs is an item that only the visitor has.
func itemwise(theirs, mine json.RawMessage, join func(a, b json.RawMessage) json.RawMessage) json.RawMessage {
	switch {
	case theirs == nil:
		return mine
	case isNumber(theirs) && isNumber(mine):
		return join(theirs, mine)
	case isObject(theirs) && isObject(mine):
		return zip(theirs, mine, func(old, value json.RawMessage) json.RawMessage { return itemwise(old, value, join) })
	}
	return theirs
}

func sum(theirs, mine json.RawMessage) json.RawMessage {
	total, err := add(theirs, mine)
	if err != nil { // it has no place: a login is no occasion to fail for that
		return theirs
	}
	return total
}

func larger(theirs, mine json.RawMessage) json.RawMessage {
	x, errX := strconv.ParseInt(string(theirs), 10, 64)
	y, errY := strconv.ParseInt(string(mine), 10, 64)
	if errX == nil && errY == nil {
		if y > x {
			return mine
		}
		return theirs
	}
	// Out of range parses to an infinity, which compares as it should.
	f, _ := strconv.ParseFloat(string(theirs), 64)
	g, _ := strconv.ParseFloat(string(mine), 64)
	if g > f {
		return mine
	}
	return theirs
}

// union compares elements by their text.
func union(theirs, mine json.RawMessage) json.RawMessage {
	if !isArray(theirs) || !isArray(mine) {
		return theirs
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
	return concat(theirs, append(more, ']'))
}
