package web

import (
	"testing"
	"testing/synctest"
	"time"
)

// onAClock gives a test a tab on a clock that stands still unless it sleeps.
func onAClock(t *testing.T, test func(*testing.T, *tab)) {
	synctest.Test(t, func(t *testing.T) { test(t, &tab{app: &App{began: time.Now()}}) })
}

func TestOnlyManyRefusalsWithinTheWindowAreTooMany(t *testing.T) {
	onAClock(t, func(t *testing.T, x *tab) {
		for range 3 {
			for i := range maxRefusals {
				if x.payRefusal() {
					t.Fatalf("refusal %d is too many", i+1)
				}
			}
			time.Sleep(refusalWindow + 1)
		}
		for range maxRefusals {
			x.payRefusal()
		}
		time.Sleep(refusalWindow)
		if !x.payRefusal() {
			t.Error("one more within the window is not")
		}
	})
}

// The window ends with each refusal, wherever it began: there is no border that a burst could sit on.
func TestTheWindowOfRefusalsSlides(t *testing.T) {
	onAClock(t, func(t *testing.T, x *tab) {
		x.payRefusal() // at which a window that stands still would begin
		time.Sleep(refusalWindow - time.Second/2)
		for i := range maxRefusals - 5 {
			if x.payRefusal() {
				t.Fatalf("refusal %d is too many", i+2)
			}
		}
		time.Sleep(time.Second)
		for i := range 6 {
			if tooMany := x.payRefusal(); tooMany != (i == 5) {
				t.Errorf("with %d in the last second and a half, too many is %v", maxRefusals-4+i, tooMany)
			}
		}
	})
}

func TestFreeFramesAreFreeUpToTheirRate(t *testing.T) {
	onAClock(t, func(t *testing.T, x *tab) {
		time.Sleep(time.Second) // the server's first, in which there is less to spend
		begun := time.Now()
		send := func(frames int) time.Duration {
			for range frames {
				x.slow()
				x.payFrame()
			}
			return time.Since(begun)
		}
		if waited := send(freeFrames); waited != 0 {
			t.Errorf("a second's worth waited %v", waited)
		}
		if waited := send(5 * freeFrames); waited < 5*time.Second-time.Second/freeFrames || waited > 5*time.Second {
			t.Errorf("five seconds' worth waited %v", waited)
		}
		time.Sleep(time.Hour)
		begun = time.Now()
		if waited := send(freeFrames); waited != 0 {
			t.Errorf("after an hour of silence a second's worth waited %v", waited)
		}
		if waited := send(freeFrames); waited < 900*time.Millisecond {
			t.Errorf("an hour of silence was saved up: waited %v", waited)
		}
	})
}
