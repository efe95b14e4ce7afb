package bench

import (
	"bufio"
	"bytes"
	"encoding/json"
	"fmt"
	"net"
	"strconv"
)

// centrifugeDialect is the JSON protocol of Centrifuge and Centrifugo (client.proto in github.com/centrifugal/protocol). A board is a
// channel. The server numbers nothing in a channel without history, so that the version is read out of the value: what one tab
// publishes, all are told of in that order.
type centrifugeDialect struct{}

// begin makes a name up: a channel is there once somebody subscribes to it.
func (centrifugeDialect) begin(_ *target, _ net.Conn, _ *bufio.Reader, n int) (channel string, err error) {
	return "board" + strconv.Itoa(n), nil
}

func (centrifugeDialect) upgrade(string) (path, header string) { return "/connection/websocket", "" }

// hello has both commands in one frame, a line each.
func (centrifugeDialect) hello(channel string) []byte {
	return []byte(`{"id":1,"connect":{}}` + "\n" + `{"id":2,"subscribe":{"channel":"` + channel + `"}}`)
}

func (centrifugeDialect) appendWrite(b []byte, channel string, version uint64, pad string) []byte {
	b = strconv.AppendUint(append(b, `{"id":`...), version, 10)
	b = append(append(b, `,"publish":{"channel":"`...), channel...)
	return append(appendValue(append(b, `","data":`...), version, pad), `}}`...)
}

// How the two messages that come in great numbers begin.
var (
	pushBegins     = []byte(`{"push":{"channel":"`)
	pubBegins      = []byte(`","pub":{"data":{"n":`)
	replyBegins    = []byte(`{"id":`)
	publishFollows = []byte(`,"publish":{}}`)
	emptyCommand   = []byte(`{}`)
)

// read reads a line of a frame, which may have many.
func (centrifugeDialect) read(text []byte) (m message, rest []byte, err error) {
	line, rest, _ := bytes.Cut(text, []byte{'\n'})
	if version := published(line); version > 0 {
		return publication(version), rest, nil
	}
	if after, ok := bytes.CutPrefix(line, replyBegins); ok {
		if id, after := number(after); bytes.Equal(after, publishFollows) {
			return message{Type: typeOK, id: id, Version: id}, rest, nil
		}
	}
	if bytes.Equal(line, emptyCommand) {
		return message{Type: typePing}, rest, nil
	}
	m, err = readReply(line)
	return m, rest, err
}

// published reads the version out of a push; 0 where the line is none, or not written as expected.
func published(line []byte) uint64 {
	after, ok := bytes.CutPrefix(line, pushBegins)
	end := bytes.IndexByte(after, '"')
	if !ok || end < 0 {
		return 0
	}
	if after, ok = bytes.CutPrefix(after[end:], pubBegins); !ok {
		return 0
	}
	return versionIn(after)
}

// versionIn reads it as appendValue wrote it.
func versionIn(value []byte) uint64 {
	if len(value) > 0 && value[0] == '"' {
		value = value[1:]
	}
	version, _ := number(value)
	return version
}

func publication(version uint64) message {
	return message{Type: typeChange, From: version - 1, Version: version}
}

// readReply reads any message, slowly.
func readReply(line []byte) (message, error) {
	var reply struct {
		ID                 uint64
		Subscribe, Publish *struct{}
		Error              *struct {
			Code    int
			Message string
		}
		Push struct {
			Pub *struct {
				Data struct{ N json.RawMessage }
			}
		}
	}
	if err := json.Unmarshal(line, &reply); err != nil {
		return message{}, fmt.Errorf("the server sent what is no reply of Centrifuge's: %.80q", line)
	}
	switch {
	case reply.Error != nil:
		return message{Type: "error", Code: strconv.Itoa(reply.Error.Code), Message: reply.Error.Message}, nil
	case reply.Push.Pub != nil:
		return publication(versionIn(reply.Push.Pub.Data.N)), nil
	case reply.Publish != nil:
		return message{Type: typeOK, id: reply.ID, Version: reply.ID}, nil
	case reply.Subscribe != nil:
		return message{Type: typeSession}, nil
	}
	return message{}, nil // of the connection: the subscription is what is waited for
}
