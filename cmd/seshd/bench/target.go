package bench

import (
	"bufio"
	"context"
	"crypto/tls"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"strings"
	"time"
)

const (
	// tabsPerSource is how many connections leave from one address of ours: fewer than a system's usual 28,000 ephemeral ports,
	// of which some are taken and some were just used.
	tabsPerSource = 16_000
	// maxSources keeps them in the last byte of a loopback address.
	maxSources = 250

	handshakeTimeout = 20 * time.Second // a server that is flooded with tabs is slow, and one that takes longer is stuck
	maxAnswer        = 64 << 10         // of a refusal that is read
)

// The key of every handshake, and what a server makes of it: the sample of RFC 6455, section 1.3.
const (
	handshakeKey    = "dGhlIHNhbXBsZSBub25jZQ=="
	handshakeAnswer = "s3pPLMBiTxaQ9kYGzzhZRbK+xOo="
)

// target is the server that is measured.
type target struct {
	host string // as the server is to see it
	addr string // with its port, resolved
	path string // what its paths begin with
	tls  *tls.Config

	dialect dialect
}

// targets are the servers that share what is measured. Connection after connection goes to the next of them.
type targets []*target

func newTargets(ctx context.Context, urls []string, d dialect) (all targets, err error) {
	for _, text := range urls {
		t, err := newTarget(ctx, text, d)
		if err != nil {
			return nil, err
		}
		if len(all) > 0 && (t.tls == nil) != (all[0].tls == nil) {
			return nil, fmt.Errorf("--url %s: want http or https for all servers", strings.Join(urls, ","))
		}
		all = append(all, t)
	}
	if len(all) == 0 {
		return nil, errors.New("--url is empty: say which server to load")
	}
	return all, nil
}

// at is where the connection numbered n goes.
func (all targets) at(n int) *target { return all[n%len(all)] }

func newTarget(ctx context.Context, text string, d dialect) (*target, error) {
	u, err := url.Parse(text)
	if err != nil || u.Host == "" || u.Scheme != "http" && u.Scheme != "https" {
		return nil, fmt.Errorf("--url %s: want http://host:port or https://host:port", text)
	}
	t := &target{host: u.Host, path: strings.TrimSuffix(u.Path, "/"), dialect: d}
	port := u.Port()
	if u.Scheme == "https" {
		t.tls = &tls.Config{ServerName: u.Hostname()}
	}
	if port == "" {
		port = u.Scheme // net knows both by name
	}
	// Resolved once: a name server is not what is measured, and an address says whether it is loopback.
	addrs, err := net.DefaultResolver.LookupHost(ctx, u.Hostname())
	if err != nil {
		return nil, fmt.Errorf("--url %s: %w", text, err)
	}
	for _, addr := range addrs {
		t.addr = net.JoinHostPort(addr, port)
		conn, err := net.DialTimeout("tcp", t.addr, handshakeTimeout)
		if err == nil {
			return t, conn.Close()
		}
	}
	return nil, fmt.Errorf("--url %s: nothing listens on %s (start a server, or name the one to measure)", text, t.addr)
}

// dial opens the connection numbered n.
func (t *target) dial(ctx context.Context, n int) (net.Conn, error) {
	dialer := net.Dialer{Timeout: handshakeTimeout, KeepAlive: -1, LocalAddr: t.source(n)}
	conn, err := dialer.DialContext(ctx, "tcp", t.addr)
	if err != nil {
		return nil, err
	}
	if t.tls != nil {
		conn = tls.Client(conn, t.tls)
	}
	return conn, conn.SetDeadline(time.Now().Add(handshakeTimeout))
}

// source is the address that a connection comes from: on IPv4 loopback another one once the ports of one run out.
func (t *target) source(n int) net.Addr {
	host, _, _ := net.SplitHostPort(t.addr)
	at := n / tabsPerSource % maxSources
	if ip := net.ParseIP(host).To4(); at == 0 || ip == nil || !ip.IsLoopback() {
		return nil
	}
	return &net.TCPAddr{IP: net.IPv4(127, 0, 0, byte(1+at))}
}

// visit is one browser's way in, on the connection numbered n: to begin a board, unless there is one, then the WebSocket on the same
// connection. It returns what the server sent beyond the handshake.
func (t *target) visit(conn net.Conn, n int, board string) (sameBoard string, rest []byte, err error) {
	reader := bufio.NewReader(conn)
	if board == "" {
		if board, err = t.dialect.begin(t, conn, reader, n); err != nil {
			return "", nil, err
		}
	}
	path, header := t.dialect.upgrade(board)
	request := "GET " + t.path + path + " HTTP/1.1\r\nHost: " + t.host + "\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n" +
		"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: " + handshakeKey + "\r\n" + header + "\r\n"
	if _, err := io.WriteString(conn, request); err != nil {
		return "", nil, err
	}
	response, err := http.ReadResponse(reader, nil)
	if err != nil {
		return "", nil, err
	}
	if response.StatusCode != http.StatusSwitchingProtocols || response.Header.Get("Sec-Websocket-Accept") != handshakeAnswer {
		return "", nil, refused(response)
	}
	if hello := t.dialect.hello(board); hello != nil {
		if _, err := conn.Write(appendFrame(nil, opText, hello)); err != nil {
			return "", nil, err
		}
	}
	rest, _ = reader.Peek(reader.Buffered())
	return board, rest, conn.SetDeadline(time.Time{})
}

// refused reads an answer that is not the one asked for.
func refused(response *http.Response) error {
	var problem struct{ Code, Detail string }
	body, _ := io.ReadAll(io.LimitReader(response.Body, maxAnswer))
	if json.Unmarshal(body, &problem) != nil || problem.Code == "" {
		return fmt.Errorf("the server answers %s: %.200s", response.Status, strings.TrimSpace(string(body)))
	}
	return &refusal{problem.Code, problem.Detail}
}
