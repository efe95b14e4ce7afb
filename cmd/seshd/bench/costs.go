package bench

// What things cost, as they were measured: of several servers on one Redis in docs/BENCH-NODES.md, which `make bench-nodes` makes. A
// test holds them to what stands there. Times are µs of one core, sizes are bytes.
const (
	costOfTab       = 4_700 // memory of a server for an idle tab with its own session
	costOfIdle      = 2.3   // a tab, in a second: pings, and the comparison with Redis
	costOfOpen      = 470   // a tab that comes; one that goes is not measured, costs less, and counts as as much
	costOfWrite     = 95    // a mutation, on the server that it comes to
	costOfHearing   = 45    // on each other server that has tabs of the session
	costOfDelivery  = 6     // its change, at each tab
	redisCostOfTab  = 440   // memory of Redis for an idle tab with its own session
	redisCostOfKept = 1000  // for a stored session, above its own size
	redisCostOfIdle = 0.6   // a tab, in a second
	redisCostOfOpen = 130
	redisCostOfSave = 70 // a mutation under load, when many share a sync: alone one costs four times that
)

// What things weigh on the wire, by how they are made.
const (
	weightOfPacket = 66  // Ethernet, IP and TCP around a frame
	weightOfChange = 90  // a change frame around the values, {"type":"change",…}
	weightOfPing   = 140 // a ping and its pong, packets and all
	weightOfNews   = 300 // what Redis sends around a session that it publishes
	weightOfNode   = 24  // a server's name among the arguments of a tab count: 16 bytes, and how Redis writes them

	pingPeriod = 25 // seconds
)
