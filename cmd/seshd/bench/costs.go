package bench

// What things cost, as they were measured: of several servers on one Redis in docs/BENCH-NODES.md, which `make bench-nodes` makes. A
// test holds them to what stands there. Times are µs of one core, sizes are bytes.
const (
	costOfTab       = 9_000 // memory of a server for an idle tab with its own session
	costOfIdle      = 2.5   // a tab, in a second: pings, and the comparison with Redis
	costOfOpen      = 300   // a tab that comes; one that goes is not measured, costs less, and counts as as much
	costOfWrite     = 60    // a mutation, on the server that it comes to
	costOfHearing   = 40    // on each other server that has tabs of the session
	costOfDelivery  = 8     // its change, at each tab
	redisCostOfTab  = 800   // memory of Redis for an idle tab with its own session
	redisCostOfKept = 400   // for a stored session, above its own size
	redisCostOfIdle = 0.8   // a tab, in a second
	redisCostOfOpen = 100
	redisCostOfSave = 60 // a mutation
)

// What things weigh on the wire, by how they are made.
const (
	weightOfPacket = 66  // Ethernet, IP and TCP around a frame
	weightOfChange = 90  // a change frame around the values, {"type":"change",…}
	weightOfPing   = 140 // a ping and its pong, packets and all
	weightOfNews   = 200 // what Redis sends around a session that it publishes
	weightOfNode   = 24  // a server's name among the arguments of a tab count: 16 bytes, and how Redis writes them

	pingPeriod = 25 // seconds
)
