package connect

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
)

// words are the lines that need not be JSON.
const words = "set KEY VALUE, incr KEY [N], delete KEY…, get, ping"

// expand writes a line in words as the JSON that it stands for, and leaves all else as it is.
func expand(line string) ([]byte, error) {
	line = strings.TrimSpace(line)
	fields := strings.Fields(line)
	if len(fields) == 0 {
		return nil, errors.New("an empty line is no command")
	}
	word, args := fields[0], fields[1:]
	switch {
	case word == "get" && len(args) == 0, word == "ping" && len(args) == 0:
		return fmt.Appendf(nil, `{"%s":true}`, word), nil
	case word == "set" && len(args) >= 2:
		value := strings.TrimSpace(strings.TrimPrefix(line, word))
		value = strings.TrimSpace(strings.TrimPrefix(value, args[0])) // as it was written, spaces within too
		return fmt.Appendf(nil, `{"set":{%s:%s}}`, quoted(args[0]), valueOf(value)), nil
	case word == "incr" && len(args) == 1:
		return fmt.Appendf(nil, `{"incr":{%s:1}}`, quoted(args[0])), nil
	case word == "incr" && len(args) == 2 && json.Valid([]byte(args[1])):
		return fmt.Appendf(nil, `{"incr":{%s:%s}}`, quoted(args[0]), args[1]), nil
	case word == "delete" && len(args) >= 1:
		keys := make([]string, len(args))
		for i, key := range args {
			keys[i] = string(quoted(key))
		}
		return fmt.Appendf(nil, `{"delete":[%s]}`, strings.Join(keys, ",")), nil
	case slices.Contains([]string{"set", "incr", "delete", "get", "ping"}, word):
		return nil, fmt.Errorf("%s is not how it goes: want %s, or a JSON object", shown(line, maxQuote), words)
	}
	return []byte(line), nil
}

// valueOf is a value as people write it: JSON, or else text.
func valueOf(text string) []byte {
	if json.Valid([]byte(text)) {
		return []byte(text)
	}
	return quoted(text)
}

// quoted is text as a JSON string, < and > as they are.
func quoted(text string) []byte {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	_ = e.Encode(text) // a string always encodes
	return bytes.TrimSuffix(b.Bytes(), []byte("\n"))
}
