package session

import (
	"encoding/json"
	"testing"

	"pgregory.net/rapid"
)

func TestCombine(t *testing.T) {
	for _, test := range []struct {
		how                How
		theirs, mine, want string
		kept               bool // though asked for otherwise, the user's stays
	}{
		{Theirs, `1`, `2`, `1`, false},
		{Mine, `1`, `2`, `2`, false},
		{Mine, `{"a":1}`, `null`, `null`, false},

		{Sum, `1`, `2`, `3`, false},
		{Sum, `9007199254740993`, `1`, `9007199254740994`, false}, // no double in between
		{Sum, `9223372036854775807`, `-7`, `9223372036854775800`, false},
		{Sum, `9223372036854775807`, `1`, `9223372036854775807`, true}, // no place: the user's stays
		{Sum, `1.5`, `1`, `2.5`, false},
		{Sum, `1e400`, `1`, `1e400`, true},
		{Sum, `1`, `1e400`, `1`, true},
		{Sum, `1.7e308`, `1.7e308`, `1.7e308`, true},
		{Sum, `"1"`, `2`, `"1"`, true},
		{Sum, `1`, `"2"`, `1`, true},
		{Sum, `null`, `2`, `null`, true},
		{Sum, `[1]`, `[2]`, `[1]`, true},
		{Sum, `{"a":1}`, `2`, `{"a":1}`, true},
		{Sum, `{"a":1,"b":2}`, `{"b":3,"c":4}`, `{"a":1,"b":5,"c":4}`, false},
		{Sum, `{"a":{"n":1,"t":"x"}}`, `{"a":{"n":2,"t":"y","m":5}}`, `{"a":{"n":3,"t":"x","m":5}}`, false},
		{Sum, `{"a":1}`, `{"a":{"b":1}}`, `{"a":1}`, true},
		{Sum, `{"a":null}`, `{"a":1,"b":null}`, `{"a":null,"b":null}`, false},
		{Sum, `{"\u0061":1}`, `{"a":2}`, `{"\u0061":3}`, false},
		{Sum, `{}`, `{}`, `{}`, false},
		{Sum, `{"a":1}`, `{}`, `{"a":1}`, false},
		{Sum, `{"a":"x"}`, `{"a":1,"b":2}`, `{"a":"x","b":2}`, false},

		{Max, `1`, `2`, `2`, false},
		{Max, `2`, `1`, `2`, false},
		{Max, `9007199254740993`, `9007199254740992`, `9007199254740993`, false},
		{Max, `9007199254740992`, `9007199254740993`, `9007199254740993`, false},
		{Max, `1`, `1e400`, `1e400`, false},
		{Max, `1`, `-1e400`, `1`, false},
		{Max, `1.0`, `1`, `1.0`, false},
		{Max, `1`, `"z"`, `1`, true},
		{Max, `{"a":1,"b":9}`, `{"a":2,"b":3,"c":1}`, `{"a":2,"b":9,"c":1}`, false},

		{Union, `["a"]`, `["b","a"]`, `["a","b"]`, false},
		{Union, `[1,1]`, `[2,2,1]`, `[1,1,2]`, false},
		{Union, `[]`, `[1,1]`, `[1]`, false},
		{Union, `[1]`, `[]`, `[1]`, false},
		{Union, `[]`, `[]`, `[]`, false},
		{Union, `[null,{"a":[1,2]}]`, `[{"a":[1,2]},null,{"a":[2,1]},"a,b]"]`, `[null,{"a":[1,2]},{"a":[2,1]},"a,b]"]`, false},
		{Union, `{"a":1}`, `[1]`, `{"a":1}`, true},
		{Union, `[1]`, `null`, `[1]`, true},
		{Union, `null`, `[1]`, `null`, true},
	} {
		theirs, mine := json.RawMessage(test.theirs), json.RawMessage(test.mine)
		got, how := test.how.combine(theirs, mine)
		if string(got) != test.want {
			t.Errorf("%s of %s and %s is %s, want %s", test.how, test.theirs, test.mine, got, test.want)
		}
		if want := map[bool]How{false: test.how, true: Theirs}[test.kept]; how != want {
			t.Errorf("%s of %s and %s is told as %s, want %s", test.how, test.theirs, test.mine, how, want)
		}
		if string(theirs) != test.theirs || string(mine) != test.mine {
			t.Errorf("%s of %s and %s changed them: %s, %s", test.how, test.theirs, test.mine, theirs, mine)
		}
	}
}

