package history

import "testing"

// A store that says it may have gone back in time goes on from a version that it chooses, once.
func TestVersionsThatGoOnFromHigherOnes(t *testing.T) {
	one := Input{Mutation: `{"incr":{"n":1}}`}
	if1 := Input{Mutation: `{"set":{"a":1},"if_version":1}`}
	once := Input{Mutation: `{}`, Client: "c", ID: 1}
	n := func(version uint64, n float64) Output { return Output{Version: version, Data: map[string]any{"n": n}} }
	type event struct {
		Input
		Output
	}
	anew := event{Input: Input{Anew: true}}
	for name, test := range map[string]struct {
		events []event
		bad    bool
	}{
		"a read":                            {[]event{{one, n(1, 1)}, anew, {Input{}, n(70, 1)}, {one, n(71, 2)}}, false},
		"a write":                           {[]event{{one, n(1, 1)}, anew, {one, n(71, 2)}, {Input{}, n(71, 2)}}, false},
		"a write that changes nothing":      {[]event{{one, n(1, 1)}, anew, {Input{Mutation: `{}`}, n(70, 1)}, {one, n(71, 2)}}, false},
		"a conflict":                        {[]event{{one, n(1, 1)}, anew, {if1, Output{Code: conflict, Version: 70}}, {one, n(71, 2)}}, false},
		"a duplicate":                       {[]event{{once, Output{}}, anew, {once, Output{Version: 70, Duplicate: true}}, {one, n(71, 1)}}, false},
		"a refusal, which tells no version": {[]event{{one, n(1, 1)}, anew, {Input{Mutation: `{"append":{"n":[1]}}`}, Output{Code: notAnArray}}, {one, n(71, 2)}}, false},
		"twice":                             {[]event{{one, n(1, 1)}, anew, anew, {Input{}, n(70, 1)}, anew, {one, n(91, 2)}}, false},
		"of what was never written":         {[]event{anew, {one, n(1, 1)}}, false},
		"of what was, and is not":           {[]event{{one, n(1, 1)}, anew, {Input{}, n(1, 1)}}, true},
		"of what was, and is lost":          {[]event{{one, n(1, 1)}, anew, {Input{}, Output{Version: 70, Data: map[string]any{}}}}, true},
		"without a word":                    {[]event{{one, n(1, 1)}, {Input{}, n(70, 1)}}, true},
		"but only once":                     {[]event{{one, n(1, 1)}, anew, {Input{}, n(70, 1)}, {Input{}, n(80, 1)}}, true},
		"and by one from there":             {[]event{{one, n(1, 1)}, anew, {one, n(71, 2)}, {one, n(73, 3)}}, true},
		"if at a version of before":         {[]event{{one, n(1, 1)}, anew, {if1, Output{Version: 71}}}, true},
	} {
		t.Run(name, func(t *testing.T) {
			var s any = state{}
			good := true
			for _, e := range test.events {
				right, next := step(s, e.Input, e.Output)
				good, s = good && right, next
			}
			if good == test.bad {
				t.Errorf("taken for right: %v", good)
			}
		})
	}
}
