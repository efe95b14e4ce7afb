package connect

import (
	"bytes"
	"encoding/json"
	"fmt"
	"strconv"
)

// maxID is the largest id of a mutation: beyond it JavaScript has no exact integers.
const maxID = 1<<53 - 1

// command is a line that is sent.
type command struct {
	text []byte
	id   uint64 // of a mutation; 0: it has none
	get  bool
	ping bool

	sent int // how often
}

// newCommand makes a line a frame. A mutation without an id gets the one given.
func newCommand(line string, id uint64) (*command, error) {
	text, err := expand(line)
	if err != nil {
		return nil, err
	}
	c := &command{text: text}
	var members map[string]json.RawMessage
	if !json.Valid(text) || text[0] != '{' || json.Unmarshal(text, &members) != nil {
		return c, nil // the server says what is wrong with it
	}
	given, hasID := members["id"]
	_, get := members["get"]
	_, ping := members["ping"]
	switch {
	case hasID:
		if n, err := strconv.ParseUint(string(given), 10, 64); err == nil && n <= maxID {
			c.id = n
		}
	case get || ping:
		c.get, c.ping = get, ping
	default:
		c.id, c.text = id, withID(text, id, len(members) == 0)
	}
	return c, nil
}

// withID adds a member to an object, and leaves the rest as it was written: numbers keep their digits.
func withID(object []byte, id uint64, empty bool) []byte {
	end := bytes.LastIndexByte(object, '}')
	comma := ","
	if empty {
		comma = ""
	}
	return fmt.Appendf(nil, `%s%s"id":%d}`, bytes.TrimRight(object[:end], " \t"), comma, id)
}