// TestCombineGivesJSON: whatever two values meet, what comes of it is one compact value.
func TestCombineGivesJSON(t *testing.T) {
	value := rapid.Deferred(func() *rapid.Generator[string] { return anyValue(3) })
	rapid.Check(t, func(t *rapid.T) {
		h := rapid.SampledFrom([]How{Theirs, Mine, Sum, Max, Union}).Draw(t, "how")
		theirs, mine := value.Draw(t, "theirs"), value.Draw(t, "mine")
		got, how := h.combine(json.RawMessage(theirs), json.RawMessage(mine))
		if how == Theirs && string(got) != theirs {
			t.Fatalf("%s of %s and %s is %s, and told as the user's", h, theirs, mine, got)
		}
		if compact, err := Compact(got); err != nil || string(compact) != string(got) {
			t.Fatalf("%s of %s and %s is %s: %v", h, theirs, mine, got, err)
		}
	})
}

func anyValue(depth int) *rapid.Generator[string] {
	leaf := rapid.SampledFrom([]string{"null", "true", `"a"`, `"\u00e9]}"`, "0", "-7", "1.5", "1e400", "9223372036854775807", "[]", "{}"})
	if depth == 0 {
		return leaf
	}
	return rapid.Custom(func(t *rapid.T) string {
		if rapid.Bool().Draw(t, "leaf") {
			return leaf.Draw(t, "value")
		}
		inner := rapid.SliceOfN(anyValue(depth-1), 0, 4).Draw(t, "items")
		array, object := "[", "{"
		for i, item := range inner {
			if i > 0 {
				array, object = array+",", object+","
			}
			array += item
			object += `"` + string(rune('a'+i)) + `":` + item
		}
		if rapid.Bool().Draw(t, "array") {
			return array + "]"
		}
		return object + "}"
	})
}

// TestTogether: one sender's memory in two sessions is one; of too many each side keeps its own most recent.
func TestTogether(t *testing.T) {
	a, b, c := SenderID{1}, SenderID{2}, SenderID{3}
	theirs := []Sender{{a, 5, 0b10001}, {b, 1, 1}} // a: 5 and 1
	mine := []Sender{{c, 1, 1}, {a, 7, 0b11}}      // a: 7 and 6
	r := &Record{Senders: together(theirs, mine, minSenders)}
	if len(r.Senders) != 3 || r.Senders[2].ID != a {
		t.Fatalf("together: %v", r.Senders)
	}
	for id, want := range map[uint64]bool{1: true, 2: false, 4: false, 5: true, 6: true, 7: true} {
		if duplicate, err := r.applied(a, id); duplicate != want || (err == nil) != want {
			t.Errorf("mutation %d: duplicate %v, %v", id, duplicate, err)
		}
	}
	if far := (Sender{a, 1000, 1}).and(Sender{a, 1, 1}); far != (Sender{a, 1000, 1}) {
		t.Errorf("beyond the window: %v", far)
	}
	many := func(kind byte, n int) (senders []Sender) {
		for i := range n {
			senders = append(senders, Sender{ID: SenderID{kind, byte(i)}})
		}
		return senders
	}
	got := together(many(1, 3), many(2, 10), 8)
	if len(got) != 8 || got[0].ID != (SenderID{1, 0}) || got[3].ID != (SenderID{2, 5}) {
		t.Errorf("of 3 and 10 are kept %v", got)
	}
	if got = together(many(1, 10), many(2, 10), 8); got[0].ID != (SenderID{1, 6}) || got[7].ID != (SenderID{2, 9}) {
		t.Errorf("of 10 and 10 are kept %v", got)
	}
}
