package session

import (
	"encoding/json"
	"strings"
	"testing"
	"unicode/utf8"
)

// TestMerge has the test cases of RFC 7396, appendix A, and what the usual library gets wrong.
func TestMerge(t *testing.T) {
	for _, test := range []struct{ target, patch, want string }{
		{`{"a":"b"}`, `{"a":"c"}`, `{"a":"c"}`},
		{`{"a":"b"}`, `{"b":"c"}`, `{"a":"b","b":"c"}`},
		{`{"a":"b"}`, `{"a":null}`, `{}`},
		{`{"a":"b","b":"c"}`, `{"a":null}`, `{"b":"c"}`},
		{`{"a":["b"]}`, `{"a":"c"}`, `{"a":"c"}`},
		{`{"a":"c"}`, `{"a":["b"]}`, `{"a":["b"]}`},
		{`{"a":{"b":"c"}}`, `{"a":{"b":"d","c":null}}`, `{"a":{"b":"d"}}`},
		{`{"a":[{"b":"c"}]}`, `{"a":[1]}`, `{"a":[1]}`},
		{`["a","b"]`, `["c","d"]`, `["c","d"]`},
		{`{"a":"b"}`, `["c"]`, `["c"]`},
		{`{"a":"foo"}`, `null`, `null`},
		{`{"a":"foo"}`, `"bar"`, `"bar"`},
		{`{"e":null}`, `{"a":1}`, `{"e":null,"a":1}`},
		{`[1,2]`, `{"a":"b","c":null}`, `{"a":"b"}`},
		{`{}`, `{"a":{"bb":{"ccc":null}}}`, `{"a":{"bb":{}}}`},

		{`{"a":1}`, `{"b":[null,{"c":null}]}`, `{"a":1,"b":[null,{"c":null}]}`},
		{`{"a":"<&>"}`, `{"b":1e400}`, `{"a":"<&>","b":1e400}`},
		{`{"\u0061":1}`, `{"a":2}`, `{"\u0061":2}`},
		{``, `{"a":null,"b":9007199254740993}`, `{"b":9007199254740993}`},
	} {
		if got := merge(json.RawMessage(test.target), json.RawMessage(test.patch)); string(got) != test.want {
			t.Errorf("merge(%s, %s) = %s, want %s", test.target, test.patch, got, test.want)
		}
	}
}

func TestAdd(t *testing.T) {
	for _, test := range []struct{ a, b, want string }{
		{"0", "1", "1"},
		{"9007199254740993", "1", "9007199254740994"},
		{"9223372036854775806", "1", "9223372036854775807"},
		{"-9223372036854775807", "-1", "-9223372036854775808"},
		{"9223372036854775807", "1", ""},
		{"-9223372036854775808", "-1", ""},
		{"5", "-7", "-2"},
		{"1.5", "1", "2.5"},
		{"0.1", "0.2", "0.30000000000000004"},
		{"1e2", "1", "101"},
		{"1e21", "0", "1e+21"},
		{"18446744073709551616", "1", "18446744073709552000"},
		{"1e308", "1e308", ""},
		{"1e400", "-1e400", ""},
		{"1e999999999", "1", ""},
		{"1e-999999999", "1", "1"},
	} {
		got, err := add(json.RawMessage(test.a), json.RawMessage(test.b))
		if string(got) != test.want || (err != nil) != (test.want == "") {
			t.Errorf("add(%s, %s) = %s, %v, want %q", test.a, test.b, got, err, test.want)
		}
	}
}

