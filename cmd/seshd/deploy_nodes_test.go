package main

import (
	"bufio"
	"context"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"os/exec"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/gorilla/websocket"

	"github.com/seshd/seshd/session/redisstore/redistest"
)

// cluster is the deployment of docs/deploy/compose-nodes.yaml in processes: a Redis, two servers, a proxy.
type cluster struct {
	t     *testing.T
	addr  string // the proxy's
	nodes []*process
	flags [][]string // of each node
}

// nodeNames are what the files call the servers.
var nodeNames = []string{"seshd-1", "seshd-2"}

// startCluster starts what the Compose file says, as far as it is not about containers.
func startCluster(t *testing.T, proxy runner, file string, more ...string) *cluster {
	t.Helper()
	compose := readCompose(t, composeNodes)
	redis := redistest.Start(t, compose.Services["valkey"].Command[1:]...)
	c := &cluster{t: t, addr: freeAddr(t)}
	_, public, _ := net.SplitHostPort(freeAddr(t))
	_, internal, _ := net.SplitHostPort(freeAddr(t))
	edits := []string{"8001", internal}
	if file == "nginx-nodes.conf" {
		edits = []string{"listen 80;", "listen " + c.addr + ";"}
	} else {
		edits = append(edits, "\n:80 {", "\nhttp://"+c.addr+" {")
	}
	for i, name := range nodeNames {
		host := fmt.Sprintf("127.0.0.%d", 1+i) // as every node has a host of its own
		flags := withoutLimits("--addr="+host+":"+public, "--internal-addr="+host+":"+internal, "--max-tabs-per-session=0", "--shutdown-timeout=3s")
		for variable, value := range compose.Services[name].Environment {
			switch strings.TrimPrefix(variable, envPrefix) {
			case "STORE":
				value = redis.URL()
			case "TRUSTED_PROXIES":
				value = "127.0.0.1"
			case "SECRET_KEY_FILE":
				variable, value = envName("secret-key"), cherryKey
			case "API_KEY_FILE":
				variable, value = envName("api-key"), plumKey
			}
			flags = append(flags, "--"+strings.ToLower(strings.ReplaceAll(strings.TrimPrefix(variable, envPrefix), "_", "-"))+"="+value)
		}
		flags = append(flags, more...)
		c.flags = append(c.flags, flags)
		c.nodes = append(c.nodes, start(t, t.TempDir(), flags...))
		edits = append(edits, name+":8000", host+":"+public)
	}
	proxy(t, c.addr, deployed(t, file, edits...))
	return c
}

// eachCluster runs a test behind each of the proxies. More are flags of the nodes.
func eachCluster(t *testing.T, test func(t *testing.T, c *cluster), more ...string) {
	for name, run := range map[string]struct {
		proxy runner
		file  string
	}{
		"nginx": {runNginx, "nginx-nodes.conf"},
		"caddy": {runCaddy, "Caddyfile-nodes"},
	} {
		t.Run(name, func(t *testing.T) { test(t, startCluster(t, run.proxy, run.file, more...)) })
	}
}

// openOnBoth opens tabs until each node has some.
func (c *cluster) openOnBoth(v *browser) (tabs []*tab) {
	c.t.Helper()
	look := time.NewTicker(100 * time.Millisecond)
	defer look.Stop()
	for began := time.Now(); time.Since(began) < patience; <-look.C {
		if tabs = append(tabs, openTab(c.t, v)); c.nodes[0].metric(c.t, "seshd_rooms") > 0 && c.nodes[1].metric(c.t, "seshd_rooms") > 0 {
			return tabs
		}
	}
	c.t.Fatalf("of %d tabs none came to one of the nodes", len(tabs))
	return nil
}

