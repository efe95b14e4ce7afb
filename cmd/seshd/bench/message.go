package bench

import (
	"bytes"
	"encoding/json"
	"fmt"
	"strconv"
)

// message is what is read of a frame of the server.
type message struct {
	Type    string
	ID      json.RawMessage // of a session a string, of an answer a number
	From    uint64
	Version uint64
	Code    string
	Message string

	id uint64 // of an answer
}

const (
	typeChange  = "change"
	typeOK      = "ok"
	typeSession = "session"
	typePing    = "ping" // of a dialect that has them above the WebSocket's own
)

// How the two frames that come in great numbers begin. Written in any other way they are read all the same, but slowly.
var (
	changeBegins  = []byte(`{"type":"change","from":`)
	okBegins      = []byte(`{"type":"ok","id":`)
	versionBegins = []byte(`,"version":`)
)

func readMessage(text []byte) (message, error) {
	if from, version, ok := twoNumbers(text, changeBegins); ok {
		return message{Type: typeChange, From: from, Version: version}, nil
	}
	if id, version, ok := twoNumbers(text, okBegins); ok {
		return message{Type: typeOK, id: id, Version: version}, nil
	}
	return decodeMessage(text)
}

// decodeMessage is apart from the above, since what is decoded into is allocated.
func decodeMessage(text []byte) (m message, err error) {
	if err := json.Unmarshal(text, &m); err != nil {
		return m, fmt.Errorf("the server sent what is no frame of its protocol: %.80q", text)
	}
	m.id, _ = strconv.ParseUint(string(m.ID), 10, 64) // 0: it is a session's
	return m, nil
}

func twoNumbers(text, begins []byte) (a, b uint64, ok bool) {
	rest, ok := bytes.CutPrefix(text, begins)
	if !ok {
		return 0, 0, false
	}
	a, rest = number(rest)
	rest, ok = bytes.CutPrefix(rest, versionBegins)
	b, _ = number(rest)
	return a, b, ok
}

// number reads the digits that text begins with.
func number(text []byte) (n uint64, rest []byte) {
	for len(text) > 0 && '0' <= text[0] && text[0] <= '9' {
		n, text = n*10+uint64(text[0]-'0'), text[1:]
	}
	return n, text
}
