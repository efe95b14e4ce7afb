package main

import (
	"context"
	"crypto/rand"
	"encoding/base64"
	"fmt"
	"net"
	"net/http"
	"slices"
	"sync"
	"testing"
	"time"
)

// TestSecurity21FloodsLeaveAnHonestTabAsItWas times the writes of one tab by themselves, and while others do their worst. All
// must be answered; how fast is in the log of the test (go test -v), since it depends on the machine more than on the server.
func TestSecurity21FloodsLeaveAnHonestTabAsItWas(t *testing.T) {
	p := start(t, t.TempDir(), "--rate=0")
	honest := newBrowser(t, p.addr)
	honest.puts(t, `{"set":{"n":0}}`)
	tb := openTab(t, honest)
	id := 0
	latencies := func() (taken []time.Duration) {
		for range 300 {
			id++
			began := time.Now()
			wantOK(t, tb, fmt.Sprintf(`{"incr":{"n":1},"id":%d}`, id))
			taken = append(taken, time.Since(began))
		}
		slices.Sort(taken)
		return taken
	}
	report := func(name string, taken []time.Duration) {
		t.Logf("%-24s p50 %v, p99 %v", name, taken[len(taken)/2].Round(time.Microsecond), taken[len(taken)*99/100].Round(time.Microsecond))
	}
	report("alone", latencies())
	for name, flood := range map[string]func(context.Context, *testing.T, *process){
		"200 half-open handshakes": halfOpen, "garbled frames": garbled, "bad cookies": badCookies,
	} {
		ctx, stop := context.WithCancel(t.Context())
		var flooding sync.WaitGroup
		flooding.Go(func() { flood(ctx, t, p) })
		report(name, latencies())
		stop()
		flooding.Wait()
	}
}

// halfOpen holds 200 connections in the middle of a handshake.
func halfOpen(ctx context.Context, t *testing.T, p *process) {
	for range 200 {
		c, err := net.Dial("tcp", p.addr)
		if err != nil {
			t.Error(err)
			return
		}
		defer c.Close()
		fmt.Fprintf(c, "GET /ws HTTP/1.1\r\nHost: %s\r\nUpgrade: websocket\r\n", p.addr)
	}
	<-ctx.Done()
}

// garbled sends lines that are none, until it is told to stop.
func garbled(ctx context.Context, t *testing.T, p *process) {
	b := newBrowser(t, p.addr)
	tb, err := b.open(nil)
	if err != nil {
		t.Error(err)
		return
	}
	defer tb.conn.Close()
	go func() { // it is answered too
		for {
			if _, _, err := tb.conn.ReadMessage(); err != nil {
				return
			}
		}
	}()
	for ctx.Err() == nil && tb.send(`{"set":garbled`) == nil {
	}
}

// badCookies sends requests with cookies of 8 KB that do not verify, from 16 connections.
func badCookies(ctx context.Context, t *testing.T, p *process) {
	junk := make([]byte, 2000)
	rand.Read(junk)
	value := base64.RawURLEncoding.EncodeToString(junk)
	var clients sync.WaitGroup
	for range 16 {
		client := &http.Client{Transport: &http.Transport{}, Timeout: patience}
		clients.Go(func() {
			defer client.CloseIdleConnections()
			for ctx.Err() == nil {
				r, _ := http.NewRequestWithContext(ctx, "GET", "http://"+p.addr+"/session", nil)
				r.Header.Set("Cookie", fmt.Sprintf("session=%[1]s; session=%[1]s; session=%[1]s", value))
				response, err := client.Do(r)
				if err != nil {
					return // stopped; the honest tab tells whether the server still serves
				}
				response.Body.Close()
			}
		})
	}
	clients.Wait()
}
