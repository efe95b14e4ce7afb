package bench

import (
	"io"
	"net"
	"testing"
	"time"
)

// Every poller hands over what comes, takes what is sent, and tells of the end.
func TestPollers(t *testing.T) {
	system, err := newPoller(new(target))
	if err != nil {
		t.Fatal(err)
	}
	for name, p := range map[string]poller{"of the system": system, "of goroutines": newGoroutines()} {
		t.Run(name, func(t *testing.T) {
			defer p.close()
			listener, err := net.Listen("tcp", "127.0.0.1:0")
			if err != nil {
				t.Fatal(err)
			}
			defer listener.Close()
			go func() { // an echo of one line
				conn, err := listener.Accept()
				if err == nil {
					io.CopyN(conn, conn, 5)
					conn.Close()
				}
			}()
			conn, err := net.Dial("tcp", listener.Addr().String())
			if err != nil {
				t.Fatal(err)
			}
			tb := &tab{}
			if err := p.add(conn, tb); err != nil {
				t.Fatal(err)
			}
			began := time.Now()
			if err := p.wait(20*time.Millisecond, func(*tab, []byte, error) { t.Error("something came") }); err != nil {
				t.Fatal(err)
			}
			if took := time.Since(began); took < 20*time.Millisecond {
				t.Errorf("it waited %v", took)
			}
			if err := tb.send([]byte("hello")); err != nil {
				t.Fatal(err)
			}
			got, ended := "", false
			for !ended && time.Since(began) < 10*time.Second {
				err := p.wait(time.Second, func(from *tab, b []byte, failed error) {
					got, ended = got+string(b), ended || failed != nil
					if from != tb {
						t.Error("from another tab")
					}
				})
				if err != nil {
					t.Fatal(err)
				}
			}
			if got != "hello" || !ended {
				t.Errorf("it read %q, ended %v", got, ended)
			}
		})
	}
}
