package redisstore

import (
	"encoding/hex"
	"strconv"

	"github.com/seshd/seshd/session"
)

// The key space. What one script reads and writes has one hash tag, and so is in one slot of a cluster.
const (
	prefix      = "seshd:"
	nodesKey    = prefix + "{nodes}"
	formatKey   = prefix + "{format}"
	lineageKey  = prefix + "{lineage}"
	storyKey    = prefix + "{story}"
	storyAtKey  = storyKey + ":at"
	probeKey    = prefix + "probe"
	dueShards   = 16 // so that no one shard of a cluster has all of the index
	storyLetter = "l"
)

func sessionKey(id session.ID) string      { return prefix + "{" + id.String() + "}" }
func tabsKey(id session.ID) string         { return sessionKey(id) + ":tabs" }
func tokenKey(k session.TokenKey) string   { return prefix + "token:" + hex.EncodeToString(k[:]) }
func ticketKey(k session.TicketKey) string { return prefix + "ticket:" + hex.EncodeToString(k[:]) }
func userKey(user string) string           { return prefix + "user:" + user }
func userLockKey(user string) string       { return prefix + "lock:" + user }
func toldKey(id session.ID) string         { return storyKey + ":told:" + id.String() }
func dueKey(id session.ID) string          { return dueShard(int(id[0]) % dueShards) }
func dueShard(n int) string                { return prefix + "due:{" + strconv.Itoa(n) + "}" }

// Channels. A session's has the name of its key; a node has one of its own, on which it is answered.
func channelOf(id session.ID) string { return sessionKey(id) }
func nodeChannel(n nodeID) string    { return prefix + "node:" + n.String() }
