package main

import "testing"

func TestTrustedProxies(t *testing.T) {
	for text, want := range map[string]string{
		"10.0.0.7": "10.0.0.7/32", "10.0.0.0/8": "10.0.0.0/8", "fd00::1": "fd00::1/128", "fd00::/8": "fd00::/8",
		"::ffff:10.0.0.7": "10.0.0.7/32", "::ffff:10.0.0.0/104": "10.0.0.0/8", // as peers are compared
		"0.0.0.0/0": "0.0.0.0/0",
	} {
		got, err := parseProxy(text)
		if err != nil || got.String() != want {
			t.Errorf("%s: %v %v, want %s", text, got, err, want)
		}
	}
	var list proxies
	if err := list.set("10.0.0.7, fd00::/8"); err != nil || len(list) != 2 {
		t.Errorf("%v %v", list, err)
	}
	if err := list.set(""); err != nil || len(list) != 0 {
		t.Errorf("none: %v %v", list, err)
	}
}
