package session

import (
	"strings"
	"unicode"
	"unicode/utf8"
)

// MaxKeyBytes bounds a key: long enough for any name a person would choose, short enough for a URL, a log line and a table cell.
const MaxKeyBytes = 128

// CheckKey says whether key may name a value: 1 to 128 bytes of UTF-8 without control characters and
// without a slash, and not "." or ".." (keys are path segments of the HTTP API).
func CheckKey(key string) error {
	switch {
	case key == "" || len(key) > MaxKeyBytes:
		return Refuse(BadKey, "a key has 1 to %d bytes, this one has %d", MaxKeyBytes, len(key))
	case !utf8.ValidString(key):
		return Refuse(BadKey, "a key is UTF-8, %q is not", key)
	case strings.ContainsRune(key, '/') || strings.ContainsFunc(key, unicode.IsControl):
		return Refuse(BadKey, "a key has no slash and no control characters, %q does", key)
	case key == "." || key == "..":
		return Refuse(BadKey, "%q is a path, not a key", key)
	}
	return nil
}

// Private says whether key is kept from browsers: it starts with an underscore.
func Private(key string) bool { return strings.HasPrefix(key, "_") }

// Globs is a list of patterns in which * stands for any run of characters and nothing else is special.
// An empty list matches nothing.
type Globs []string

// Match says whether any pattern matches the whole of name.
func (g Globs) Match(name string) bool {
	for _, pattern := range g {
		if matchGlob(pattern, name) {
			return true
		}
	}
	return false
}

// matchGlob takes time linear in the name for each piece between stars: the leftmost place that fits is always the best.
func matchGlob(pattern, name string) bool {
	pieces := strings.Split(pattern, "*")
	first, last := pieces[0], pieces[len(pieces)-1]
	if len(pieces) == 1 {
		return pattern == name
	}
	if !strings.HasPrefix(name, first) {
		return false
	}
	name = name[len(first):]
	for _, piece := range pieces[1 : len(pieces)-1] {
		at := strings.Index(name, piece)
		if at < 0 {
			return false
		}
		name = name[at+len(piece):]
	}
	return strings.HasSuffix(name, last)
}