func TestCompact(t *testing.T) {
	deep := func(n int) string { return strings.Repeat("[", n) + strings.Repeat("]", n) }
	for _, test := range []struct {
		text, want string // want "": refused
	}{
		{" { \"a\" : [ 1 , 1e400 , null ] } ", `{"a":[1,1e400,null]}`},
		{`{"a":{"a":1},"b":{"a":1}}`, `{"a":{"a":1},"b":{"a":1}}`},
		{`{"a":1,"a":2}`, ""},
		{`{"a":1,"\u0061":2}`, ""},
		{`{"\ud800":1,"\uD800":2}`, ""},
		{`{"\ud800":1,"\ud801":2,"\ufffd":3}`, `{"\ud800":1,"\ud801":2,"\ufffd":3}`}, // three names
		{`[{"x":{"y":1,"y":1}}]`, ""},
		{`{"1":1,"2":1,"3":1,"4":1,"5":1,"6":1,"7":1,"8":1,"9":1,"10":1,"9":1}`, ""},
		{deep(MaxDepth), deep(MaxDepth)},
		{deep(MaxDepth + 1), ""},
		{strings.Repeat("[", 100_000), ""},
		{"\"\xff\"", ""},
		{"\"\x00\"", ""},
		{`"\u0000"`, `"\u0000"`},
		{`{} {}`, ""},
		{``, ""},
		{`NaN`, ""},
		{`01`, ""},
		{`"]}\\\""`, `"]}\\\""`},
	} {
		got, err := Compact([]byte(test.text))
		if test.want == "" {
			if CodeOf(err) != InvalidJSON {
				t.Errorf("Compact(%.40s) = %s, %v, want invalid_json", test.text, got, err)
			}
		} else if err != nil || string(got) != test.want {
			t.Errorf("Compact(%.40s) = %s, %v, want %s", test.text, got, err, test.want)
		}
	}
}

func TestDecodeMutationRefusals(t *testing.T) {
	for text, want := range map[string]Code{
		`[]`:                            InvalidJSON,
		`1`:                             InvalidJSON,
		`{"set":{"a":1},"set":{"b":1}}`: InvalidJSON,
		`{"id":5,"x":` + strings.Repeat("[", 65) + strings.Repeat("]", 65) + `}`: InvalidJSON,
		`{"id":5,"sett":{}}`:                                   BadRequest,
		`{"id":5,"set":[]}`:                                    BadRequest,
		`{"id":5,"delete":"a"}`:                                BadRequest,
		`{"id":5,"delete":["a",null]}`:                         BadRequest,
		`{"id":5,"delete":["a",1]}`:                            BadRequest,
		`{"id":5,"clear":1}`:                                   BadRequest,
		`{"id":5,"if_version":-1}`:                             BadRequest,
		`{"id":5,"if_version":1.0}`:                            BadRequest,
		`{"id":5,"incr":{"a":"1"}}`:                            BadRequest,
		`{"id":5,"append":{"a":1}}`:                            BadRequest,
		`{"id":5,"set":{"a":1},"delete":["a"]}`:                BadRequest,
		`{"id":5,"delete":["a","a"]}`:                          BadRequest,
		`{"id":5,"set":{"":1}}`:                                BadKey,
		`{"id":5,"set":{"a/b":1}}`:                             BadKey,
		`{"id":5,"delete":[".."]}`:                             BadKey,
		`{"id":5,"set":{"a\u0000":1}}`:                         BadKey,
		`{"id":5,"set":{"a\u0085":1}}`:                         BadKey,
		`{"id":5,"set":{"\ud800":1}}`:                          BadKey,
		`{"id":5,"merge":{"a\uDC00":1}}`:                       BadKey,
		`{"id":5,"append":{"\ud800\ud800":[]}}`:                BadKey,
		`{"id":5,"incr":{"\ud800\u0061":1}}`:                   BadKey,
		`{"id":5,"delete":["\udc00\ud800"]}`:                   BadKey,
		`{"id":5,"set":{"` + strings.Repeat("é", 65) + `":1}}`: BadKey,
		`{"id":0}`:                BadRequest,
		`{"id":1.5}`:              BadRequest,
		`{"id":9007199254740992}`: BadRequest,
		`{"id":"5"}`:              BadRequest,
	} {
		m, err := DecodeMutation([]byte(text))
		if CodeOf(err) != want || err == nil {
			t.Errorf("DecodeMutation(%.60s): %v, want %s", text, err, want)
		}
		if strings.HasPrefix(text, `{"id":5`) && m.ID != 5 {
			t.Errorf("DecodeMutation(%.60s) lost the id", text)
		}
	}
}

// TestPatchesAndValuesNestAsAMutationMay: whatever way a value comes, it is no deeper than a mutation could write it.
func TestPatchesAndValuesNestAsAMutationMay(t *testing.T) {
	deep := func(n int) string { return strings.Repeat("[", n) + strings.Repeat("]", n) }
	for n := MaxDepth - 4; n <= MaxDepth+1; n++ {
		_, want := DecodeMutation([]byte(`{"merge":{"a":` + deep(n) + `}}`))
		_, patch := DecodeMergePatch([]byte(`{"a":` + deep(n) + `}`))
		value := (&Mutation{Set: map[string]json.RawMessage{"a": json.RawMessage(deep(n))}}).Check()
		for what, err := range map[string]error{"a mutation": want, "a patch": patch, "a value": value} {
			if good := n <= MaxDepth-2; (err == nil) != good || !good && CodeOf(err) != InvalidJSON {
				t.Errorf("%s with a value nested %d: %v", what, n, err)
			}
		}
	}
}

