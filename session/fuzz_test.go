package session

import (
	"bytes"
	"encoding/json"
	"strings"
	"testing"
	"time"
)

// The small values that stores keep are read as they were written, to the byte, or refused.
func FuzzDecodeValues(f *testing.F) {
	token := TokenRecord{ID: ID{1}, Ends: testStart}
	f.Add(AppendToken(nil, token))
	token.Replaced = testStart.Add(time.Hour)
	f.Add(AppendToken(nil, token))
	f.Add(AppendTicket(nil, Ticket{Handle: Token{1}.handle(testStart, time.Hour), Expires: testStart}))
	f.Add(AppendLife(nil, Life{At: testStart, Cause: LoggedIn, ID: ID{1}, Device: DeviceID{2}, User: "u42", From: ID{3}}))
	f.Add(AppendLife(nil, Life{}))
	f.Fuzz(func(t *testing.T, b []byte) {
		if token, err := DecodeToken(b); err == nil && token != nil && !bytes.Equal(AppendToken(nil, *token), b) {
			t.Errorf("token %+v", token)
		}
		if ticket, err := DecodeTicket(b); err == nil && !bytes.Equal(AppendTicket(nil, ticket), b) {
			t.Errorf("ticket %+v", ticket)
		}
		if life, err := DecodeLife(b); err == nil && !bytes.Equal(AppendLife(nil, life), b) {
			t.Errorf("life %+v", life)
		}
	})
}

// Names are read in the one form that they are written in.
func FuzzParseNames(f *testing.F) {
	for _, text := range []string{"", ID{1}.String(), DeviceID{1}.String(), strings.ToUpper(ID{0xab}.String()), "6f2b8f9e-0c7d-4a55-9a44-0f3f8f7a1b01", "{6f2b8f9e-0c7d-4a55-9a44-0f3f8f7a1b01}", "urn:uuid:6f2b8f9e-0c7d-4a55-9a44-0f3f8f7a1b01"} {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		if id, ok := ParseID(text); ok && id.String() != text {
			t.Errorf("%q is id %s", text, id)
		}
		if device, ok := ParseDevice(text); ok && device.String() != text {
			t.Errorf("%q is device %s", text, device)
		}
		if _, err := ParseSender(text); err == nil {
			const digits = 2 * len(SenderID{})
			if plain := strings.NewReplacer("-", "", "{", "", "}", "", "urn:uuid:", "").Replace(strings.ToLower(text)); len(plain) != digits {
				t.Errorf("%q was taken for a client", text)
			}
		}
	})
}

// A pattern matches what a slower reading of it does.
func FuzzGlobs(f *testing.F) {
	for _, pair := range [][2]string{{"", ""}, {"*", "a"}, {"draft.*", "draft.a"}, {"a*b*c", "aXbXbc"}, {"**", ""}, {"*a", "ba"}, {"a*a", "a"}, {"_*", "_p"}} {
		f.Add(pair[0], pair[1])
	}
	f.Fuzz(func(t *testing.T, pattern, name string) {
		if len(pattern)+len(name) > 40 { // the slow way takes exponential time
			_ = Globs{pattern}.Match(name)
			return
		}
		if got, want := (Globs{pattern}).Match(name), matchSlowly(pattern, name); got != want {
			t.Errorf("%q, %q: %v, want %v", pattern, name, got, want)
		}
	})
}

func matchSlowly(pattern, name string) bool {
	switch {
	case pattern == "":
		return name == ""
	case pattern[0] == '*':
		return matchSlowly(pattern[1:], name) || name != "" && matchSlowly(pattern, name[1:])
	}
	return name != "" && pattern[0] == name[0] && matchSlowly(pattern[1:], name[1:])
}

// A mark is read as it was written; of a newer format the number is told.
func FuzzReadMark(f *testing.F) {
	f.Add([]byte(NewMark("export", 1, testStart)))
	f.Add([]byte(`{"seshd":"export","format":2,"by":"v9.9.9","new":{}}`))
	f.Add([]byte(`{"seshd":"backup","format":-1}`))
	f.Add([]byte(`null`))
	f.Fuzz(func(t *testing.T, text []byte) {
		m, err := ReadMark(text, "export", 1)
		if err != nil {
			if m.Format > 1 && m.Seshd == "export" && !strings.Contains(err.Error(), "knows up to 1") {
				t.Errorf("%q: %v", text, err)
			}
			return
		}
		if m.Seshd != "export" || m.Format != 1 || !json.Valid(text) {
			t.Errorf("%q was taken for %+v", text, m)
		}
	})
}
