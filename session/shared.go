package session

import "context"

// Shared is a Store that several servers use at once, each with tabs of its own.
type Shared interface {
	Store

	// Watch has the feed told of what other servers commit to a session too: of all that is committed after Watch has
	// returned, until Unwatch. Calls are counted; the last Unwatch ends it.
	Watch(ctx context.Context, id ID) error
	Unwatch(id ID)

	// Enter counts one more tab of this server in a watched session. It is false where the tabs of all servers would be more than
	// limit; 0 is no limit. Leave counts one out, does not wait, and cannot fail: where the store is out of reach it is counted out later.
	Enter(ctx context.Context, id ID, limit int) (bool, error)
	Leave(id ID)

	// TabsElsewhere returns what the Describe of each other server that has tabs of a session says. A server that does
	// not answer in time is left out.
	TabsElsewhere(ctx context.Context, id ID) ([][]byte, error)

	// Listen sets who hears of other servers, once, before the first Watch.
	Listen(Listener)
}

// Listener hears of what other servers do to sessions that are watched. None of its functions may block; none is called
// concurrently for one session.
type Listener struct {
	// Missed says that commits may not have been told, as after the connection to the store was lost: load again. anew is
	// true where the store may have gone back in time, so that equal versions may differ: tabs then need the whole session, and
	// the feed tells only of what the store has since.
	Missed func(ids []ID, anew bool)
	// Tabs says how many tabs the other servers have: after each Watch, and when it changes.
	Tabs func(id ID, elsewhere int)
	// Describe describes the tabs that this server has, in whatever form its peers understand.
	Describe func(id ID) []byte
}

// StoryFeeder is a Shared that says when another server may have added a line to the story.
type StoryFeeder interface {
	// FeedStory sets the function that is told, once, before the first Update. It must not block.
	FeedStory(func())
}
