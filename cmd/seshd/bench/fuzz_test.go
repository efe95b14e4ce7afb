package bench

import (
	"bytes"
	"testing"
)

// Whatever a server sends is frames and messages, the beginning of some, or refused; what is read fast says what is read slowly.
func FuzzServer(f *testing.F) {
	for _, text := range []string{
		`{"type":"change","from":3,"version":4,"set":{}}`, `{"type":"ok","id":12,"version":4}`, `{"type":"ok","id":12}`, `{"type":"session","id":"0a","version":1}`,
		`{"type":"change","from":18446744073709551616,"version":4}`, `{"push":{"channel":"b","pub":{"data":{"n":1},"offset":2}}}` + "\n{}", "used_memory:1\r\n", "-ERR", "",
	} {
		f.Add([]byte(text), true)
		f.Add(appendFrame(nil, opText, []byte(text)), false)
	}
	f.Add([]byte{finBit | opText, length64, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff}, false)
	f.Fuzz(func(t *testing.T, b []byte, server bool) {
		if server { // as a server would frame it
			b = append([]byte{finBit | opText, length16, byte(len(b) >> 8), byte(len(b))}, b[:min(len(b), 1<<16-1)]...)
		}
		op, payload, size, err := nextFrame(b)
		if err != nil || size == 0 {
			return
		}
		if size > len(b) || len(payload) > size || op > 0xf {
			t.Fatalf("a frame of %d bytes in %d, with %d", size, len(b), len(payload))
		}
		_, _ = parseInfo(bytes.NewReader(payload))
		_, _ = Parse(payload)
		_, _, _ = centrifugeDialect{}.read(payload)
		fast, err := readMessage(payload)
		if err != nil {
			return
		}
		if slow, err := decodeMessage(payload); err == nil && (fast.Type != slow.Type || fast.From != slow.From || fast.Version != slow.Version || fast.id != slow.id) {
			t.Errorf("%q is %+v and %+v", payload, fast, slow)
		}
	})
}
