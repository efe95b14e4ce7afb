package connect

// The exit codes that are not 0, for done, or 1, for a mistake on the command line and whatever else stops it.
const (
	CodeNoConnection = 2   // there was none, or it was refused, or lost for good
	CodeRefused      = 3   // a line was refused
	CodeTimeout      = 4   // --timeout
	CodeInterrupted  = 130 // Ctrl-C, as shells count it: 128 and SIGINT
)

// Exit is an end with an exit code of its own.
type Exit struct {
	Code    int
	Message string // may be empty: then there is nothing to say
}

func (e *Exit) Error() string { return e.Message }
