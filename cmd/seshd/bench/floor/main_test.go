package main

import "testing"

func TestOperands(t *testing.T) {
	set, id, ok := operands([]byte(`{"set":{"n":7},"id":12}`))
	if string(set) != `{"n":7}` || string(id) != "12" || !ok {
		t.Errorf("%s %s %v", set, id, ok)
	}
	for _, text := range []string{``, `{}`, `{"get":true}`, `{"set":{"n":7}}`} {
		if _, _, ok := operands([]byte(text)); ok {
			t.Errorf("%s is taken", text)
		}
	}
}