// Whatever node a tab, an event stream or a request got to, all are told of all.
func TestTabsOfAllNodesFollowEachOther(t *testing.T) {
	eachCluster(t, func(t *testing.T, c *cluster) {
		v := newBrowser(t, c.addr)
		if _, err := v.post(`{"set":{"fruit":"cherries"}}`, ""); err != nil {
			t.Fatal(err)
		}
		tabs := c.openOnBoth(v)
		told := c.follow(v)
		for n := range 20 {
			want := fmt.Sprint(n + 1)
			if n%4 == 3 {
				if _, err := v.post(`{"incr":{"n":1}}`, ""); err != nil {
					t.Fatal(err)
				}
			} else if err := tabs[n%len(tabs)].send(`{"incr":{"n":1}}`); err != nil {
				t.Fatal(err)
			}
			for _, tb := range tabs {
				tb.told(t, "n", want)
			}
			told(`"n":` + want)
		}
	})
}

// follow is curl -N on the event stream. What it returns waits for a line with a text.
func (c *cluster) follow(v *browser) func(text string) {
	c.t.Helper()
	cmd := exec.CommandContext(c.t.Context(), "curl", "-sN", "-H", "Cookie: "+v.cookie(), "http://"+c.addr+"/session/events")
	out, err := cmd.StdoutPipe()
	if err == nil {
		err = cmd.Start()
	}
	if err != nil {
		c.t.Fatal(err)
	}
	c.t.Cleanup(func() { cmd.Process.Kill(); cmd.Wait() })
	lines := make(chan string, 1000)
	go func() {
		defer close(lines)
		for scanner := bufio.NewScanner(out); scanner.Scan(); {
			lines <- scanner.Text()
		}
	}()
	return func(text string) {
		c.t.Helper()
		for {
			select {
			case line, more := <-lines:
				if strings.Contains(line, text) {
					return
				}
				if !more {
					c.t.Fatalf("the event stream ended before %s", text)
				}
			case <-time.After(patience):
				c.t.Fatalf("the event stream says nothing of %s", text)
			}
		}
	}
}

// One node after the other is stopped and started again, under tabs and requests: tabs come back by another one where they were,
// nothing that was acknowledged is lost or counted twice, and a request is at most sent again once.
func TestNodesAreReplacedUnderTabs(t *testing.T) {
	eachCluster(t, func(t *testing.T, c *cluster) {
		v := newBrowser(t, c.addr)
		if _, err := v.post(`{"set":{"n":0}}`, ""); err != nil {
			t.Fatal(err)
		}
		ctx, stop := context.WithTimeout(t.Context(), 3*patience)
		defer stop()
		var following sync.WaitGroup
		ends := make(chan *tab, 100)
		for _, tb := range c.openOnBoth(v) {
			following.Go(func() { ends <- followThrough(ctx, t, v, tb) })
		}
		var writing sync.WaitGroup
		var written, again atomic.Int64
		enough := make(chan struct{})
		for range 4 {
			writing.Go(func() { writeThrough(t, v, enough, &written, &again) })
		}

		for i := range c.nodes {
			before := written.Load()
			c.nodes[i].signal(t, syscall.SIGTERM)
			if code := c.nodes[i].exit(t); code != 0 {
				t.Errorf("node %d ended with %d", i+1, code)
			}
			c.await("writes without it", func() bool { return written.Load() > before+50 })
			c.nodes[i] = start(t, t.TempDir(), c.flags[i]...)
			c.openOnBoth(v)
		}
		close(enough)
		writing.Wait()
		if _, err := v.post(`{"set":{"last":true}}`, ""); err != nil {
			t.Fatal(err)
		}
		following.Wait()
		close(ends)
		for tb := range ends {
			tb.conn.Close()
			if got := integer(tb.data["n"]); int64(got) != written.Load() {
				t.Errorf("a tab has %d of %d writes", got, written.Load())
			}
		}
		t.Logf("%d writes, of which %d were sent again", written.Load(), again.Load())
	})
}

// await looks again and again.
func (c *cluster) await(what string, there func() bool) {
	c.t.Helper()
	look := time.NewTicker(10 * time.Millisecond)
	defer look.Stop()
	for began := time.Now(); !there(); <-look.C {
		if time.Since(began) > patience {
			c.t.Fatalf("no %s", what)
		}
	}
}

