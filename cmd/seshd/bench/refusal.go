package bench

import "fmt"

// refusal is the server's word that it will not, with what to do about it.
type refusal struct{ code, message string }

// The flags that lift the limits that a load generator meets.
var lifts = map[string]string{
	"too_many_tabs":     "--max-tabs-per-session 0",
	"rate_limited":      "--rate 0 --new-sessions 0",
	"too_many_requests": "--rate 0 --new-sessions 0",
	"too_large":         "a larger --max-session-bytes",
	"foreign_origin":    "--require-origin=false",
}

func (r *refusal) Error() string {
	text := fmt.Sprintf("the server refuses: %s (%s)", r.code, r.message)
	if flags, ok := lifts[r.code]; ok {
		text += ": to be measured, start it with " + flags
	}
	return text
}
