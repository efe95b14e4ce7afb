package web

import (
	"context"
	"crypto/tls"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"
)

// brief stands for the deadlines of a server in tests: long enough for an honest request on a busy machine.
const brief = time.Second

// serveBriefly serves an app as Serve does, with all its deadlines shortened.
func serveBriefly(t *testing.T, app *App, config *tls.Config) (addr string) {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	s := app.server(app)
	s.TLSConfig = config
	for _, deadline := range []*time.Duration{&s.ReadHeaderTimeout, &s.ReadTimeout, &s.WriteTimeout, &s.IdleTimeout} {
		if *deadline <= 0 {
			t.Fatal("a deadline is missing")
		}
		*deadline = brief
	}
	var serving sync.WaitGroup
	serving.Go(func() { serve(s, app.limited(l)) })
	t.Cleanup(func() { s.Close(); serving.Wait() })
	return l.Addr().String()
}

// halfOpen are the ways to begin something and not go on.
var halfOpen = map[string]string{
	"nothing sent":         "",
	"half a request line":  "GET /sess",
	"half a header":        "GET /session HTTP/1.1\r\nHost: x\r\nX-Slow: ",
	"half a handshake":     "GET /ws HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\n",
	"half a body":          "POST /session HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: 100\r\n\r\n{\"set\":",
	"half a chunked body":  "POST /session HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n50\r\n{\"set\":",
	"a body nobody reads":  "POST /nothing HTTP/1.1\r\nHost: x\r\nContent-Length: 1000000\r\n\r\n{",
	"nothing more":         "GET /session HTTP/1.1\r\nHost: x\r\n\r\n",
	"half a TLS handshake": "\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03",
}

// closes waits until the server closes a connection.
func closes(c net.Conn) error {
	c.SetReadDeadline(time.Now().Add(25 * brief))
	_, err := io.Copy(io.Discard, c)
	if timeout, ok := err.(net.Error); ok && timeout.Timeout() {
		return err
	}
	return nil
}

func TestHalfOpenConnectionsAreClosedByDeadlines(t *testing.T) {
	lender := httptest.NewTLSServer(nil) // of its certificate
	t.Cleanup(lender.Close)
	config := &tls.Config{Certificates: lender.TLS.Certificates}
	trusting := lender.Client().Transport.(*http.Transport).TLSClientConfig.Clone()
	trusting.ServerName = "example.com"
	for scheme, addr := range map[string]string{"http": serveBriefly(t, newApp(t), nil), "https": serveBriefly(t, newApp(t), config)} {
		for name, begin := range halfOpen {
			t.Run(scheme+": "+name, func(t *testing.T) {
				t.Parallel()
				c, err := net.Dial("tcp", addr)
				if err != nil {
					t.Fatal(err)
				}
				defer c.Close()
				if scheme == "https" && !strings.HasPrefix(begin, "\x16") && begin != "" {
					c = tls.Client(c, trusting)
				}
				if _, err := io.WriteString(c, begin); err != nil {
					t.Fatal(err)
				}
				if err := closes(c); err != nil {
					t.Errorf("it was left open: %v", err)
				}
			})
		}
	}
}

// Whoever dribbles its header, a byte before each deadline, is closed all the same: the deadline is for all of it.
func TestAHeaderThatDribblesIsClosedToo(t *testing.T) {
	addr := serveBriefly(t, newApp(t), nil)
	c, err := net.Dial("tcp", addr)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	fmt.Fprint(c, "GET /session HTTP/1.1\r\nHost: x\r\nX-Slow: ")
	ctx, stop := context.WithCancel(t.Context())
	var dribbling sync.WaitGroup
	dribbling.Go(func() {
		tick := time.NewTicker(brief / 4)
		defer tick.Stop()
		for {
			select {
			case <-ctx.Done():
				return
			case <-tick.C:
				fmt.Fprint(c, "x")
			}
		}
	})
	if err := closes(c); err != nil {
		t.Errorf("it was left open: %v", err)
	}
	stop()
	dribbling.Wait()
}

// A surplus connection that says nothing holds its place no longer than any other.
func TestHalfOpenConnectionsGiveTheirPlacesBack(t *testing.T) {
	app := newApp(t)
	app.options.MaxConnections = 1
	addr := serveBriefly(t, app, nil)
	var conns []net.Conn
	for range 20 {
		c, err := net.Dial("tcp", addr)
		if err != nil {
			t.Fatal(err)
		}
		defer c.Close()
		conns = append(conns, c)
	}
	for _, c := range conns {
		if err := closes(c); err != nil {
			t.Fatal(err)
		}
	}
	client := &http.Client{Transport: &http.Transport{DisableKeepAlives: true}, Timeout: 25 * brief}
	response, err := client.Get("http://" + addr + "/seshd.js")
	if err != nil {
		t.Fatal(err)
	}
	response.Body.Close()
	if response.StatusCode != http.StatusOK {
		t.Errorf("status %d once all are closed", response.StatusCode)
	}
}
