package rig

import "testing"

func TestRoundUp(t *testing.T) {
	for v, want := range map[float64]float64{0: 1, 0.3: 0.5, 1: 1, 11: 20, 4999: 5000, 5001: 10000} {
		if got := RoundUp(v); got != want {
			t.Errorf("%v ends at %v, want %v", v, got, want)
		}
	}
}
