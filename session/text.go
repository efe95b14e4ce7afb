package session

import (
	"bytes"
	"encoding/json"
	"iter"
	"unicode/utf8"
)

// MaxDepth bounds how deep arrays and objects may nest, so that no reader of ours or of a
// client's recurses deeper than a person could mean.
const MaxDepth = 64

// Compact checks text as the contract wants it (one JSON value, valid UTF-8, no duplicate members, nesting
// of at most MaxDepth) and returns it without insignificant whitespace. Numbers and strings keep their exact text.
func Compact(text []byte) (json.RawMessage, error) { return compactWithin(0, text) }

// compactWithin is Compact for text that is to stand within so many objects.
func compactWithin(depth int, text []byte) (json.RawMessage, error) {
	if !utf8.Valid(text) {
		return nil, Refuse(InvalidJSON, "not valid UTF-8")
	}
	var compact bytes.Buffer
	compact.Grow(len(text))
	if err := json.Compact(&compact, text); err != nil {
		if deeper(depth, text) { // of the two reasons the one that names a limit
			return nil, tooDeep
		}
		return nil, Refuse(InvalidJSON, "not valid JSON: %v", err)
	}
	if _, err := checkValue(compact.Bytes(), 0, depth); err != nil {
		return compact.Bytes(), err
	}
	return compact.Bytes(), nil
}

var tooDeep = Refuse(InvalidJSON, "nested deeper than %d", MaxDepth)

// deeper says whether text that is no JSON opens more arrays and objects than may nest.
func deeper(depth int, text []byte) bool {
	quoted := false
	for i := 0; i < len(text) && depth <= MaxDepth; i++ {
		switch c := text[i]; {
		case quoted && c == '\\':
			i++
		case c == '"':
			quoted = !quoted
		case quoted:
		case c == '[' || c == '{':
			depth++
		case c == ']' || c == '}':
			depth--
		}
	}
	return depth > MaxDepth
}

// The functions below walk text that json.Compact has accepted: valid, and without whitespace.

// checkValue checks depth and duplicate members of the value that starts at i, and returns the index after it.
func checkValue(text []byte, i, depth int) (int, error) {
	open := text[i]
	if open != '{' && open != '[' {
		return endOf(text, i), nil
	}
	if depth == MaxDepth {
		return 0, tooDeep
	}
	var names nameSet
	i++
	for text[i] != '}' && text[i] != ']' {
		if text[i] == ',' {
			i++
		}
		if open == '{' {
			end := endOfString(text, i)
			if name := unquote(text[i:end]); !names.add(name) {
				return 0, Refuse(InvalidJSON, "duplicate member %.64q", name)
			}
			i = end + len(":")
		}
		var err error
		if i, err = checkValue(text, i, depth+1); err != nil {
			return 0, err
		}
	}
	return i + 1, nil
}

// nameSet holds the member names of one object; most have few, and need no map.
type nameSet struct {
	few  [8]string
	n    int
	many map[string]struct{}
}

// add says whether name is new.
func (s *nameSet) add(name string) bool {
	for _, seen := range s.few[:s.n] {
		if seen == name {
			return false
		}
	}
	if s.n < len(s.few) {
		s.few[s.n] = name
		s.n++
		return true
	}
	if s.many == nil {
		s.many = make(map[string]struct{})
	}
	before := len(s.many)
	s.many[name] = struct{}{}
	return len(s.many) > before
}

// members yields the raw name and value of each member of a compact object.
func members(object []byte) iter.Seq2[[]byte, []byte] {
	return func(yield func(name, value []byte) bool) {
		for i := 1; i < len(object)-1; {
			name := object[i:endOfString(object, i)]
			i += len(name) + len(":")
			value := object[i:endOf(object, i)]
			i += len(value) + len(",")
			if !yield(name, value) {
				return
			}
		}
	}
}

// elements yields each element of a compact array.
func elements(array []byte) iter.Seq[[]byte] {
	return func(yield func([]byte) bool) {
		for i := 1; i < len(array)-1; {
			element := array[i:endOf(array, i)]
			i += len(element) + len(",")
			if !yield(element) {
				return
			}
		}
	}
}

func endOf(text []byte, i int) int {
	switch text[i] {
	case '"':
		return endOfString(text, i)
	case '{', '[':
		return endOfContainer(text, i)
	}
	for i < len(text) && text[i] != ',' && text[i] != '}' && text[i] != ']' {
		i++
	}
	return i
}

func endOfString(text []byte, i int) int {
	for i++; text[i] != '"'; i++ {
		if text[i] == '\\' {
			i++
		}
	}
	return i + 1
}

func endOfContainer(text []byte, i int) int {
	for depth := 0; ; i++ {
		switch text[i] {
		case '"':
			i = endOfString(text, i) - 1
		case '{', '[':
			depth++
		case '}', ']':
			if depth--; depth == 0 {
				return i + 1
			}
		}
	}
}

func isObject(value []byte) bool { return len(value) > 0 && value[0] == '{' }
func isArray(value []byte) bool  { return len(value) > 0 && value[0] == '[' }
func isString(value []byte) bool { return len(value) > 0 && value[0] == '"' }
func isNull(value []byte) bool   { return string(value) == "null" }
func isNumber(value []byte) bool {
	return len(value) > 0 && (value[0] == '-' || '0' <= value[0] && value[0] <= '9')
}
