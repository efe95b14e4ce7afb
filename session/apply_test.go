package session

import (
	"bytes"
	"encoding/json"
	"fmt"
	"maps"
	"math/big"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"
)

// decode gives a value the shape in which two texts of one value are equal. Numbers keep their digits.
func decode(t rapid.TB, text []byte) any {
	decoder := json.NewDecoder(bytes.NewReader(text))
	decoder.UseNumber()
	var v any
	if err := decoder.Decode(&v); err != nil {
		t.Fatalf("decode %s: %v", text, err)
	}
	return v
}

func decodeAll(t rapid.TB, data Data) map[string]any {
	all := make(map[string]any)
	for key, value := range data {
		all[key] = decode(t, value)
	}
	return all
}

// model is the simplest thing that could be a session: decoded values in a map.
type model map[string]any

// apply does what the contract says, operation by operation. It returns nil where the mutation is to be refused.
func (m model) apply(mut Mutation, decode func([]byte) any) model {
	next := maps.Clone(m)
	if mut.Clear {
		next = model{}
	}
	for _, key := range mut.Delete {
		delete(next, key)
	}
	for key, value := range mut.Set {
		next[key] = decode(value)
	}
	for key, patch := range mut.Merge {
		if merged := mergeModel(next[key], decode(patch)); merged == nil {
			delete(next, key)
		} else {
			next[key] = merged
		}
	}
	for key, more := range mut.Append {
		array, isArray := next[key].([]any)
		if _, found := next[key]; found && !isArray {
			return nil
		}
		next[key] = append(append([]any{}, array...), decode(more).([]any)...)
	}
	for key, by := range mut.Incr {
		number, isNumber := next[key].(json.Number)
		if _, found := next[key]; found && !isNumber {
			return nil
		}
		if !isNumber {
			number = "0"
		}
		a, _ := new(big.Int).SetString(string(number), 10)
		b, _ := new(big.Int).SetString(string(by), 10)
		sum := a.Add(a, b)
		if !sum.IsInt64() {
			return nil
		}
		next[key] = json.Number(sum.String())
	}
	return next
}

// mergeModel is the pseudo code of RFC 7396, section 2.
func mergeModel(target, patch any) any {
	object, ok := patch.(map[string]any)
	if !ok {
		return patch
	}
	merged, ok := target.(map[string]any)
	if !ok {
		merged = map[string]any{}
	}
	merged = maps.Clone(merged)
	for name, value := range object {
		if value == nil {
			delete(merged, name)
		} else {
			merged[name] = mergeModel(merged[name], value)
		}
	}
	return merged
}

var (
	keys      = rapid.SampledFrom([]string{"a", "b", "c", "fruit", `q"\`, "é", "_p"})
	names     = rapid.SampledFrom([]string{"x", "y", `\"z\\`, "w"})
	ints      = rapid.SampledFrom([]string{"0", "1", "-1", "41", "9223372036854775807", "-9223372036854775808", "9007199254740993"})
	leaves    = rapid.OneOf(ints, rapid.SampledFrom([]string{"null", "true", `""`, `"<&>\u2028"`, "[]", "{}", "1e400", "[null,1]"}))
	values    = valuesOf(3)
	arrays    = arraysOf(2)
	mutations = rapid.Custom(drawMutation)
)

// valuesOf draws JSON texts that nest at most so deep.
func valuesOf(depth int) *rapid.Generator[string] {
	if depth == 0 {
		return leaves
	}
	return rapid.OneOf(leaves, arraysOf(depth-1), objectsOf(depth-1))
}

func arraysOf(depth int) *rapid.Generator[string] {
	return rapid.Custom(func(t *rapid.T) string {
		return "[" + strings.Join(rapid.SliceOfN(valuesOf(depth), 0, 3).Draw(t, "elements"), ",") + "]"
	})
}

func objectsOf(depth int) *rapid.Generator[string] {
	return rapid.Custom(func(t *rapid.T) string {
		var members []string
		for _, name := range rapid.SliceOfNDistinct(names, 0, 3, rapid.ID).Draw(t, "names") {
			members = append(members, `"`+name+`":`+valuesOf(depth).Draw(t, "value"))
		}
		return "{" + strings.Join(members, ",") + "}"
	})
}

func drawMutation(t *rapid.T) Mutation {
	m := Mutation{Clear: rapid.IntRange(0, 9).Draw(t, "clear") == 0}
	operand := func(into *map[string]json.RawMessage, key, value string) {
		if *into == nil {
			*into = map[string]json.RawMessage{}
		}
		(*into)[key] = json.RawMessage(value)
	}
	for _, key := range rapid.SliceOfNDistinct(keys, 0, 4, rapid.ID).Draw(t, "keys") {
		switch rapid.SampledFrom([]string{"delete", "set", "merge", "append", "incr"}).Draw(t, "operation") {
		case "delete":
			m.Delete = append(m.Delete, key)
		case "set":
			operand(&m.Set, key, values.Draw(t, "value"))
		case "merge":
			operand(&m.Merge, key, values.Draw(t, "patch"))
		case "append":
			operand(&m.Append, key, arrays.Draw(t, "more"))
		case "incr":
			operand(&m.Incr, key, ints.Draw(t, "by"))
		}
	}
	return m
}

// exact says whether the model, which knows no doubles, can do the sums of the mutation.
func exact(s *State, m Mutation) bool {
	for key := range m.Incr {
		if value, found := s.Get(key); found && strings.ContainsAny(string(value), ".eE") && isNumber(value) {
			return m.Clear
		}
	}
	return true
}

// TestApplyLikeModel drives State.Apply and the model through the same mutations, and a reader of every past version
// forward by Since: all three must agree.
func TestApplyLikeModel(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		state, m := &State{}, model{}
		history := []*State{state}
		for _, mut := range rapid.SliceOfN(mutations, 1, 12).Draw(t, "mutations") {
			if err := mut.Check(); err != nil {
				t.Fatalf("Check: %v", err)
			}
			if !exact(state, mut) {
				continue
			}
			before := decodeAll(t, state.Data(nil))
			next, err := state.Apply(&mut, Rules{})
			if diff := cmp.Diff(before, decodeAll(t, state.Data(nil))); diff != "" {
				t.Fatalf("Apply changed its receiver: %s", diff)
			}
			want := m.apply(mut, func(text []byte) any { return decode(t, text) })
			if (want == nil) != (err != nil) {
				t.Fatalf("Apply: %v, the model says refused: %v", err, want == nil)
			}
			if err != nil {
				continue
			}
			checkStep(t, state, next)
			state, m = next, want
			history = append(history, state)
			if diff := cmp.Diff(map[string]any(m), decodeAll(t, state.Data(nil))); diff != "" {
				t.Fatalf("state differs from model (-want +got): %s", diff)
			}
		}
		for _, old := range history {
			checkSince(t, old, state)
		}
	})
}

