package redistest

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"net"
	"strconv"
	"strings"
	"time"
)

// do sends one command over a connection of its own, which needs no client, and returns the words of its answer.
func (s *Server) do(words ...string) ([]string, error) {
	conn, err := net.DialTimeout("tcp", s.Addr, time.Second)
	if err != nil {
		return nil, err
	}
	defer conn.Close()
	if err := conn.SetDeadline(time.Now().Add(startWithin)); err != nil {
		return nil, err
	}
	var command strings.Builder
	fmt.Fprintf(&command, "*%d\r\n", len(words))
	for _, word := range words {
		fmt.Fprintf(&command, "$%d\r\n%s\r\n", len(word), word)
	}
	if _, err := io.WriteString(conn, command.String()); err != nil {
		return nil, err
	}
	return answer(bufio.NewReader(conn))
}

// answer reads what Redis says, lists within lists as one.
func answer(r *bufio.Reader) (words []string, err error) {
	line, err := r.ReadString('\n')
	if err != nil {
		return nil, err
	}
	kind, text := line[0], strings.TrimSpace(line[1:])
	n := 0
	if kind == '$' || kind == '*' {
		if n, err = strconv.Atoi(text); err != nil {
			return nil, err
		}
	}
	switch kind {
	case '-':
		return nil, errors.New(text)
	case '$':
		if n < 0 { // there is none
			return nil, nil
		}
		body := make([]byte, n+len("\r\n"))
		_, err = io.ReadFull(r, body)
		return []string{string(body[:n])}, err
	case '*':
		for range n {
			more, err := answer(r)
			if err != nil {
				return nil, err
			}
			words = append(words, more...)
		}
		return words, nil
	default:
		return []string{text}, nil
	}
}
