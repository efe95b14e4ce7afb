package web_test

import (
	"testing"
)

// step is a mutation by HTTP on a session that an earlier step left behind.
type step struct {
	mutation string
	status   int
	code     string // of the refusal
	data     string // of the session afterwards; empty: as before
}

// runSteps posts mutations to a new session and looks at it after each.
func runSteps(t *testing.T, steps []step) {
	t.Helper()
	b := start(t, setup{}).visit()
	data, version := "{}", uint64(0)
	x, _ := b.enter("")
	for _, s := range steps {
		a := b.post(s.mutation)
		if s.code != "" {
			a.problem(s.status, s.code)
		} else if a.status != 200 {
			t.Errorf("%s: %d %s", s.mutation, a.status, a.body)
		}
		if s.data != "" && s.data != data {
			data, version = s.data, version+1
		}
		x.send(`{"get":true}`) // what a tab sees is the same
		f := x.until("session")
		if f.Version != version {
			t.Errorf("%s: version %d, want %d", s.mutation, f.Version, version)
		}
		if got := dataOf(f.line); got != data {
			t.Errorf("%s:\ngot  %s\nwant %s", s.mutation, got, data)
		}
	}
}

func TestEachOperationDoesWhatItSays(t *testing.T) {
	runSteps(t, []step{
		{mutation: `{}`},
		{mutation: `{"set":{},"delete":[],"merge":{},"append":{},"incr":{},"clear":false}`},
		{mutation: `{"clear":true}`}, // there is nothing
		{mutation: `{"set":{"fruit":"cherries","n":null}}`, data: `{"fruit":"cherries","n":null}`},
		{mutation: `{"set":{"fruit":"cherries"}}`}, // the same
		{mutation: "{\"set\" :\n{\"fruit\" : \"cherries\" , \"n\":\tnull}}"},
		{mutation: `{"delete":["n","never"]}`, data: `{"fruit":"cherries"}`},
		{mutation: `{"delete":["never"]}`},
		{mutation: `{"merge":{"cart":{"sku1":2,"none":null}}}`, data: `{"cart":{"sku1":2},"fruit":"cherries"}`},
		{mutation: `{"merge":{"cart":{"sku2":{"n":1,"x":[null]}}}}`, data: `{"cart":{"sku1":2,"sku2":{"n":1,"x":[null]}},"fruit":"cherries"}`},
		{mutation: `{"merge":{"cart":{"sku2":{"n":null}}}}`, data: `{"cart":{"sku1":2,"sku2":{"x":[null]}},"fruit":"cherries"}`},
		{mutation: `{"merge":{"cart":{"none":null}}}`},
		{mutation: `{"merge":{"cart":[1]}}`, data: `{"cart":[1],"fruit":"cherries"}`},
		{mutation: `{"merge":{"cart":null,"never":null}}`, data: `{"fruit":"cherries"}`},
		{mutation: `{"incr":{"n":1}}`, data: `{"fruit":"cherries","n":1}`},
		{mutation: `{"incr":{"n":-3}}`, data: `{"fruit":"cherries","n":-2}`},
		{mutation: `{"incr":{"n":0}}`},
		{mutation: `{"append":{"log":[1,{"a":2}]}}`, data: `{"fruit":"cherries","log":[1,{"a":2}],"n":-2}`},
		{mutation: `{"append":{"log":[[]]}}`, data: `{"fruit":"cherries","log":[1,{"a":2},[]],"n":-2}`},
		{mutation: `{"append":{"log":[]}}`},
		{mutation: `{"append":{"empty":[]}}`, data: `{"empty":[],"fruit":"cherries","log":[1,{"a":2},[]],"n":-2}`},
		{mutation: `{"clear":true}`, data: `{}`},
	})
}

