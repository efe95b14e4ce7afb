package bench

import (
	"bufio"
	"fmt"
	"net"
)

// dialect is how a kind of server is spoken to. In each of them a tab joins a board by the board's name, a write is numbered by
// the version that it makes, and a frame tells tabs of it or answers it. Nothing that is called for every frame allocates.
type dialect interface {
	// begin finds a name for a board. It may ask for one on the connection of the board's first tab, which is numbered n.
	begin(to *target, conn net.Conn, reader *bufio.Reader, n int) (board string, err error)
	// upgrade says where the WebSocket of a board is, and with which lines of its own it is asked for.
	upgrade(board string) (path, header string)
	// hello is what a tab sends once it is connected; nothing where being connected is enough.
	hello(board string) []byte
	// appendWrite appends the write that makes a version. Its value is one that no other write of the board has, and as long as
	// in any other dialect.
	appendWrite(b []byte, board string, version uint64, pad string) []byte
	// read reads the first message of a text frame, and returns what follows it.
	read(text []byte) (m message, rest []byte, err error)
}

// Protocols that Options may name; an empty one is the first.
const (
	ProtocolSeshd      = "seshd"
	ProtocolCentrifuge = "centrifuge"
)

func dialectOf(protocol string) (dialect, error) {
	switch protocol {
	case "", ProtocolSeshd:
		return seshdDialect{}, nil
	case ProtocolCentrifuge:
		return centrifugeDialect{}, nil
	}
	return nil, fmt.Errorf("--protocol %s: want %s or %s", protocol, ProtocolSeshd, ProtocolCentrifuge)
}
