package session

import (
	"bytes"
	"context"
	"encoding/json"
	"strconv"
)

// Session is one session in the hands of Go code: what it writes is durable when the call returns, and on its way
// to every open tab. It may be used concurrently. Values go through encoding/json; a json.RawMessage keeps its exact text.
//
// Every write returns the data of the very commit that made it, private keys included; Manager.Visible says what
// a browser may see of it. A refusal is an *Error with a code of the contract.
type Session struct {
	manager *Manager
	handle  Handle
	by      Source
	err     error // every call returns it
}

// Session gives Go code the session of a handle.
func (m *Manager) Session(h Handle) *Session { return &Session{manager: m, handle: h, by: ByCode} }

// Broken is a Session whose every call fails with err: for a request whose session could not be found.
func Broken(err error) *Session { return &Session{err: err} }

// ID is the session's public name.
func (s *Session) ID() ID { return s.handle.ID }

// Data returns everything the session holds, private keys included.
func (s *Session) Data(ctx context.Context) (Data, error) {
	if s.err != nil {
		return nil, s.err
	}
	r, err := s.manager.Load(ctx, s.handle)
	if err != nil {
		return nil, err
	}
	return r.state().Data(nil), nil
}

// Get decodes the value of a key into v, and says whether there is one.
func (s *Session) Get(ctx context.Context, key string, v any) (bool, error) {
	data, err := s.Data(ctx)
	if err != nil {
		return false, err
	}
	value, found := data[key]
	if !found {
		return false, nil
	}
	return true, json.Unmarshal(value, v)
}

// Set replaces the value of a key.
func (s *Session) Set(ctx context.Context, key string, value any) (Data, error) {
	return s.operate(ctx, key, value, func(m *Mutation, operand map[string]json.RawMessage) { m.Set = operand })
}

// Merge applies an RFC 7396 merge patch to the value of a key.
func (s *Session) Merge(ctx context.Context, key string, patch any) (Data, error) {
	return s.operate(ctx, key, patch, func(m *Mutation, operand map[string]json.RawMessage) { m.Merge = operand })
}

// Append adds the elements of a slice to the end of the array under a key.
func (s *Session) Append(ctx context.Context, key string, values any) (Data, error) {
	return s.operate(ctx, key, values, func(m *Mutation, operand map[string]json.RawMessage) { m.Append = operand })
}

// Incr adds by to the number under a key.
func (s *Session) Incr(ctx context.Context, key string, by int64) (Data, error) {
	operand := map[string]json.RawMessage{key: strconv.AppendInt(nil, by, 10)}
	return s.Apply(ctx, Mutation{Incr: operand})
}

// Delete removes keys; a missing one is no error.
func (s *Session) Delete(ctx context.Context, keys ...string) (Data, error) {
	return s.Apply(ctx, Mutation{Delete: keys})
}

// Clear removes every key, private ones too. The session, its tabs and its cookie stay.
func (s *Session) Clear(ctx context.Context) (Data, error) {
	return s.Apply(ctx, Mutation{Clear: true})
}

// Apply applies several operations at once, all or none.
func (s *Session) Apply(ctx context.Context, m Mutation) (Data, error) {
	if s.err != nil {
		return nil, s.err
	}
	if err := m.Check(); err != nil {
		return nil, err
	}
	result, err := s.manager.Apply(ctx, Submission{Handle: s.handle, By: s.by, Mutation: &m})
	if err != nil {
		return nil, err
	}
	return result.State.Data(nil), nil
}

// Destroy ends the session: its tabs are closed, and its cookie leads nowhere any more.
func (s *Session) Destroy(ctx context.Context) error {
	if s.err != nil {
		return s.err
	}
	return s.manager.Destroy(ctx, s.handle, nil)
}

func (s *Session) operate(ctx context.Context, key string, value any, place func(*Mutation, map[string]json.RawMessage)) (Data, error) {
	var text bytes.Buffer
	encoder := json.NewEncoder(&text)
	encoder.SetEscapeHTML(false) // it would alter the text of a RawMessage too
	if err := encoder.Encode(value); err != nil {
		return nil, Refuse(BadRequest, "the value of %q is not JSON: %v", key, err)
	}
	var m Mutation
	place(&m, map[string]json.RawMessage{key: text.Bytes()})
	return s.Apply(ctx, m)
}
