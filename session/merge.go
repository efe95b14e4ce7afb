package session

import "encoding/json"

// merge applies an RFC 7396 merge patch to a value; both are compact, target may be nil (there is no value yet).
// What the patch does not name keeps its place and its exact text.
func merge(target, patch json.RawMessage) json.RawMessage {
	if !isObject(patch) {
		return patch
	}
	type member struct {
		name  []byte
		value json.RawMessage // nil: removed
	}
	var merged []member
	place := map[string]int{}
	if isObject(target) {
		for name, value := range members(target) {
			place[unquote(name)] = len(merged)
			merged = append(merged, member{name, value})
		}
	}
	for name, value := range members(patch) {
		at, found := place[unquote(name)]
		switch {
		case isNull(value) && found:
			merged[at].value = nil
		case isNull(value):
		case found:
			merged[at].value = merge(merged[at].value, value)
		default:
			merged = append(merged, member{name, merge(nil, value)})
		}
	}
	result := make(json.RawMessage, 0, len(target)+len(patch))
	result = append(result, '{')
	for _, m := range merged {
		if m.value == nil {
			continue
		}
		if len(result) > 1 {
			result = append(result, ',')
		}
		result = append(append(append(result, m.name...), ':'), m.value...)
	}
	return append(result, '}')
}

// concat adds the elements of one compact array to the end of another.
func concat(array, more json.RawMessage) json.RawMessage {
	if len(array) == len("[]") {
		return more
	}
	if len(more) == len("[]") {
		return array
	}
	joined := make(json.RawMessage, 0, len(array)+len(more))
	joined = append(joined, array[:len(array)-1]...)
	return append(append(joined, ','), more[1:]...)
}
