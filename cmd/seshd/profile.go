package main

import "runtime"

// mutexSample is of how many waits for a lock one is in /debug/pprof/mutex: the kinds of waits that matter come a thousand times a second.
const mutexSample = 100

func profileMutexes() { runtime.SetMutexProfileFraction(mutexSample) }