func checkStep(t *rapid.T, before, after *State) {
	same := maps.EqualFunc(before.Data(nil), after.Data(nil), func(a, b json.RawMessage) bool { return string(a) == string(b) })
	if same != (before == after) || !same && after.Version != before.Version+1 {
		t.Fatalf("version %d to %d, content the same: %v", before.Version, after.Version, same)
	}
	size := 0
	for i, e := range after.Entries {
		size += len(e.Key) + len(e.Value)
		if i > 0 && after.Entries[i-1].Key >= e.Key {
			t.Fatalf("entries are not sorted: %q, %q", after.Entries[i-1].Key, e.Key)
		}
		for _, d := range after.Deletions {
			if d.Key == e.Key {
				t.Fatalf("key %q is live and deleted", e.Key)
			}
		}
	}
	if size != after.Size() {
		t.Fatalf("Size is %d, the entries have %d", after.Size(), size)
	}
}

func checkSince(t rapid.TB, old, now *State) {
	delta, ok := now.Since(old.Version)
	if !ok {
		if old.Version >= now.Floor {
			t.Fatalf("Since(%d) cannot be told, though the floor is %d", old.Version, now.Floor)
		}
		return
	}
	reader := old.Data(nil)
	for _, e := range delta.Set {
		reader[e.Key] = e.Value
	}
	for _, key := range delta.Delete {
		delete(reader, key)
	}
	if diff := cmp.Diff(now.Data(nil), reader); diff != "" {
		t.Fatalf("a reader at %d led to %d by Since differs: %s", old.Version, now.Version, diff)
	}
}

// TestSinceForgetsDeletions: a reader from before the oldest deletion remembered gets no delta, one from after it does.
func TestSinceForgetsDeletions(t *testing.T) {
	state := &State{}
	var history []*State
	step := func(m Mutation) {
		next, err := state.Apply(&m, Rules{})
		if err != nil {
			t.Fatal(err)
		}
		history = append(history, state)
		state = next
	}
	for i := range MaxDeletions + 10 {
		key := fmt.Sprintf("k%03d", i)
		step(Mutation{Set: map[string]json.RawMessage{key: json.RawMessage("1")}})
		step(Mutation{Delete: []string{key}})
	}
	if len(state.Deletions) != MaxDeletions || state.Floor != 20 {
		t.Fatalf("%d deletions, floor %d, want %d and 20", len(state.Deletions), state.Floor, MaxDeletions)
	}
	for _, old := range history {
		checkSince(t, old, state)
	}
	if _, ok := state.Since(state.Version + 1); ok {
		t.Error("Since tells a delta from a version that there has not been")
	}
}

