package session

import (
	"context"
	"io"
	"time"
)

// Source says where a change came from, as tabs are told.
type Source string

// The sources of a change.
const (
	ByTab  Source = "tab"
	ByHTTP Source = "http"
	ByAPI  Source = "api"
	ByCode Source = "code"
)

// known is the source, or ByCode where a program made one up: what tabs, metrics and traces are told is one of the four.
func (s Source) known() Source {
	switch s {
	case ByTab, ByHTTP, ByAPI:
		return s
	}
	return ByCode
}

// Update is one read-modify-write of a session.
type Update struct {
	Handle Handle
	// Change is called with the newest record, nil where the session was never written, once Handle.Admit has let it
	// pass. It returns the record to commit, current itself where nothing is to be stored, or nil to end the session.
	// It must be pure: a store may call it again, and from any goroutine.
	Change func(current *Record) (*Record, error)
	Cause  Cause // where Change ends the session or changes its devices
	Span   *Span // for the Event; nil: none
	// Done is called exactly once, after what Change saw and made is durable and the feed was told of it. It gets the
	// record that this update left, as it was committed; beside an error it may be nil, and says nothing. It must not block.
	// Updates of one session are answered in the order they were given. A store that is closed calls it before Update returns.
	Done func(current *Record, err error)
}

// Admission is one read-modify-write of a visitor's session and of the one that a user shares, in one commit.
type Admission struct {
	Handle Handle
	User   string
	Shared bool // look for the session that the user shares
	// Change is called with the newest record of the handle's session, nil where it was never written, once Handle.Admit has
	// let it pass; and with the one that the user shares, nil where there is none, it has timed out, or it is the same. It
	// returns what is to be committed, nothing where all stays as it is. It must be pure, as that of an Update.
	Change func(mine, theirs *Record) ([]Step, error)
	Done   func(error) // as that of an Update
}

// Store keeps records, tokens and tickets. Package storetest has the contract as a suite that every store passes.
// All methods may be called concurrently. A fault of the store is an *Error with code Unavailable.
type Store interface {
	// Load returns the committed record, or nil where there is none. It never shows what is not durable yet.
	Load(ctx context.Context, id ID) (*Record, error)

	// Token returns what is known of a token; nil where it was never written with.
	Token(ctx context.Context, key TokenKey) (*TokenRecord, error)

	// Update queues a read-modify-write, which is atomic and durable before Done is called. The same commit holds all
	// that its Step asks for: the token records, the user's list of sessions, and the lines of the story.
	Update(Update)

	// Login is Update for two sessions at once.
	Login(Admission)

	// UserSessions lists the sessions of a user, by an index. Some may have timed out.
	UserSessions(ctx context.Context, user string) ([]ID, error)

	// Lives returns the lines of the story after the one numbered, oldest first and at most limit, and the number of the newest
	// there is. gap says that some between were forgotten, or that after is not of this store.
	Lives(ctx context.Context, after uint64, limit int) (lives []Life, newest uint64, gap bool, err error)

	// PutTicket stores a ticket. TakeTicket removes it and returns it, to one caller only; false where it is unknown.
	PutTicket(ctx context.Context, key TicketKey, t Ticket) error
	TakeTicket(ctx context.Context, key TicketKey) (Ticket, bool, error)

	// Export gives fn what another store needs to go on from here: each session that has not timed out, as one commit left it, and
	// each token to its end that no such session lists. Tokens come before all sessions, so that a device that is replaced meanwhile is
	// missing at worst, and never dead beside its successor. What a store can show as of one moment it does. Writes go on. fn may
	// keep what it gets; its error ends the export.
	Export(ctx context.Context, fn func(Saved) error) error

	// Import puts in what another store had, as Saved.Enter has it, in a commit of its own. The feed is told.
	Import(ctx context.Context, s Saved) (Fate, error)

	// Sweep removes what is past its time: sessions, with an Event each, tokens and tickets. It returns how many sessions it ended.
	Sweep(ctx context.Context, now time.Time) (ended int, err error)

	// Feed sets the function that is told of every commit, in version order per session and before the commit's own
	// Done, one call at a time for one session. It must not block, and is set once, before the first Update.
	Feed(func(Event))

	// Ready says whether the store can be read and written now.
	Ready(ctx context.Context) error

	// Close waits for updates under way; later ones are refused.
	Close() error
}

// Copier is a Store that can write a copy of all it has, with the secrets that it keeps, such as the embedded one.
type Copier interface {
	// Backup writes all that was acknowledged before the call, for the store's own way to put it back. Writes go on meanwhile.
	Backup(ctx context.Context, w io.Writer) error
}

// Keeper is a Store that can keep a server's own secrets beside the data, such as the embedded one.
type Keeper interface {
	// Secret returns the secret of a name, drawn at the first call and kept from then on.
	Secret(name string) (string, error)
}
