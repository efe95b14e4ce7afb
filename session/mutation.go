package session

import (
	"encoding/json"
	"strconv"
)

// How deep a patch of the whole session and a value stand in the wire form of a mutation: {"merge":{"cart":1}}.
const (
	patchDepth = 1
	valueDepth = 2
)

// MaxMutationID is the largest id of a mutation: the largest integer that JavaScript holds exactly.
const MaxMutationID = 1<<53 - 1

// Mutation is one atomic group of operations. They apply in the order of the fields, all or none;
// a key may be named by one of them only. Values need not be compact.
type Mutation struct {
	Clear  bool                       // removes every key the writer may write
	Delete []string                   // removes keys; a missing one is no error
	Set    map[string]json.RawMessage // replaces values
	Merge  map[string]json.RawMessage // RFC 7396 under each key; null deletes the key
	Append map[string]json.RawMessage // arrays, added to the end of arrays; a missing key counts as []
	Incr   map[string]json.RawMessage // numbers, added to numbers; a missing key counts as 0

	IfVersion *uint64 // applies only at exactly this version
	ID        uint64  // chosen by the sender, 1 to MaxMutationID; 0: none
}

// DecodeMutation reads the wire form of a mutation. Where it refuses, the Mutation still carries
// the id, if one could be read, so that the refusal can be told which mutation it is about.
func DecodeMutation(text []byte) (Mutation, error) {
	compact, err := Compact(text)
	if !isObject(compact) {
		if err == nil {
			err = Refuse(InvalidJSON, "a mutation is a JSON object")
		}
		return Mutation{}, err
	}
	if err != nil {
		return Mutation{ID: idOf(compact)}, err
	}
	return decodeMutation(compact)
}

// DecodeMergePatch reads an RFC 7396 merge patch of the whole session: each member is the patch of a key.
func DecodeMergePatch(text []byte) (Mutation, error) {
	patch, err := compactWithin(patchDepth, text)
	if err != nil {
		return Mutation{}, err
	}
	m := Mutation{}
	if m.Merge, err = decodeValues("merge", patch); err != nil {
		return Mutation{}, err
	}
	return m, m.check()
}

// idOf finds the id in an object that was refused as a whole.
func idOf(object []byte) uint64 {
	for name, value := range members(object) {
		if unquote(name) == "id" {
			id, _ := decodeID(value)
			return id
		}
	}
	return 0
}

func decodeMutation(object []byte) (Mutation, error) {
	m := Mutation{ID: idOf(object)}
	for name, value := range members(object) {
		if err := m.decodeField(unquote(name), value); err != nil {
			return m, err
		}
	}
	return m, m.check()
}

func (m *Mutation) decodeField(name string, value json.RawMessage) (err error) {
	switch name {
	case "clear":
		m.Clear = string(value) == "true"
		if !m.Clear && string(value) != "false" {
			return Refuse(BadRequest, `"clear" is true or false`)
		}
	case "delete":
		m.Delete, err = decodeNames(value)
	case "set":
		m.Set, err = decodeValues(name, value)
	case "merge":
		m.Merge, err = decodeValues(name, value)
	case "append":
		m.Append, err = decodeValues(name, value)
	case "incr":
		m.Incr, err = decodeValues(name, value)
	case "if_version":
		version, err := strconv.ParseUint(string(value), 10, 64)
		if err != nil {
			return Refuse(BadRequest, `"if_version" is a version: an integer from 0`)
		}
		m.IfVersion = &version
	case "id":
		m.ID, err = decodeID(value)
	default:
		return Refuse(BadRequest, "unknown field %.64q: a mutation has clear, delete, set, merge, append, incr, if_version and id", name)
	}
	return err
}

func decodeID(value []byte) (uint64, error) {
	id, err := strconv.ParseUint(string(value), 10, 64)
	if err != nil || id == 0 || id > MaxMutationID {
		return 0, Refuse(BadRequest, `"id" is an integer from 1 to 2^53-1`)
	}
	return id, nil
}

func decodeNames(value []byte) (names []string, err error) {
	err = Refuse(BadRequest, `"delete" is an array of keys`)
	if !isArray(value) {
		return nil, err
	}
	for element := range elements(value) {
		if !isString(element) {
			return nil, err
		}
		names = append(names, unquote(element))
	}
	return names, nil
}

func decodeValues(field string, object []byte) (map[string]json.RawMessage, error) {
	if !isObject(object) {
		return nil, Refuse(BadRequest, "%q is an object of keys and values", field)
	}
	values := make(map[string]json.RawMessage)
	for name, value := range members(object) {
		values[unquote(name)] = value
	}
	return values, nil
}

// Keys yields every key that the mutation names.
func (m *Mutation) Keys(yield func(key string) bool) {
	for _, key := range m.Delete {
		if !yield(key) {
			return
		}
	}
	for _, operands := range []map[string]json.RawMessage{m.Set, m.Merge, m.Append, m.Incr} {
		for key := range operands {
			if !yield(key) {
				return
			}
		}
	}
}

// Check compacts the values of a mutation made by Go code and checks it as DecodeMutation would. The maps that
// it was made with stay as they are.
func (m *Mutation) Check() error {
	for _, operands := range []*map[string]json.RawMessage{&m.Set, &m.Merge, &m.Append, &m.Incr} {
		compacted := make(map[string]json.RawMessage, len(*operands))
		for key, value := range *operands {
			var err error
			if compacted[key], err = compactWithin(valueDepth, value); err != nil {
				return err
			}
		}
		*operands = compacted
	}
	if m.ID > MaxMutationID {
		return Refuse(BadRequest, "an id is at most 2^53-1")
	}
	return m.check()
}

func (m *Mutation) check() error {
	var named nameSet
	for key := range m.Keys {
		if err := CheckKey(key); err != nil {
			return err
		}
		if !named.add(key) {
			return Refuse(BadRequest, "key %.64q is named twice", key)
		}
	}
	for key, value := range m.Incr {
		if !isNumber(value) {
			return Refuse(BadRequest, "incr of %q: the operand is a number", key)
		}
	}
	for key, value := range m.Append {
		if !isArray(value) {
			return Refuse(BadRequest, "append to %q: the operand is an array", key)
		}
	}
	return nil
}
