package connect

import "encoding/json"

// message is what is read of a frame of the server.
type message struct {
	Type      string
	ID        json.RawMessage // a session's name, or the number of a mutation
	From      *uint64
	Version   uint64
	Data, Set map[string]json.RawMessage
	Delete    []string
	By        string
	Tabs      int
	Code      string
	Message   string
	Continues string
	Duplicate bool
}

// The types of frames.
const (
	typeSession = "session"
	typeChange  = "change"
	typeOK      = "ok"
	typeError   = "error"
	typeTabs    = "tabs"
	typePong    = "pong"
	typeBye     = "bye"
)

// readMessage reads a frame. What is none has no type, and is shown all the same.
func readMessage(text []byte) (m message) {
	if json.Unmarshal(text, &m) != nil {
		return message{}
	}
	return m
}

// number is the id of the mutation that an answer is about, 0 where it names none.
func (m message) number() (n uint64) {
	_ = json.Unmarshal(m.ID, &n) // 0 is what we want of anything else
	return n
}

// session is the name of the session that a session frame is about.
func (m message) session() (id string) {
	_ = json.Unmarshal(m.ID, &id) // likewise
	return id
}

// nothingNew says that it is the change that answers since= where there was none.
func (m message) nothingNew() bool {
	return m.Type == typeChange && m.From != nil && *m.From == m.Version
}
