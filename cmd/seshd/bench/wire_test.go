package bench

import (
	"bytes"
	"errors"
	"io"
	"net"
	"testing"

	"github.com/gorilla/websocket"
)

// What we send is read by gorilla as it was meant, at every length of the length.
func TestFramesAreReadByGorilla(t *testing.T) {
	client, server := net.Pipe()
	defer client.Close()
	conn := newServerConn(server)
	for _, n := range []int{0, 1, 125, 126, 127, 65535, 65536, 100_000} {
		payload := bytes.Repeat([]byte{'x'}, n)
		go client.Write(appendFrame(nil, opText, payload))
		kind, got, err := conn.ReadMessage()
		if err != nil || kind != websocket.TextMessage || !bytes.Equal(got, payload) {
			t.Errorf("%d bytes came as %d, kind %d, %v", n, len(got), kind, err)
		}
	}
}

// What gorilla sends is read by us, however it is cut.
func TestFramesOfGorillaAreRead(t *testing.T) {
	client, server := net.Pipe()
	defer client.Close()
	lengths := []int{0, 1, 125, 126, 65535, 65536}
	go func() {
		conn := newServerConn(server)
		for _, n := range lengths {
			conn.WriteMessage(websocket.TextMessage, bytes.Repeat([]byte{'x'}, n))
		}
		server.Close()
	}()
	all, err := io.ReadAll(client)
	if err != nil {
		t.Fatal(err)
	}
	for _, n := range lengths {
		op, payload, size, err := nextFrame(all)
		if err != nil || op != opText || len(payload) != n {
			t.Fatalf("%d bytes: op %d, %d bytes, %v", n, op, len(payload), err)
		}
		for cut := range min(size, 200) {
			if _, _, s, err := nextFrame(all[:cut]); s != 0 || err != nil {
				t.Fatalf("%d bytes, cut after %d: %d, %v", n, cut, s, err)
			}
		}
		all = all[size:]
	}
	if len(all) != 0 {
		t.Errorf("%d bytes are left", len(all))
	}
}

func TestFramesThatAreNone(t *testing.T) {
	for name, b := range map[string][]byte{
		"masked":     {0x81, 0x80, 0, 0, 0, 0},
		"fragment":   {0x01, 0x01, 'x'},
		"compressed": {0xc1, 0x01, 'x'},
		"huge":       {0x81, 127, 1, 0, 0, 0, 0, 0, 0, 0},
		"HTTP":       []byte("HTTP/1.1 400 Bad Request"),
	} {
		if _, _, _, err := nextFrame(b); !errors.Is(err, errFraming) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestMessages(t *testing.T) {
	for text, want := range map[string]message{
		`{"type":"change","from":3,"version":14,"set":{"n":4},"delete":[],"by":"tab"}`: {Type: typeChange, From: 3, Version: 14},
		`{"version":14,"from":3,"type":"change"}`:                                      {Type: typeChange, From: 3, Version: 14},
		`{"type":"ok","id":12,"version":4}`:                                            {Type: typeOK, id: 12, Version: 4},
		`{"type":"ok","version":4,"id":12}`:                                            {Type: typeOK, id: 12, Version: 4},
		`{"type":"session","id":"00ff","version":7,"data":{}}`:                         {Type: "session", Version: 7},
		`{"type":"bye","code":"rate_limited","message":"slow down"}`:                   {Type: "bye", Code: "rate_limited", Message: "slow down"},
	} {
		got, err := readMessage([]byte(text))
		got.ID = nil
		if err != nil || got.Type != want.Type || got.From != want.From || got.Version != want.Version || got.id != want.id || got.Code != want.Code {
			t.Errorf("%s: %+v, %v", text, got, err)
		}
	}
	if _, err := readMessage([]byte("hello")); err == nil {
		t.Error("what is no JSON is read")
	}
}
