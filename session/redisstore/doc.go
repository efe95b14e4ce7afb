// Package redisstore keeps sessions in Redis or Valkey, for any number of servers at once.
//
// What it promises beyond the contract of session.Store: a commit is one script, which compares what was read with what is
// there, stores, and publishes; so all servers hear of a commit exactly when it is made, and none overwrites what it has not
// seen. Nothing is cached: whoever reads after a write was answered, on any server, reads that write. What Redis acknowledged
// is as durable as that Redis is. It must not evict (maxmemory-policy noeviction).
//
// The keys, all under seshd: (what is in braces decides the slot of a cluster):
//
//	seshd:{<id>}              string  a session: its record, and what its commits ask for elsewhere (outbox.go)
//	seshd:{<id>}:tabs         hash    how many tabs each server has
//	seshd:token:<key>         string  a token record, until the token's end
//	seshd:ticket:<key>        string  a ticket, until it expires
//	seshd:user:<user>         zset    the sessions of a user, by the time they became that
//	seshd:lock:<user>         string  whose turn it is to log in
//	seshd:due:{<n>}           zset    when the sweep has to look at a session
//	seshd:{story}             stream  the story; :at its newest number, :told:<id> what of a session was told
//	seshd:{nodes}             zset    when each server was heard of last
//	seshd:{lineage}           hash    replication ids, and when they were first met (lineage.go)
//
// A session has a channel of the same name as its key, a server has seshd:node:<node>, and the story's is seshd:{story}.
//
// The way of one commit: lane.go collects the updates of a session, cell.go runs them on what was read, commit.go compares and sets,
// outbox.go carries out the rest, feed.go tells. A login between two sessions is in login.go, and how others finish it in move.go.
package redisstore