func TestOperationsApplyInOrderAllOrNone(t *testing.T) {
	runSteps(t, []step{
		{mutation: `{"set":{"a":1,"b":[1],"c":{"x":1},"d":4}}`, data: `{"a":1,"b":[1],"c":{"x":1},"d":4}`},
		// clear comes first, so the others work on nothing
		{mutation: `{"incr":{"a":1},"append":{"b":[2]},"merge":{"c":{"y":2}},"set":{"e":5},"delete":["d"],"clear":true}`, data: `{"a":1,"b":[2],"c":{"y":2},"e":5}`},
		{mutation: `{"set":{"z":1},"incr":{"b":1}}`, status: 422, code: "not_a_number"},
		{mutation: `{"clear":true,"set":{"z":1},"append":{"y":[1]},"if_version":77}`, status: 409, code: "conflict"},
		{mutation: `{"set":{"z":1},"append":{"a":[1]}}`, status: 422, code: "not_an_array"},
		{mutation: `{"clear":true,"set":{"a":1,"b":[2],"c":{"y":2},"e":5}}`}, // the same afterwards
	})
}

func TestNamingAKeyTwiceIsABadRequest(t *testing.T) {
	runSteps(t, []step{
		{mutation: `{"set":{"a":1},"delete":["a"]}`, status: 400, code: "bad_request"},
		{mutation: `{"set":{"a":1},"merge":{"a":{}}}`, status: 400, code: "bad_request"},
		{mutation: `{"incr":{"a":1},"append":{"a":[]}}`, status: 400, code: "bad_request"},
		{mutation: `{"incr":{"a":1},"set":{"\u0061":1}}`, status: 400, code: "bad_request"},
		{mutation: `{"delete":["a","a"]}`, status: 400, code: "bad_request"},
		{mutation: `{"set":{"a":1,"a":2}}`, status: 400, code: "invalid_json"},
	})
}

func TestWhatIsNoMutationIsRefused(t *testing.T) {
	bad := func(m string) step { return step{mutation: m, status: 400, code: "bad_request"} }
	runSteps(t, []step{
		bad(`{"unknown":1}`), bad(`{"SET":{"a":1}}`), bad(`{"get":true}`), bad(`{"ping":true}`), bad(`{"set":{"a":1},"get":true}`),
		bad(`{"set":[1]}`), bad(`{"set":null}`), bad(`{"merge":1}`), bad(`{"append":"x"}`), bad(`{"incr":[]}`),
		bad(`{"delete":"a"}`), bad(`{"delete":{"a":1}}`), bad(`{"delete":[1]}`), bad(`{"delete":[null]}`), bad(`{"delete":null}`), bad(`{"delete":[["a"]]}`),
		bad(`{"clear":1}`), bad(`{"clear":"true"}`), bad(`{"clear":null}`),
		bad(`{"incr":{"a":"1"}}`), bad(`{"incr":{"a":null}}`), bad(`{"incr":{"a":[1]}}`), bad(`{"incr":{"a":true}}`),
		bad(`{"append":{"a":1}}`), bad(`{"append":{"a":null}}`), bad(`{"append":{"a":{}}}`),
		bad(`{"if_version":-1}`), bad(`{"if_version":"0"}`), bad(`{"if_version":1.0}`), bad(`{"if_version":null}`), bad(`{"if_version":18446744073709551616}`),
		bad(`{"id":0}`), bad(`{"id":9007199254740992}`), bad(`{"id":1e3}`),
		{mutation: `[]`, status: 400, code: "invalid_json"},
		{mutation: `"set"`, status: 400, code: "invalid_json"},
		{mutation: `{"set":{"a":01}}`, status: 400, code: "invalid_json"},
		{mutation: `{"set":{"a":NaN}}`, status: 400, code: "invalid_json"},
		{mutation: `{"set":{"":1}}`, status: 400, code: "bad_key"},
		{mutation: `{"set":{".":1}}`, status: 400, code: "bad_key"},
		{mutation: `{"delete":[".."]}`, status: 400, code: "bad_key"},
		{mutation: `{"merge":{"a/b":1}}`, status: 400, code: "bad_key"},
		{mutation: `{"incr":{"a\n":1}}`, status: 400, code: "bad_key"},
		{mutation: `{"append":{"a\u0085":[]}}`, status: 400, code: "bad_key"},
	})
}

