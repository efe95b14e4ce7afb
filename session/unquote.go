package session

import (
	"bytes"
	"strconv"
	"strings"
	"unicode/utf16"
	"unicode/utf8"
)

// unquote decodes a string that json.Compact has accepted. Half a surrogate pair, for which UTF-8 has no place, becomes the
// bytes that would encode it: so two of them stay apart, and neither is a key.
func unquote(quoted []byte) string {
	text := quoted[1 : len(quoted)-1]
	if bytes.IndexByte(text, '\\') < 0 {
		return string(text)
	}
	plain := make([]byte, 0, len(text))
	for size := 0; len(text) > 0; text = text[size:] {
		switch {
		case text[0] != '\\':
			plain, size = append(plain, text[0]), 1
		case text[1] != 'u':
			plain, size = append(plain, unescape(text[1])), 2
		default:
			var r rune
			r, size = escapedRune(text)
			if utf16.IsSurrogate(r) {
				plain = append(plain, 0xe0|byte(r>>12), 0x80|byte(r>>6)&0x3f, 0x80|byte(r)&0x3f)
			} else {
				plain = utf8.AppendRune(plain, r)
			}
		}
	}
	return string(plain)
}

func unescape(c byte) byte {
	if at := strings.IndexByte("bfnrt", c); at >= 0 {
		return "\b\f\n\r\t"[at]
	}
	return c
}

// escapedRune decodes the \u escape that text begins with, or the two of a pair, and says how long that is.
func escapedRune(text []byte) (r rune, size int) {
	const one = len(`\u0000`)
	unit := func(escape []byte) rune {
		n, _ := strconv.ParseUint(string(escape[len(`\u`):one]), 16, 16)
		return rune(n)
	}
	r = unit(text)
	if utf16.IsSurrogate(r) && len(text) >= 2*one && text[one] == '\\' && text[one+1] == 'u' {
		if pair := utf16.DecodeRune(r, unit(text[one:])); pair != utf8.RuneError {
			return pair, 2 * one
		}
	}
	return r, one
}
