package session

import "encoding/json"

// merge applies an RFC 7396 merge patch to a value; both are compact, target may be nil (there is no value yet).
// What the patch does not name keeps its place and its exact text.
func merge(target, patch json.RawMessage) json.RawMessage {
	if !isObject(patch) {
		return patch
	}
	if !isObject(target) {
		target = json.RawMessage("{}")
	}
	return zip(target, patch, func(old, value json.RawMessage) json.RawMessage {
		if isNull(value) {
			return nil
		}
		return merge(old, value)
	})
}

// zip lays the members of one compact object over another's: join gets what there is under a name (nil: nothing) and what
// comes to it, and returns what is to be there (nil: nothing). Names that do not come stay as they are, in their place.
func zip(object, over json.RawMessage, join func(old, value json.RawMessage) json.RawMessage) json.RawMessage {
	type member struct {
		name  []byte
		value json.RawMessage
	}
	var joined []member
	place := map[string]int{}
	for name, value := range members(object) {
		place[unquote(name)] = len(joined)
		joined = append(joined, member{name, value})
	}
	for name, value := range members(over) {
		if at, found := place[unquote(name)]; found {
			joined[at].value = join(joined[at].value, value)
		} else {
			joined = append(joined, member{name, join(nil, value)})
		}
	}
	result := make(json.RawMessage, 0, len(object)+len(over))
	result = append(result, '{')
	for _, m := range joined {
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
