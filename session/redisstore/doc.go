// Package redisstore keeps sessions in Redis or Valkey, for any number of servers at once.
//
// What it promises beyond the contract of session.Store: a commit is one script, which compares what was read with what is
// there, stores, and publishes; so all servers hear of a commit exactly when it is made, and none overwrites what it has not
// seen. Nothing is cached: whoever reads after a write was answered, on any server, reads that write. What Redis acknowledged
// is as durable as that Redis is. It must not evict (maxmemory-policy noeviction).
//
// Replicas. Redis acknowledges before its replicas have a write, so a failover may lose what was acknowledged: all that the replica which takes over had
// not received, and with SENTINEL FAILOVER also what the old primary took until sentinels told its clients, some seconds' writes. This is noticed: every tab
// gets its session anew, at a version higher than any before, and no delta leads on from a version of before. In a cluster that may take
// until the next beat, 3 s.
//
// With Options.Replicas an answer, to a write or to one that was made before, waits until so many replicas have the session in memory. Nothing
// acknowledged is then lost where one of these takes over: the sentinels choose the one that has most among those they reach. Redis promises no more
// than that. A failover by hand leaves the old primary with its other replicas for a while, so only all replicas are safe there; and what is
// in memory only, all of them may lose together. Other servers and their tabs hear of a write before replicas have it. Where too few answer for 5 s
// the answer is unavailable, and the write is stored: sent again with its id it is answered as a duplicate once they have it. Have one replica more
// than are waited for, or nothing is acknowledged after a failover until the old primary is back. In a cluster this is about the session itself,
// not about the tokens and lists in other slots.
//
// Slots may move while they are written to. A session's news do not arrive from when its key has moved until its slot has; then Missed says so.
//
// The keys, all under seshd: (what is in braces decides the slot of a cluster):
//
//	seshd:{<id>}              string  a session: its record, and what its commits ask for elsewhere (outbox.go)
//	seshd:{<id>}:tabs         hash    how many tabs each server has, and the number of the last change of that
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
// outbox.go carries out the rest, replicas.go waits for replicas, feed.go tells. A login between two sessions is in login.go, and how others finish it in move.go.
package redisstore
