package main

import (
	"strings"
	"sync"
	"testing"

	"github.com/seshd/seshd/session/redisstore/redistest"
)

// cookieKey is what all servers on one Redis are given.
const cookieKey = "the-key-of-all-servers-on-one-redis!"

// startOn starts a server on a Redis.
func startOn(t *testing.T, redis *redistest.Server, more ...string) (*process, *backend) {
	t.Helper()
	return startAt(t, redis.URL(), more...)
}

func startAt(t *testing.T, store string, more ...string) (*process, *backend) {
	t.Helper()
	return startWithAPI(t, t.TempDir(), append([]string{"--store=" + store, "--secret-key=" + cookieKey}, more...)...)
}

func TestTwoServersOnOneRedis(t *testing.T) {
	redis := redistest.Start(t)
	p1, b1 := startOn(t, redis)
	p2, b2 := startOn(t, redis)
	v := visitor(t, p1, `{"set":{"fruit":"cherries"},"incr":{"n":1}}`)
	w := v.at(t, p2)
	holdsJust(t, b2.resolve(w), map[string]string{"fruit": `"cherries"`, "n": "1"})

	var all sync.WaitGroup
	for range 50 {
		for _, b := range []*browser{v, w} {
			all.Go(func() {
				if _, err := b.post(`{"incr":{"n":1}}`, ""); err != nil {
					t.Error(err)
				}
			})
		}
	}
	all.Wait()
	holdsJust(t, b1.resolve(v), map[string]string{"fruit": `"cherries"`, "n": "101"})
	holdsJust(t, b2.resolve(w), map[string]string{"fruit": `"cherries"`, "n": "101"})

	old := w.twin(t)
	b1.login(v, `{"user":"u"}`)
	old.do(t, "GET", "/session", "").want(409, "stale_cookie")
	w = v.at(t, p2)
	if got := b2.resolve(w); got.User != "u" {
		t.Errorf("on the other server it is %q's", got.User)
	}
	v.do(t, "DELETE", "/session", "").want(204)
	b2.do("POST", "/v1/resolve", "", "Cookie", w.cookie()).want(404, "no_such_session")
}

// TestTabsOnTwoServers: what is written on one shows on the other, and each knows how many tabs there are.
func TestTabsOnTwoServers(t *testing.T) {
	redis := redistest.Start(t)
	p1, b1 := startOn(t, redis)
	p2, _ := startOn(t, redis)
	v := visitor(t, p1, `{"set":{"fruit":"cherries"}}`)
	w := v.at(t, p2)
	here, there := openTab(t, v), openTab(t, w)
	if there.tabs != 2 {
		t.Errorf("the second tab is told of %d tabs", there.tabs)
	}
	for here.tabs != 2 {
		want(t, here, "tabs")
	}
	if err := here.send(`{"set":{"fruit":"blueberries"},"id":1}`); err != nil {
		t.Fatal(err)
	}
	want(t, here, "ok")
	if f := want(t, there, "change"); string(f.Set["fruit"]) != `"blueberries"` || f.By != "tab" {
		t.Errorf("the tab on the other server was told %s", f.text)
	}
	if err := there.send(`{"set":{"fruit":"plums"}}`); err != nil {
		t.Fatal(err)
	}
	if f := want(t, here, "change"); string(f.Set["fruit"]) != `"plums"` {
		t.Errorf("the tab on the first server was told %s", f.text)
	}
	there.conn.Close()
	if f := want(t, here, "tabs"); f.Tabs != 1 {
		t.Errorf("when the other tab is gone there are %d", f.Tabs)
	}
	another := openTab(t, w)
	b1.login(v, `{"user":"u"}`)
	another.goes(t, 4001, "rotated")
}

// TestRedisUnreachable: row 17 of the security requirements. Nobody gets an empty session instead of the one that cannot be read.
func TestRedisUnreachable(t *testing.T) {
	redis := redistest.StartDurable(t)
	p, b := startOn(t, redis)
	v := visitor(t, p, `{"set":{"fruit":"cherries"}}`)
	b.do("GET", "/readyz", "").want(200)
	redis.Kill()
	v.do(t, "GET", "/session", "").want(503, "unavailable")
	v.do(t, "POST", "/session", `{"set":{"a":1}}`).want(503, "unavailable")
	b.do("GET", "/readyz", "").want(503)
	redis.Restart()
	holdsJust(t, b.resolve(v), map[string]string{"fruit": `"cherries"`})
	if _, err := v.post(`{"set":{"a":1}}`, ""); err != nil {
		t.Error(err)
	}
}

func TestRedisWantsACookieKey(t *testing.T) {
	redis := redistest.Start(t)
	out, err := command(t, t.TempDir(), "--store="+redis.URL()).CombinedOutput()
	if err == nil || !strings.Contains(string(out), "--secret-key is not set") || !strings.Contains(string(out), "keygen") {
		t.Errorf("without a cookie key: %v, %s", err, out)
	}
	const password = "nobodys-business"
	redis.Kill()
	out, err = command(t, t.TempDir(), "--store=redis://:"+password+"@"+redis.Addr, "--secret-key="+cookieKey).CombinedOutput()
	if err == nil || !strings.Contains(string(out), redis.Addr) || strings.Contains(string(out), password) {
		t.Errorf("without a Redis: %v, %s", err, out)
	}
}
