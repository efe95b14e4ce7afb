package session

import (
	"encoding/json"
	"math"
	"strconv"
)

// add sums two JSON numbers: exactly if both are integers within int64 (written without fraction and exponent),
// else as IEEE 754 doubles in their shortest form. It never expands an exponent.
func add(a, b json.RawMessage) (json.RawMessage, error) {
	x, errX := strconv.ParseInt(string(a), 10, 64)
	y, errY := strconv.ParseInt(string(b), 10, 64)
	if errX == nil && errY == nil {
		if sum := x + y; (sum > x) == (y > 0) {
			return strconv.AppendInt(nil, sum, 10), nil
		}
		return nil, Refuse(NotANumber, "the sum of %s and %s has no place in 64 bits", a, b)
	}
	// A number out of range parses to an infinity, which the check below refuses.
	f, _ := strconv.ParseFloat(string(a), 64)
	g, _ := strconv.ParseFloat(string(b), 64)
	sum := f + g
	if math.IsInf(sum, 0) || math.IsNaN(sum) {
		return nil, Refuse(NotANumber, "the sum is not a finite number")
	}
	return json.Marshal(sum) // the shortest form that reads back as the same double
}