func TestNumbersKeepTheirExactDigits(t *testing.T) {
	runSteps(t, []step{
		{mutation: `{"set":{"big":9007199254740993}}`, data: `{"big":9007199254740993}`},
		{mutation: `{"incr":{"big":2}}`, data: `{"big":9007199254740995}`},
		{mutation: `{"set":{"big":1e400}}`, data: `{"big":1e400}`},
		{mutation: `{"incr":{"big":1}}`, status: 422, code: "not_a_number"},
		{mutation: `{"merge":{"big":{"x":1e400,"y":1.10,"z":-0}}}`, data: `{"big":{"x":1e400,"y":1.10,"z":-0}}`},
		{mutation: `{"append":{"big":[1]}}`, status: 422, code: "not_an_array"},
		{mutation: `{"set":{"big":1.0}}`, data: `{"big":1.0}`},
		{mutation: `{"set":{"big":1}}`, data: `{"big":1}`}, // another text
		{mutation: `{"set":{"big":9223372036854775806}}`, data: `{"big":9223372036854775806}`},
		{mutation: `{"incr":{"big":1}}`, data: `{"big":9223372036854775807}`},
		{mutation: `{"incr":{"big":1}}`, status: 422, code: "not_a_number"},
		{mutation: `{"set":{"big":-9223372036854775808}}`, data: `{"big":-9223372036854775808}`},
		{mutation: `{"incr":{"big":-1}}`, status: 422, code: "not_a_number"},
		{mutation: `{"incr":{"big":9223372036854775807}}`, data: `{"big":-1}`},
		{mutation: `{"set":{"big":0.1}}`, data: `{"big":0.1}`},
		{mutation: `{"incr":{"big":0.2}}`, data: `{"big":0.30000000000000004}`},
		{mutation: `{"incr":{"big":1e308}}`, data: `{"big":1e+308}`},
		{mutation: `{"incr":{"big":1e308}}`, status: 422, code: "not_a_number"},
		{mutation: `{"incr":{"big":1e1000000000}}`, status: 422, code: "not_a_number"},
		{mutation: `{"set":{"big":1e5}}`, data: `{"big":1e5}`},
		{mutation: `{"incr":{"big":1}}`, data: `{"big":100001}`},
		{mutation: `{"set":{"big":"\u00e9\/<\u2028>é"}}`, data: `{"big":"\u00e9\/<\u2028>é"}`}, // strings too
		{mutation: `{"incr":{"big":1}}`, status: 422, code: "not_a_number"},
		{mutation: `{"set":{"big":null}}`, data: `{"big":null}`},
		{mutation: `{"incr":{"big":1}}`, status: 422, code: "not_a_number"},
		{mutation: `{"append":{"big":[1]}}`, status: 422, code: "not_an_array"},
	})
}

func TestIfVersionIsACompareAndSet(t *testing.T) {
	b := start(t, setup{}).visit()
	b.post(`{"set":{"a":1},"if_version":0}`).want(200)
	p := b.post(`{"set":{"a":2},"if_version":0}`).problem(409, "conflict")
	if p["version"] != 1.0 {
		t.Errorf("a conflict carries the current version: %v", p)
	}
	b.post(`{"set":{"a":1},"if_version":0}`).problem(409, "conflict") // though it would change nothing
	b.post(`{"set":{"a":2},"if_version":1}`).want(200)
	same(t, b.get("/session/keys/a").body, "2\n")
}

func TestNobodyIsToldOfWhatChangesNothing(t *testing.T) {
	b := start(t, setup{}).visit()
	x, _ := b.enter("")
	b.post(`{"set":{"a":[1,2]}}`).want(200)
	b.post(`{"set":{"a":[1, 2]}}`).want(200)
	b.post(`{"clear":true,"set":{"a":[1,2]}}`).want(200)
	b.post(`{"set":{"a":[2]}}`).want(200)
	for i := range uint64(2) {
		if f := x.next(); f.Type != "change" || f.Version != i+1 {
			t.Errorf("got %s", f.line)
		}
	}
}
