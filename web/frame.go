package web

import (
	"bytes"
	"encoding/json"
	"fmt"
	"strconv"

	"github.com/seshd/seshd/hub"
	"github.com/seshd/seshd/session"
)

// frame is what a tab asks for: the whole session, a pong, or a mutation.
type frame struct {
	get, ping bool
	mutation  session.Mutation
}

// decodeFrame reads a line from a tab.
func decodeFrame(text []byte) (frame, error) {
	if mayAsk(text) {
		if f, found, err := decodeQuestion(text); found {
			return f, err
		}
	}
	m, err := session.DecodeMutation(text)
	return frame{mutation: m}, err
}

// mayAsk says whether a line could be a question, and not only hold such a key, or such a letter, somewhere: it costs a second look.
func mayAsk(text []byte) bool {
	for _, sign := range []string{`"get"`, `"ping"`, `\u006`, `\u007`} { // the last two are how letters are escaped
		if bytes.Contains(text, []byte(sign)) {
			return true
		}
	}
	return false
}

// decodeQuestion reads {"get":true} and {"ping":true}, which come alone.
func decodeQuestion(text []byte) (f frame, found bool, err error) {
	compact, err := session.Compact(text)
	var members map[string]json.RawMessage
	if err != nil || json.Unmarshal(compact, &members) != nil {
		return f, false, nil // a mutation's decoder knows what is wrong
	}
	get, ping := string(members["get"]), string(members["ping"])
	switch {
	case get == "" && ping == "":
		return f, false, nil
	case len(members) > 1:
		m, _ := session.DecodeMutation(text) // for the id, which the refusal is to carry
		f.mutation.ID = m.ID
		return f, true, session.Refuse(session.BadRequest, "get and ping come alone, without a mutation")
	case get != "true" && ping != "true":
		return f, true, session.Refuse(session.BadRequest, "get and ping are true where they are")
	}
	return frame{get: get != "", ping: ping != ""}, true, nil
}

func okFrame(id uint64, result session.Result) []byte {
	b := append(make([]byte, 0, 48), `{"type":"ok","id":`...)
	b = strconv.AppendUint(b, id, 10)
	b = append(b, `,"version":`...)
	b = strconv.AppendUint(b, result.State.Version, 10)
	if result.Duplicate {
		b = append(b, `,"duplicate":true`...)
	}
	return append(b, '}')
}

func errorFrame(id uint64, err error) []byte {
	code, message, version := explain(err)
	return encode(struct {
		Type    string  `json:"type"`
		ID      uint64  `json:"id,omitempty"`
		Code    string  `json:"code"`
		Message string  `json:"message"`
		Version *uint64 `json:"version,omitempty"`
	}{"error", id, code, message, version})
}

func byeFrame(bye *hub.Bye) []byte {
	into := ""
	if bye.Into != (session.ID{}) {
		into = bye.Into.String()
	}
	return encode(struct {
		Type    string `json:"type"`
		Code    string `json:"code"`
		Message string `json:"message"`
		Into    string `json:"into,omitempty"`
	}{"bye", bye.Code, bye.Message, into})
}

// encode writes one line, as a person would type it.
func encode(v any) []byte {
	var line bytes.Buffer
	encoder := json.NewEncoder(&line)
	encoder.SetEscapeHTML(false)
	if err := encoder.Encode(v); err != nil {
		panic("web: a frame of strings and integers did not encode: " + err.Error())
	}
	return bytes.TrimSuffix(line.Bytes(), []byte("\n"))
}

// tooLarge says how much of a message was read before it was given up.
func tooLarge(read, limit int) *hub.Bye {
	return &hub.Bye{Code: string(session.TooLarge), Message: fmt.Sprintf("the message has %d bytes or more, the limit is %d", read, limit)}
}
