package main

import (
	"fmt"
	"os"
	"sync"
)

// What is counted, in the order of the report.
const (
	cSessions  = "sessions begun"
	cWrites    = "writes acknowledged over WebSockets"
	cHTTP      = "writes acknowledged over HTTP"
	cAPI       = "writes acknowledged by the server API"
	cBig       = "of all writes, with a value of 8 to 32 KB"
	cTabs      = "tabs opened"
	cFrames    = "frames to tabs, each held against those before it"
	cAgain     = "connections that a tab made again"
	cStreams   = "event streams followed"
	cTickets   = "tickets used"
	cLogins    = "logins"
	cCombined  = "logins of a second device, which combined two sessions"
	cRotations = "tokens rotated"
	cVerified  = "sessions compared with all that was acknowledged to them"
	cDestroyed = "sessions ended by their visitor"
	cDeleted   = "sessions ended by the server API"
	cLoggedOut = "sessions ended by a logout"
	cLeft      = "sessions left, to time out"
	cSeenGone  = "of the ended and left ones, seen to be gone"
	cCut       = "connections cut"
	cStalled   = "connections that nobody read from for seconds"
	cDead      = "connections that went dead without a word"
	cGarbage   = "connections that spoke nonsense, or began and stopped"
	cStory     = "lines of the story followed"
	cBackups   = "backups taken while running, and checked"
	cStops     = "restarts by SIGTERM"
	cKills     = "restarts after SIGKILL"
)

var counted = []string{
	cSessions, cWrites, cHTTP, cAPI, cBig, cTabs, cFrames, cAgain, cStreams, cTickets, cLogins, cCombined, cRotations, cVerified,
	cDestroyed, cDeleted, cLoggedOut, cLeft, cSeenGone, cCut, cStalled, cDead, cGarbage, cStory, cBackups, cStops, cKills,
}

// maxTold is how many broken promises are told in full: the first ones say what is wrong.
const maxTold = 20

// tally is what was done, and what was found to be wrong.
type tally struct {
	mu         sync.Mutex // guards the rest
	counts     map[string]int
	violations []string
	untold     int
}

func (t *tally) count(what string, n int) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.counts[what] += n
}

func (t *tally) violated(format string, args ...any) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if len(t.violations) == maxTold {
		t.untold++
		return
	}
	text := fmt.Sprintf(format, args...)
	t.violations = append(t.violations, text)
	fmt.Fprintln(os.Stderr, "BROKEN:", text)
}
