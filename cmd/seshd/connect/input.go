package connect

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"strings"
)

// maxLine is more than any message that a server is likely to take. What is longer was not meant to be a line.
const maxLine = 16 << 20

// line is a line of the input, or why there is none.
type line struct {
	text string
	err  error
}

// listed gives the lines of the command line.
func listed(texts []string) <-chan line {
	lines := make(chan line, len(texts))
	for _, text := range texts {
		lines <- line{text: text}
	}
	close(lines)
	return lines
}

func newScanner(in io.Reader) *bufio.Scanner {
	s := bufio.NewScanner(in)
	s.Buffer(nil, maxLine)
	return s
}

// read gives the lines of an input, each when it is asked for: what is not asked for yet stays in the pipe. It ends with
// the input, or with the process.
func read(s *bufio.Scanner) <-chan line {
	lines := make(chan line)
	go func() {
		defer close(lines)
		for s.Scan() {
			if strings.TrimSpace(s.Text()) != "" {
				lines <- line{text: s.Text()}
			}
		}
		if err := readError(s); err != nil {
			lines <- line{err: err}
		}
	}()
	return lines
}

func readError(s *bufio.Scanner) error {
	err := s.Err()
	switch {
	case errors.Is(err, bufio.ErrTooLong):
		return fmt.Errorf("a line of the input is over %d MiB: that is no frame", maxLine>>20)
	case err != nil:
		return fmt.Errorf("reading the input: %w", err)
	}
	return nil
}

// readTicket takes the first line of the input for a ticket.
func readTicket(s *bufio.Scanner) (string, error) {
	if !s.Scan() {
		if err := readError(s); err != nil {
			return "", err
		}
		return "", errors.New("--ticket -: the input ends before its first line, which is the ticket")
	}
	return strings.TrimSpace(s.Text()), nil
}
