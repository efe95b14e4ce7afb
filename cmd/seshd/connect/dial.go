package connect

import (
	"context"
	"crypto/x509"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"syscall"
	"time"

	"github.com/gorilla/websocket"
)

const (
	// handshakeTimeout is for the handshake, and then for the first frame: a server that takes longer is stuck.
	handshakeTimeout = 10 * time.Second
	// maxSilence is how long nothing at all may come. The server pings every 25 s.
	maxSilence = 60 * time.Second
	// maxFrame is more than any session that a server is likely to allow; what is longer is taken for noise.
	maxFrame = 64 << 20

	userAgent = "seshd connect" // GET /session/tabs shows it
)

// refusal is an HTTP answer to the handshake that is none.
type refusal struct {
	status int
	text   string
}

func (r *refusal) Error() string { return r.text }

// passes says whether it is worth another try.
func (r *refusal) passes() bool {
	return r.status >= http.StatusInternalServerError || r.status == http.StatusTooManyRequests
}

// dial opens a connection, as whoever the jar says at this moment.
func (c *client) dial(ctx context.Context) (*websocket.Conn, error) {
	header := http.Header{"User-Agent": {userAgent}}
	if c.Origin != "" {
		header.Set("Origin", c.Origin)
	}
	dialer := websocket.Dialer{Proxy: http.ProxyFromEnvironment, HandshakeTimeout: handshakeTimeout}
	if c.ticket == "" { // else it alone says whose the connection is
		dialer.Jar = c.jar
	}
	conn, response, err := dialer.DialContext(ctx, c.target.dialed(c.sender, c.ticket, c.session, c.version), header)
	if c.jar.err != nil {
		if conn != nil {
			conn.Close()
		}
		return nil, &fatal{c.jar.err}
	}
	if errors.Is(err, websocket.ErrBadHandshake) && response != nil {
		return nil, refused(response)
	}
	if err != nil {
		return nil, explained(err)
	}
	conn.SetReadLimit(maxFrame)
	conn.SetReadDeadline(time.Now().Add(handshakeTimeout))
	conn.SetPingHandler(func(data string) error {
		conn.SetReadDeadline(time.Now().Add(maxSilence))
		_ = conn.WriteControl(websocket.PongMessage, []byte(data), time.Now().Add(writeTimeout)) // reading tells if it broke
		return nil
	})
	return conn, nil
}

// refused reads an answer that is not the one asked for, as far as the dialer keeps it: 1,024 bytes.
func refused(response *http.Response) error {
	body, _ := io.ReadAll(response.Body)
	var problem struct{ Code, Detail string }
	text := strings.TrimSpace(string(body))
	switch {
	case json.Unmarshal(body, &problem) == nil && problem.Code != "":
		text = problem.Code + ": " + problem.Detail
	case response.Header.Get("Location") != "":
		text = "it is elsewhere"
		if at, err := response.Location(); err == nil {
			text = "it is at " + at.Scheme + "://" + at.Host + at.Path // without the query, which may have the ticket in it
		}
	case text == "":
		text = "is it the URL of a seshd?"
	}
	return &refusal{response.StatusCode, fmt.Sprintf("HTTP %s: %s", response.Status, shown(text, maxQuote))}
}

// explained adds what to do to errors of the network that do not say it.
func explained(err error) error {
	_, unknown := errors.AsType[x509.UnknownAuthorityError](err)
	switch {
	case errors.Is(err, syscall.ECONNREFUSED):
		return fmt.Errorf("%w (is a server running there?)", err)
	case unknown:
		return fmt.Errorf("%w (the variable SSL_CERT_FILE may name a file with the certificate of your own authority)", err)
	}
	return err
}
