package main

import (
	"strings"
	"testing"
)

func TestLocksAreProfiled(t *testing.T) {
	_, api := startWithAPI(t, t.TempDir())
	if a := api.do("GET", "/debug/pprof/mutex?debug=1", "").want(200); !strings.Contains(a.body, "sampling period=100\n") {
		t.Errorf("%.200s", a.body)
	}
}
