package main

import (
	"context"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"
)

// nonsense is what connections begin with that come to nothing.
var nonsense = []string{
	"",
	"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03", // the beginning of TLS
	"GET /session HTTP/1.1\r\nHost: fruit\r\nCookie: sess",
	"POST /session HTTP/1.1\r\nHost: fruit\r\nContent-Type: application/json\r\nContent-Length: 1000\r\n\r\n{\"set\":",
	"GET /session HTTP/1.1\r\nHost: fruit\r\nCookie: session=" + strings.Repeat("x", 3000) + "\r\n\r\n",
	"GET /ws HTTP/1.1\r\nHost: fruit\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 12\r\nSec-WebSocket-Key: x\r\n\r\n",
	upgrade + "\x81\x05hello",                            // not masked
	upgrade + "\xc1\x85\x00\x00\x00\x00hello",            // an extension that nobody agreed to
	upgrade + "\x81\xff\x7f\xff\xff\xff\xff\xff\xff\xff", // a very long frame
	upgrade + "\x82\x85\x00\x00\x00\x00hello",            // binary
	upgrade + "\x81\x85\x00\x00\x00\x00{{{{{",
	upgrade + "\x89\x80\x00\x00\x00\x00",
	"\x00\x01\x02\r\n\r\n",
}

const upgrade = "GET /ws HTTP/1.1\r\nHost: fruit\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\n" +
	"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"

const (
	nonsensePause = 200 * time.Millisecond
	maxNonsense   = time.Second // that such a connection stays
)

// talkNonsense opens one connection after the other that nobody should be hurt by.
func (s *soak) talkNonsense() {
	for s.churn.Err() == nil {
		pause(s.churn, rand.N(2*nonsensePause))
		conn, err := net.Dial("tcp", s.place.Public)
		if err != nil {
			continue // it is being restarted
		}
		s.count(cGarbage, 1)
		conn.SetDeadline(time.Now().Add(rand.N(maxNonsense)))
		_, _ = io.WriteString(conn, nonsense[rand.IntN(len(nonsense))]) // it may be cut off, as is right
		_, _ = io.Copy(io.Discard, conn)
		conn.Close()
	}
}

// backUp takes one backup after the other, and has each of them checked.
func (s *soak) backUp(ctx context.Context) {
	for {
		if pause(s.churn, max(s.length/backups, leastBackup)); s.churn.Err() != nil {
			return
		}
		if err := s.oneBackup(ctx); err != nil && ctx.Err() == nil {
			s.violated("a backup: %v", err)
		}
	}
}

func (s *soak) oneBackup(ctx context.Context) error {
	path := filepath.Join(s.dir, "backup.tar")
	defer os.Remove(path)
	response, err := s.send(ctx, request{method: http.MethodGet, url: "http://" + s.place.Internal + "/v1/backup", key: s.key})
	if err != nil {
		return nil // it is being restarted
	}
	defer response.Body.Close()
	if response.StatusCode == http.StatusServiceUnavailable {
		return nil // likewise
	}
	file, err := os.Create(path)
	if err != nil {
		return err
	}
	_, cut := io.Copy(file, response.Body)
	if err := file.Close(); err != nil {
		return err
	}
	if cut != nil {
		return nil // likewise, and a check would say so
	}
	out, err := exec.CommandContext(ctx, s.program, "check", "--in", path).CombinedOutput()
	if err != nil {
		return fmt.Errorf("seshd check: %w: %s", err, out)
	}
	s.count(cBackups, 1)
	return nil
}
