package connect

import (
	"bytes"
	"encoding/json"
	"fmt"
	"reflect"
	"strconv"
	"strings"
)

// condition is what --until waits for.
type condition struct {
	text    string
	kind    string // of a frame; empty: it is not about that
	version uint64 // at least; 0: likewise
	key     string // of the session, where neither is asked for
	value   any
}

// newCondition reads type=T, version=N or KEY=VALUE. Only a key may be quoted, as "type" or "a=b" must be.
func newCondition(text string) (*condition, error) {
	c := &condition{text: text}
	name, value, ok := strings.Cut(text, "=")
	isKey := strings.HasPrefix(text, `"`)
	if isKey {
		d := json.NewDecoder(strings.NewReader(text))
		if err := d.Decode(&name); err != nil {
			return nil, fmt.Errorf("--until %s: the key in quotes does not end: %w", text, err)
		}
		value, ok = strings.CutPrefix(text[d.InputOffset():], "=")
	}
	switch {
	case !ok || name == "":
		return nil, fmt.Errorf("--until %s: want version=N, KEY=VALUE or type=change", text)
	case name == "type" && !isKey:
		if !isType(value) {
			return nil, fmt.Errorf("--until %s: no frame has that type: want session, change, ok, error, tabs, pong or bye (a key of that name is written in quotes)", text)
		}
		c.kind = value
	case name == "version" && !isKey:
		n, err := strconv.ParseUint(value, 10, 64)
		if err != nil || n == 0 {
			return nil, fmt.Errorf("--until %s: a version is a number from 1 on (a key of that name is written in quotes)", text)
		}
		c.version = n
	default:
		c.key, c.value = name, decoded(valueOf(value))
	}
	return c, nil
}

func isType(text string) bool {
	switch text {
	case typeSession, typeChange, typeOK, typeError, typeTabs, typePong, typeBye:
		return true
	}
	return false
}

// saidBy says whether a frame says so. A later version will do, since changes come folded into one.
func (c *condition) saidBy(m message) bool {
	switch {
	case c.kind != "":
		return m.Type == c.kind && !m.nothingNew()
	case c.version > 0:
		return m.Version >= c.version
	}
	for _, values := range []map[string]json.RawMessage{m.Data, m.Set} {
		if value, ok := values[c.key]; ok && same(c.value, decoded(value)) {
			return true
		}
	}
	return false
}

// decoded is a JSON value, its numbers as they were written.
func decoded(text []byte) (v any) {
	d := json.NewDecoder(bytes.NewReader(text))
	d.UseNumber()
	_ = d.Decode(&v) // what is no JSON is nil; it comes from a frame that was read, or from valueOf
	return v
}

// same compares JSON values. Numbers are the same if they are as doubles, but whole ones are compared to the last digit.
func same(a, b any) bool {
	switch a := a.(type) {
	case json.Number:
		b, ok := b.(json.Number)
		return ok && (a == b || !(isWhole(a) && isWhole(b)) && sameDouble(a, b))
	case []any:
		b, ok := b.([]any)
		if !ok || len(a) != len(b) {
			return false
		}
		for i := range a {
			if !same(a[i], b[i]) {
				return false
			}
		}
		return true
	case map[string]any:
		b, ok := b.(map[string]any)
		if !ok || len(a) != len(b) {
			return false
		}
		for key, value := range a {
			if other, ok := b[key]; !ok || !same(value, other) {
				return false
			}
		}
		return true
	}
	return reflect.DeepEqual(a, b)
}

func isWhole(n json.Number) bool { return !strings.ContainsAny(n.String(), ".eE") }

func sameDouble(a, b json.Number) bool {
	x, err := a.Float64()
	y, err2 := b.Float64()
	return err == nil && err2 == nil && x == y
}