func TestApplyRefusals(t *testing.T) {
	base := &State{}
	base, err := base.Apply(&Mutation{Set: map[string]json.RawMessage{
		"s": json.RawMessage(`"text"`), "n": json.RawMessage("9223372036854775807"), "d": json.RawMessage("1e308"), "k": json.RawMessage("1"),
	}}, Rules{})
	if err != nil {
		t.Fatal(err)
	}
	for _, test := range []struct {
		name  string
		text  string
		rules Rules
		want  Code
	}{
		{"incr of a string", `{"incr":{"s":1}}`, Rules{}, NotANumber},
		{"incr over int64", `{"incr":{"n":1}}`, Rules{}, NotANumber},
		{"incr to infinity", `{"incr":{"d":1.7e308}}`, Rules{}, NotANumber},
		{"incr by what no double holds", `{"incr":{"new":1e400}}`, Rules{}, NotANumber},
		{"append to a number", `{"append":{"k":[1]}}`, Rules{}, NotAnArray},
		{"if_version", `{"if_version":7}`, Rules{}, Conflict},
		{"too many keys", `{"set":{"x":1}}`, Rules{MaxKeys: 4}, TooLarge},
		{"too many bytes", `{"set":{"x":"0123456789"}}`, Rules{MaxBytes: base.Size() + 10}, TooLarge},
		{"not writable", `{"set":{"k":2,"ok":1}}`, Rules{Writable: func(key string) bool { return key != "k" }}, ForbiddenKey},
	} {
		t.Run(test.name, func(t *testing.T) {
			m, err := DecodeMutation([]byte(test.text))
			if err != nil {
				t.Fatal(err)
			}
			next, err := base.Apply(&m, test.rules)
			if CodeOf(err) != test.want {
				t.Errorf("Apply(%s) = %v, want %s", test.text, err, test.want)
			}
			if next != nil && err == nil {
				t.Error("a refused mutation gave a state")
			}
		})
	}
}

// TestShrinkOverLimit: a session over a limit that was lowered can be made smaller.
func TestShrinkOverLimit(t *testing.T) {
	big, err := (&State{}).Apply(&Mutation{Set: map[string]json.RawMessage{"a": json.RawMessage(`"0123456789"`), "b": json.RawMessage("1")}}, Rules{})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := big.Apply(&Mutation{Set: map[string]json.RawMessage{"a": json.RawMessage(`"01234"`)}}, Rules{MaxBytes: 3, MaxKeys: 1}); err != nil {
		t.Errorf("shrinking was refused: %v", err)
	}
}

func TestClearKeepsWhatIsNotWritable(t *testing.T) {
	s, err := (&State{}).Apply(&Mutation{Set: map[string]json.RawMessage{"a": json.RawMessage("1"), "_p": json.RawMessage("2")}}, Rules{})
	if err != nil {
		t.Fatal(err)
	}
	m := Mutation{Clear: true}
	tab, err := s.Apply(&m, Rules{Writable: func(key string) bool { return !Private(key) }})
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(Data{"_p": json.RawMessage("2")}, tab.Data(nil)); diff != "" {
		t.Error(diff)
	}
	code, err := s.Apply(&m, Rules{})
	if err != nil || len(code.Entries) != 0 {
		t.Errorf("code's clear left %v, %v", code.Data(nil), err)
	}
}

func TestOutcome(t *testing.T) {
	before, _ := (&State{}).Apply(&Mutation{Set: map[string]json.RawMessage{"a": json.RawMessage("1"), "b": json.RawMessage("2"), "z": json.RawMessage("0")}}, Rules{})
	m, err := DecodeMutation([]byte(`{"set":{"a":1},"incr":{"b":3},"delete":["z","missing"]}`))
	if err != nil {
		t.Fatal(err)
	}
	after, err := before.Apply(&m, Rules{})
	if err != nil {
		t.Fatal(err)
	}
	set, deleted := m.Outcome(before, after)
	got := string(AppendEntries(nil, set, nil)) + string(AppendKeys(nil, deleted, nil))
	if want := `{"a":1,"b":5}["z"]`; got != want {
		t.Errorf("Outcome is %s, want %s", got, want)
	}
}

func FuzzApply(f *testing.F) {
	f.Add([]byte(`{"set":{"fruit":"cherries"},"merge":{"cart":{"sku1":2}},"incr":{"visits":1}}`), []byte(`{"merge":{"cart":{"sku1":null}},"append":{"log":[1,2]},"if_version":1}`))
	f.Add([]byte(`{"set":{"n":1e400}}`), []byte(`{"incr":{"n":1}}`))
	f.Add([]byte(`{"clear":true,"delete":["a"]}`), []byte(`[[[[`))
	f.Fuzz(func(t *testing.T, first, second []byte) {
		state := &State{}
		for _, text := range [][]byte{first, second} {
			m, err := DecodeMutation(text)
			if err != nil {
				continue
			}
			next, err := state.Apply(&m, Rules{MaxKeys: 100, MaxBytes: 1 << 16})
			if err != nil {
				continue
			}
			if next != state && next.Version != state.Version+1 {
				t.Fatalf("version %d after %d", next.Version, state.Version)
			}
			object := AppendEntries(nil, next.Entries, nil)
			if compact, err := Compact(object); len(next.Entries) > 0 && (err != nil || !bytes.Equal(compact, object)) && !strings.Contains(fmt.Sprint(err), "nested") {
				t.Fatalf("the state is not compact JSON: %v: %s", err, object)
			}
			checkSince(t, state, next)
			state = next
		}
	})
}
