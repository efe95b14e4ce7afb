package web

import "time"

// SurplusRoom is for the tests from outside.
const SurplusRoom = surplusRoom

// WaitLonger has a stop wait so long for last requests: a busy machine takes its time.
func (a *App) WaitLonger(lastCall time.Duration) { a.lastCall = lastCall }
