package storetest

import (
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/seshd/seshd/session"
)

// valuesKeepTheirText: what is computed, and what stays as it was sent, to the letter, is the same in every store, and after it was
// closed.
func valuesKeepTheirText(s *suite) {
	type vector struct {
		mutations []string
		want      string       // of all keys, sorted
		code      session.Code // of the last mutation
	}
	vectors := []vector{
		{[]string{`{"set":{"a":1e400,"b":1.50,"c":-0,"d":123456789012345678901234567890}}`}, `{"a":1e400,"b":1.50,"c":-0,"d":123456789012345678901234567890}`, ""},
		{[]string{`{"set":{"a":1e400}}`, `{"incr":{"a":1}}`}, `{"a":1e400}`, session.NotANumber},
		{[]string{`{"incr":{"a":1e400}}`}, `{}`, session.NotANumber},
		{[]string{`{"set":{"a":1e308}}`, `{"incr":{"a":1.7e308}}`}, `{"a":1e308}`, session.NotANumber},
		{[]string{`{"incr":{"a":9223372036854775807}}`, `{"incr":{"a":0}}`}, `{"a":9223372036854775807}`, ""},
		{[]string{`{"incr":{"a":9223372036854775807}}`, `{"incr":{"a":1}}`}, `{"a":9223372036854775807}`, session.NotANumber},
		{[]string{`{"incr":{"a":-9223372036854775808}}`, `{"incr":{"a":-1}}`}, `{"a":-9223372036854775808}`, session.NotANumber},
		{[]string{`{"incr":{"a":-9223372036854775808}}`, `{"incr":{"a":9223372036854775807}}`}, `{"a":-1}`, ""},
		{[]string{`{"set":{"a":9007199254740993}}`, `{"incr":{"a":1}}`}, `{"a":9007199254740994}`, ""},
		{[]string{`{"set":{"a":0.1}}`, `{"incr":{"a":0.2}}`}, `{"a":0.30000000000000004}`, ""},
		{[]string{`{"set":{"a":1.0}}`, `{"incr":{"a":1}}`}, `{"a":2}`, ""},
		{[]string{`{"set":{"a":9223372036854775808}}`, `{"incr":{"a":1}}`}, `{"a":9223372036854776000}`, ""},
		{[]string{`{"set":{"a":"1"}}`, `{"incr":{"a":1}}`}, `{"a":"1"}`, session.NotANumber},
		{[]string{`{"set":{"a":[],"b":{},"c":null,"d":[[],{}]}}`}, `{"a":[],"b":{},"c":null,"d":[[],{}]}`, ""},
		{[]string{`{"append":{"a":[]}}`, `{"append":{"a":[null]}}`, `{"append":{"a":[[],{}]}}`}, `{"a":[null,[],{}]}`, ""},
		{[]string{`{"set":{"a":{}}}`, `{"append":{"a":[1]}}`}, `{"a":{}}`, session.NotAnArray},
		{[]string{`{"set":{"a":null}}`, `{"append":{"a":[1]}}`}, `{"a":null}`, session.NotAnArray},
		{[]string{`{"merge":{"a":{"x":{"y":null}},"b":{}}}`}, `{"a":{"x":{}},"b":{}}`, ""},
		{[]string{`{"set":{"a":{"x":1.50,"y":{"z":[null]}}}}`, `{"merge":{"a":{"y":{"z":null,"w":1e400}}}}`}, `{"a":{"x":1.50,"y":{"w":1e400}}}`, ""},
		{[]string{`{"set":{"a":[1]}}`, `{"merge":{"a":{"x":null}}}`}, `{"a":{}}`, ""},
		{[]string{`{"set":{"a":{"x":1}}}`, `{"merge":{"a":[null]}}`}, `{"a":[null]}`, ""},
		{[]string{`{"set":{"a":1,"b":1}}`, `{"merge":{"a":null}}`}, `{"b":1}`, ""},
		{[]string{`{"set":{"a":{"\u0078":1}}}`, `{"merge":{"a":{"x":2}}}`}, `{"a":{"\u0078":2}}`, ""},
		{[]string{`{"set":{"a":"\u00e9é\u2028 <&>\/\n\u0000\ud83c\udf52"}}`}, `{"a":"\u00e9é\u2028 <&>\/\n\u0000\ud83c\udf52"}`, ""},
		{[]string{`{"set":{"\u0061":{"":{"":[]}}}}`}, `{"a":{"":{"":[]}}}`, ""},
	}
	for n, v := range vectors {
		var err error
		for _, text := range v.mutations {
			m, bad := session.DecodeMutation([]byte(text))
			if bad != nil {
				s.Fatalf("%s: %v", text, bad)
			}
			h := handle(byte(n + 1))
			_, err = s.update(session.Update{Handle: h, Change: func(r *session.Record) (*session.Record, error) {
				next, _, err := r.Mutate(session.Write{Handle: h, Mutation: &m, Timing: session.Timing{Idle: time.Hour}, Now: time.Now()})
				return next, err
			}})
		}
		if (err != nil) != (v.code != "") || err != nil && session.CodeOf(err) != v.code {
			s.Errorf("%s: %v, want %q", v.mutations, err, v.code)
		}
	}
	check := func() {
		s.Helper()
		for n, v := range vectors {
			text := "{}"
			if r := s.load(session.ID{byte(n + 1)}); r != nil {
				text = string(session.AppendEntries(nil, r.State.Entries, nil))
			}
			if diff := cmp.Diff(v.want, text); diff != "" {
				s.Errorf("%s: %s", v.mutations, diff)
			}
		}
	}
	check()
	s.store = s.reopen()
	check()
}
