// Package history records what clients of a session asked for and were answered, and checks it against a model of the protocol: is
// there an order of all of it, in which each thing happens between its call and its return, and each answer is the right one?
// The model shares no code with what it is held against. The search is Porcupine's.
package history

import (
	"fmt"
	"math"
	"os"
	"reflect"
	"sync"
	"time"

	"github.com/anishathalye/porcupine"
)

// Input is what a client asks for: one transmission of a mutation, or a read.
type Input struct {
	Session  string
	Mutation string // JSON, as on the wire but without the id; empty: a read
	Client   string // with ID: the mutation counts once
	ID       uint64
	// Anew is no question: the store may have gone back in time, as it says, and so its versions go on from higher ones, from some
	// moment on. If it did go back, no order explains what was answered.
	Anew bool
}

// Output is what it was answered.
type Output struct {
	Code      string // of a refusal; empty: ok
	Version   uint64 // also of a conflict
	Duplicate bool
	Data      map[string]any // what the session holds at that version, as encoding/json decodes it; nil: it was not told

	lost bool // there was no answer
}

// History may be used concurrently.
type History struct {
	begun time.Time
	mu    sync.Mutex
	done  []*porcupine.Operation
}

// New returns an empty history, which begins now.
func New() *History { return &History{begun: time.Now()} }

// Call is something that was asked for.
type Call struct {
	history *History
	client  int
	input   Input
	at      int64
}

// Begin notes that a client, a number from 0, is about to ask for something.
func (h *History) Begin(client int, in Input) *Call {
	return &Call{h, client, in, h.now()}
}

func (h *History) now() int64 { return int64(time.Since(h.begun)) }

// End notes an answer. Of what is told again and again, such as to a tab that was opened once, each is an answer.
func (c *Call) End(out Output) { c.end(out, c.history.now()) }

// Lost notes that there was no answer. What was asked for may happen at any time or never; until learnt is called, which
// says that by now it has happened, or never will.
func (c *Call) Lost() (learnt func()) {
	op := c.end(Output{lost: true}, math.MaxInt64)
	return func() {
		c.history.mu.Lock()
		defer c.history.mu.Unlock()
		op.Return = c.history.now()
	}
}

func (c *Call) end(out Output, at int64) *porcupine.Operation {
	op := &porcupine.Operation{ClientId: c.client, Input: c.input, Call: c.at, Output: out, Return: at}
	c.history.mu.Lock()
	defer c.history.mu.Unlock()
	c.history.done = append(c.history.done, op)
	return op
}

// Writes is the history of the writes alone.
func (h *History) Writes() *History {
	h.mu.Lock()
	defer h.mu.Unlock()
	writes := &History{begun: h.begun}
	for _, op := range h.done {
		if in := op.Input.(Input); in.Anew || in.Mutation != "" {
			writes.done = append(writes.done, op)
		}
	}
	return writes
}

// Len is how many answers there are, and how many are lost for good.
func (h *History) Len() (answers, lost int) {
	h.mu.Lock()
	defer h.mu.Unlock()
	for _, op := range h.done {
		switch {
		case op.Input.(Input).Anew:
		case op.Return == math.MaxInt64:
			lost++
		default:
			answers++
		}
	}
	return answers, lost
}

// Check looks for an order. Its error names a page that shows how far the search came. A search that took longer than
// timeout is an error too.
func (h *History) Check(timeout time.Duration) error {
	h.mu.Lock()
	operations := make([]porcupine.Operation, len(h.done))
	for i, op := range h.done {
		operations[i] = *op
	}
	h.mu.Unlock()
	model := porcupine.Model{
		Partition: bySession, Init: func() any { return state{} }, Step: step,
		Equal:             func(a, b any) bool { return reflect.DeepEqual(a, b) },
		DescribeOperation: describe,
		DescribeState:     func(s any) string { return fmt.Sprintf("%d %v", s.(state).version, s.(state).data) },
	}
	result, info := porcupine.CheckOperationsVerbose(model, operations, timeout)
	if result == porcupine.Ok {
		return nil
	}
	page, err := os.CreateTemp("", "seshd-history-*.html")
	if err == nil {
		err = porcupine.Visualize(model, info, page)
		page.Close()
	}
	if err != nil {
		return fmt.Errorf("%s, and it cannot be shown: %w", verdict(result, timeout), err)
	}
	return fmt.Errorf("%s: see %s", verdict(result, timeout), page.Name())
}

func verdict(result porcupine.CheckResult, timeout time.Duration) string {
	if result == porcupine.Unknown {
		return fmt.Sprintf("whether there is an order could not be told in %v: make the history smaller", timeout)
	}
	return "no order explains the answers"
}

func bySession(operations []porcupine.Operation) (parts [][]porcupine.Operation) {
	at := map[string]int{}
	for _, op := range operations {
		session := op.Input.(Input).Session
		if _, known := at[session]; !known {
			at[session] = len(parts)
			parts = append(parts, nil)
		}
		parts[at[session]] = append(parts[at[session]], op)
	}
	return parts
}

func describe(input, output any) string {
	in, out := input.(Input), output.(Output)
	asked, answer := "read", fmt.Sprintf("ok %d", out.Version)
	if in.Anew {
		return "versions go on from higher ones"
	}
	if in.Mutation != "" {
		asked = in.Mutation
	}
	if in.ID != 0 {
		asked += fmt.Sprintf(" (%s:%d)", in.Client, in.ID)
	}
	switch {
	case out.lost:
		answer = "no answer"
	case out.Code != "":
		answer = fmt.Sprintf("%s %d", out.Code, out.Version)
	case out.Duplicate:
		answer += " duplicate"
	}
	if out.Data != nil {
		answer += fmt.Sprintf(" %v", out.Data)
	}
	return asked + " → " + answer
}
