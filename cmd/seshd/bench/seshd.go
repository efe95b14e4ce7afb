package bench

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"net/http"
	"strconv"
)

// seshdDialect is seshd's protocol (docs/PROTOCOL.md), which the floor speaks too. A board is a session, and its cookie the name.
type seshdDialect struct{}

// begin asks for a session of its own.
func (seshdDialect) begin(to *target, conn net.Conn, reader *bufio.Reader, _ int) (cookie string, err error) {
	if _, err := io.WriteString(conn, "GET "+to.path+"/session HTTP/1.1\r\nHost: "+to.host+"\r\n\r\n"); err != nil {
		return "", err
	}
	response, err := http.ReadResponse(reader, nil)
	if err != nil {
		return "", err
	}
	if response.StatusCode != http.StatusOK {
		return "", refused(response)
	}
	if _, err := io.Copy(io.Discard, response.Body); err != nil {
		return "", err
	}
	return cookieOf(response)
}

func cookieOf(response *http.Response) (string, error) {
	cookies := response.Cookies()
	if len(cookies) == 0 {
		return "", fmt.Errorf("the server gave no cookie: is it a seshd?")
	}
	return cookies[0].Name + "=" + cookies[0].Value, nil
}

func (seshdDialect) upgrade(cookie string) (path, header string) {
	return "/ws", "Cookie: " + cookie + "\r\n"
}

func (seshdDialect) hello(string) []byte { return nil }

func (seshdDialect) appendWrite(b []byte, _ string, version uint64, pad string) []byte {
	b = appendValue(append(b, `{"set":`...), version, pad)
	return append(strconv.AppendUint(append(b, `,"id":`...), version, 10), '}')
}

// read reads a frame, which is one message.
func (seshdDialect) read(text []byte) (m message, rest []byte, err error) {
	m, err = readMessage(text)
	return m, nil, err
}

// appendValue appends an object whose n has the version in it, and so many bytes more.
func appendValue(b []byte, version uint64, pad string) []byte {
	b = append(b, `{"n":`...)
	if pad == "" {
		return append(strconv.AppendUint(b, version, 10), '}')
	}
	b = append(strconv.AppendUint(append(b, '"'), version, 10), ' ')
	return append(append(b, pad...), `"}`...)
}
