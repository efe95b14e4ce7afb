package history

import (
	"encoding/json"
	"fmt"
	"maps"
	"reflect"
	"slices"
)

// state is a session as the protocol has it. It is never changed, only replaced.
type state struct {
	version uint64
	anew    bool // nobody has said yet what the version is, but that it is higher than this one
	data    map[string]any
	once    map[string]memory // of each client
}

// memory is what a session remembers of a client: its highest id, and which of the last 64 were applied (bit i: highest-i).
type memory struct{ highest, applied uint64 }

const window = 64

// The refusals that the model knows of. Any other is one that it never expects.
const (
	conflict   = "conflict"
	notApplied = "not_applied"
	notANumber = "not_a_number"
	notAnArray = "not_an_array"
)

// step says whether an answer is right in a state, and what the state is after it.
func step(before, input, output any) (bool, any) {
	s, in, out := before.(state), input.(Input), output.(Output)
	if in.Anew {
		s.anew = s.anew || s.version > 0 || len(s.once) > 0
		return true, s
	}
	if s.anew && !out.lost && (out.Code == "" || out.Code == conflict) {
		known := s.told(in, out)
		if known.version <= s.version {
			return false, s
		}
		s = known
	}
	if in.Mutation == "" {
		return out.lost || s.shows(out), s
	}
	next, right := s.write(in)
	return out.lost || right.Code == out.Code && right.Version == out.Version && right.Duplicate == out.Duplicate &&
		(out.Data == nil || next.shows(out)), next
}

// told is the state as it must have been, if an answer of a store that began anew is right.
func (s state) told(in Input, out Output) state {
	s.anew, s.version = false, out.Version
	if in.Mutation == "" {
		return s
	}
	if next, _ := s.write(in); next.version > out.Version {
		s.version--
	}
	return s
}

// shows says whether a read of the state can have this answer.
func (s state) shows(out Output) bool {
	return out.Code == "" && out.Version == s.version && (out.Data == nil || len(out.Data) == 0 && len(s.data) == 0 || reflect.DeepEqual(out.Data, s.data))
}

func (s state) write(in Input) (state, Output) {
	if in.ID != 0 {
		switch m, known := s.once[in.Client]; {
		case !known || in.ID > m.highest:
		case m.highest-in.ID < window && m.applied>>(m.highest-in.ID)&1 == 1:
			return s, Output{Version: s.version, Duplicate: true}
		default:
			return s, Output{Code: notApplied}
		}
	}
	var m mutation
	if err := json.Unmarshal([]byte(in.Mutation), &m); err != nil {
		panic(fmt.Sprintf("the test wrote %s: %v", in.Mutation, err))
	}
	if m.IfVersion != nil && (s.anew || *m.IfVersion != s.version) {
		return s, Output{Code: conflict, Version: s.version}
	}
	data, refusal := m.apply(s.data)
	if refusal != "" {
		return s, Output{Code: refusal}
	}
	next := s
	next.data = data
	if len(data)+len(s.data) > 0 && !reflect.DeepEqual(data, s.data) {
		next.version++
	}
	if in.ID != 0 {
		next.once = maps.Clone(s.once)
		if next.once == nil {
			next.once = map[string]memory{}
		}
		was := s.once[in.Client]
		next.once[in.Client] = memory{in.ID, was.applied<<min(in.ID-was.highest, window) | 1}
	}
	return next, Output{Version: next.version}
}

type mutation struct {
	Clear     bool
	Delete    []string
	Set       map[string]any
	Merge     map[string]any
	Append    map[string][]any
	Incr      map[string]float64
	IfVersion *uint64 `json:"if_version"`
}

// apply returns what a session holds after a mutation, or the refusal.
func (m mutation) apply(before map[string]any) (data map[string]any, refusal string) {
	data = map[string]any{}
	if !m.Clear {
		maps.Copy(data, before)
	}
	for _, key := range m.Delete {
		delete(data, key)
	}
	maps.Copy(data, m.Set)
	for key, patch := range m.Merge {
		if data[key] = patched(data[key], patch); patch == nil {
			delete(data, key)
		}
	}
	for key, more := range m.Append {
		array, ok := data[key].([]any)
		if _, there := data[key]; there && !ok {
			return nil, notAnArray
		}
		data[key] = slices.Concat(array, more)
	}
	for key, by := range m.Incr {
		number, ok := data[key].(float64)
		if _, there := data[key]; there && !ok {
			return nil, notANumber
		}
		data[key] = number + by
	}
	return data, ""
}

// patched is RFC 7396.
func patched(target, patch any) any {
	members, ok := patch.(map[string]any)
	if !ok {
		return patch
	}
	merged := map[string]any{}
	if object, ok := target.(map[string]any); ok {
		maps.Copy(merged, object)
	}
	for name, value := range members {
		if value == nil {
			delete(merged, name)
		} else {
			merged[name] = patched(merged[name], value)
		}
	}
	return merged
}