// FuzzUnquote: a string is what encoding/json says, but for halves of surrogate pairs, of which that makes U+FFFD.
func FuzzUnquote(f *testing.F) {
	for _, seed := range []string{`a\u0062\n\"\\\/\b\f\r\t`, `\ud83c\udf52`, `\ud83c`, `\udf52\ud83c`, `\ud83c\ud83c\udf52x`, `\ud83cA\\udf52`, `é�\ufffd`} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		quoted := []byte(`"` + text + `"`)
		var want string
		if !utf8.ValidString(text) || json.Unmarshal(quoted, &want) != nil {
			return
		}
		got := unquote(quoted)
		var plain []rune
		for len(got) > 0 {
			r, size := utf8.DecodeRuneInString(got)
			if r == utf8.RuneError && size == 1 {
				size = len("\xed\xa0\x80")
			}
			plain, got = append(plain, r), got[size:]
		}
		if string(plain) != want {
			t.Errorf("%s is %q, want %q", quoted, string(plain), want)
		}
	})
}

// TestRefusalsAreShort: what a client sent is quoted in part, or errors would cost more than what caused them.
func TestRefusalsAreShort(t *testing.T) {
	long := strings.Repeat("\x7f", 60_000)
	for _, text := range []string{
		`{"` + long + `":1}`, `{"set":{"` + long + `":1}}`, `{"set":{"a":{"` + long + `":1,"` + long + `":2}}}`,
		`{"incr":{"a":"` + long + `"}}`, `{"delete":["a/` + long + `"]}`, `{"clear":"` + long + `"}`, long,
	} {
		if _, err := DecodeMutation([]byte(text)); err == nil || len(err.Error()) > 1000 {
			t.Errorf("%.20s…: a refusal of %d bytes", text, len(err.Error()))
		}
	}
}

// TestValuesDoNotHoldTheirMessage: a small value must not keep the large message alive that it came in.
func TestValuesDoNotHoldTheirMessage(t *testing.T) {
	m, err := DecodeMutation([]byte(`{"set":{"a":1}` + strings.Repeat(" ", 60_000) + `}`))
	if err != nil {
		t.Fatal(err)
	}
	s, err := (&State{}).Apply(&m, Rules{})
	if err != nil {
		t.Fatal(err)
	}
	if held := cap(s.Entries[0].Value); held > 100 {
		t.Errorf("a value of 1 byte holds %d", held)
	}
}

func TestGlobs(t *testing.T) {
	for _, test := range []struct {
		glob, name string
		want       bool
	}{
		{"*", "", true}, {"*", "anything", true}, {"cart", "cart", true}, {"cart", "carts", false},
		{"draft.*", "draft.1", true}, {"draft.*", "draft", false}, {"*.x", "a.x", true}, {"a*b*c", "a1b2c", true},
		{"a*b*c", "acb", false}, {"a*a", "a", false}, {"**", "x", true}, {"[a]", "a", false}, {"?", "a", false}, {"", "a", false},
	} {
		if got := (Globs{test.glob}).Match(test.name); got != test.want {
			t.Errorf("%q matches %q: %v, want %v", test.glob, test.name, got, test.want)
		}
	}
}

func FuzzDecodeMutation(f *testing.F) {
	for _, seed := range []string{
		`{"set":{"fruit":"cherries"},"delete":["old"],"merge":{"cart":{"sku1":2}},"incr":{"visits":1},"if_version":7,"id":12}`,
		`{"append":{"log":[1]},"clear":true}`, `{"set":{"\u0061\"":1e400}}`, `[[[[`, `{"id":1,"id":2}`, "{\"\xff\":1}",
	} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		m, err := DecodeMutation(text)
		if err != nil {
			return
		}
		for key := range m.Keys {
			if err := CheckKey(key); err != nil {
				t.Fatalf("accepted a mutation with %v", err)
			}
		}
		if err := m.Check(); err != nil {
			t.Fatalf("decoded, but then refused: %v", err)
		}
	})
}
