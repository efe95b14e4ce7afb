package connect

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"
	"unicode"
)

const (
	maxQuote = 300 // runes of a text of the server's in a message: more than any of seshd's own
	maxValue = 60  // of a value on a terminal, where nobody reads more of it in passing
	maxKeys  = 12  // that a line names
)

// style is how a terminal shows a text (ECMA-48, SGR).
type style string

const (
	plain   style = ""
	dim     style = "2"
	red     style = "31"
	green   style = "32"
	yellow  style = "33"
	cyan    style = "36"
	boldRed style = "1;31"
)

var styles = map[string]style{
	typeSession: cyan, typeChange: green, typeOK: dim, typeError: boldRed, typeTabs: dim, typePong: dim, typeBye: yellow,
}

// print writes a frame in one piece: as it came, or short for a person.
func (c *client) print(text []byte, m message) error {
	line := append(slices.Clip(text), '\n')
	if c.Person && m.Type != "" {
		line = []byte(c.short(m, time.Now()))
	} else if c.Person {
		line = []byte(shown(string(text), maxQuote) + "\n")
	}
	_, err := c.Out.Write(line)
	return err
}

// short is a frame on one line: when, what, at which version, what changed, by whom.
func (c *client) short(m message, now time.Time) string {
	var b strings.Builder
	version := ""
	if m.Version > 0 {
		version = fmt.Sprintf("v%d", m.Version)
	}
	kind := fmt.Sprintf("%-7s", shown(m.Type, maxValue))
	fmt.Fprintf(&b, "%s %s %-5s", c.in(dim, now.Format(time.TimeOnly)), c.in(styles[m.Type], kind), version)
	switch m.Type {
	case typeSession:
		c.values(&b, m.Data, nil)
		fmt.Fprintf(&b, "  %s", c.in(dim, fmt.Sprintf("%d %s, id %s", m.Tabs, plural(m.Tabs, "tab", "tabs"), shown(m.session(), maxValue))))
	case typeChange:
		c.values(&b, m.Set, m.Delete)
		if by := shown(m.By, maxValue); by != "" {
			fmt.Fprintf(&b, "  %s", c.in(dim, "by "+by))
		}
	case typeOK:
		fmt.Fprintf(&b, " id %d", m.number())
		if m.Duplicate {
			b.WriteString(" (sent again, applied once)")
		}
	case typeError, typeBye:
		if id := m.number(); id > 0 {
			fmt.Fprintf(&b, " id %d", id)
		}
		fmt.Fprintf(&b, " %s %s", c.in(red, shown(m.Code, maxValue)), shown(m.Message, maxQuote))
	case typeTabs:
		fmt.Fprintf(&b, " %d %s", m.Tabs, plural(m.Tabs, "tab", "tabs"))
	}
	return strings.TrimRight(b.String(), " ") + "\n"
}

// values names keys with their values, then those that are gone.
func (c *client) values(b *strings.Builder, set map[string]json.RawMessage, gone []string) {
	left := maxKeys
	for _, key := range slices.Sorted(maps.Keys(set)) {
		if left--; left < 0 {
			break
		}
		fmt.Fprintf(b, " %s=%s", shown(key, maxValue), shown(string(set[key]), maxValue))
	}
	for _, key := range gone {
		if left--; left < 0 {
			break
		}
		fmt.Fprintf(b, " %s", c.in(red, "-"+shown(key, maxValue)))
	}
	if more := len(set) + len(gone) - maxKeys; more > 0 {
		fmt.Fprintf(b, " %s", c.in(dim, fmt.Sprintf("and %d more", more)))
	}
}

func (c *client) in(s style, text string) string {
	if !c.Color || s == plain {
		return text
	}
	return "\x1b[" + string(s) + "m" + text + "\x1b[0m"
}

// shown is a text of somebody else's as a terminal may have it: not too long, and nothing that moves the cursor, changes
// the colour or turns the direction of writing.
func shown(text string, limit int) string {
	var b strings.Builder
	for n, r := range []rune(text) {
		switch {
		case n == limit:
			return b.String() + "…"
		case unicode.IsPrint(r):
			b.WriteRune(r)
		default:
			fmt.Fprintf(&b, `\u%04x`, r)
		}
	}
	return b.String()
}