// backOff is how long a client waits before it sends again: longer than a proxy takes to look at its nodes again.
const backOff = 2 * time.Second

// writeThrough adds one again and again, each time under a number of its own. What failed is sent again: on a busy
// machine Caddy takes both nodes for gone now and then, and answers for them.
func writeThrough(t *testing.T, v *browser, enough <-chan struct{}, written, again *atomic.Int64) {
	client := uuid.NewString()
	for n := 1; ; n++ {
		select {
		case <-enough:
			return
		default:
		}
		once := fmt.Sprintf("%s:%d", client, n)
		if _, err := v.post(`{"incr":{"n":1}}`, once); err != nil {
			for deadline := time.Now().Add(patience); err != nil; {
				again.Add(1)
				<-time.After(backOff)
				if _, err = v.post(`{"incr":{"n":1}}`, once); err != nil && time.Now().After(deadline) {
					t.Errorf("a request went on to fail: %v", err)
					return
				}
			}
		}
		written.Add(1)
	}
}

// followThrough reads a tab until it is told of the last write, and opens it again, where it was, when its node goes.
func followThrough(ctx context.Context, t *testing.T, v *browser, tb *tab) *tab {
	for ctx.Err() == nil {
		_, err := tb.next()
		switch {
		case err == nil:
			if _, last := tb.data["last"]; last {
				return tb
			}
		case websocket.IsUnexpectedCloseError(err, websocket.CloseServiceRestart):
			t.Errorf("a tab was left with %v, want 1012", err)
			return tb
		default:
			tb = reopen(ctx, t, v, tb)
		}
	}
	t.Errorf("the last write did not reach a tab: %v", ctx.Err())
	return tb
}

// reopen is what a client does whose node went away: it backs off, and says where it was.
func reopen(ctx context.Context, t *testing.T, v *browser, tb *tab) *tab {
	since := url.Values{"since": {fmt.Sprintf("%s:%d", strings.Trim(tb.session, `"`), tb.version)}}
	for {
		fresh, err := v.open(since)
		if err == nil {
			tb.conn.Close()
			fresh.session, fresh.version, fresh.data, fresh.tabs = tb.session, tb.version, tb.data, tb.tabs
			return fresh
		}
		select {
		case <-time.After(50 * time.Millisecond):
		case <-ctx.Done():
			t.Errorf("no node takes a tab: %v", err)
			return tb
		}
	}
}

// The limit of new sessions is one of each client, not of the proxy, and nobody gets round it by naming another address.
func TestNodesKnowTheirClientsBehindTheProxy(t *testing.T) {
	eachCluster(t, func(t *testing.T, c *cluster) {
		const perNode = 200 // --new-sessions: at once, of one address
		status := func(client *http.Client) int {
			request, err := http.NewRequest(http.MethodPost, "http://"+c.addr+"/session", strings.NewReader(`{"set":{"fruit":"cherries"}}`))
			if err != nil {
				t.Fatal(err)
			}
			request.Header = http.Header{"Content-Type": {"application/json"}, "X-Forwarded-For": {"192.0.2.1"}}
			response, err := client.Do(request)
			if err != nil {
				t.Fatal(err)
			}
			defer response.Body.Close()
			return response.StatusCode
		}
		first, other := clientAt(t, "127.0.0.8"), clientAt(t, "127.0.0.9")
		for n := 0; status(first) != http.StatusTooManyRequests; n++ {
			if n > 2*len(c.nodes)*perNode {
				t.Fatalf("%d new sessions of one address", n)
			}
		}
		if got := status(other); got != http.StatusOK {
			t.Errorf("another address is answered %d", got)
		}
	}, "--new-sessions=20")
}

// clientAt is one with an address of its own.
func clientAt(t *testing.T, ip string) *http.Client {
	transport := &http.Transport{DialContext: (&net.Dialer{LocalAddr: &net.TCPAddr{IP: net.ParseIP(ip)}}).DialContext}
	t.Cleanup(transport.CloseIdleConnections)
	return &http.Client{Transport: transport, Timeout: patience}
}
