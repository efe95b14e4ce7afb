package main

import (
	"fmt"
	"strings"
	"sync"
	"testing"

	"github.com/seshd/seshd/session/redisstore/redistest"
)

// From an embedded store to a Redis and back, while others write there through another server.
func TestSessionsMoveToRedisAndBack(t *testing.T) {
	home, backend := startWithAPI(t, t.TempDir(), "--secret-key="+cookieKey)
	redis := redistest.StartDurable(t)
	one, _ := startOn(t, redis)
	two, _ := startOn(t, redis)
	all := make([]*browser, 6)
	for i := range all {
		all[i] = visitor(t, home, fmt.Sprintf(`{"set":{"i":%d,"big":123456789012345678901234567890,"gone":1}}`, i))
		if _, err := all[i].post(`{"delete":["gone"],"incr":{"n":1},"id":1}`, clientID+":1"); err != nil {
			t.Fatal(err)
		}
	}
	backend.login(all[0], `{"user":"u42","shared":true}`)
	ended := all[1].twin(t)
	all[1].do(t, "DELETE", "/session", "").want(204)
	all = append(all[:1], all[2:]...)

	others := make([]*browser, 4)
	for i := range others {
		others[i] = visitor(t, []*process{one, two}[i%2], `{"incr":{"n":1}}`)
	}
	stop := make(chan struct{})
	var writing sync.WaitGroup
	written := make([]int, len(others))
	for i, v := range others {
		writing.Go(func() {
			for written[i] = 1; ; written[i]++ {
				select {
				case <-stop:
					return
				default:
				}
				if _, err := v.post(`{"incr":{"n":1}}`, ""); err != nil {
					t.Error(err)
					return
				}
			}
		})
	}

	early := openTab(t, all[2].at(t, two))
	export := mustSeshd(t, "", "export", "--url", "http://"+home.internal)
	if got, want := mustSeshd(t, export, "import", "--url", "http://"+one.internal), imported(len(all), 0, 0, 2); got != want {
		t.Errorf("import says %q, want %q", got, want)
	}
	if f, err := early.next(); err != nil || f.Type != "change" || string(f.Set["i"]) != "3" {
		t.Errorf("a tab on the other server is told %s, %v", f.text, err)
	}
	for i, v := range all {
		there := v.at(t, two)
		again, err := there.post(`{"incr":{"n":1},"id":1}`, clientID+":1")
		if err != nil || again.Version != 2 {
			t.Errorf("visitor %d sent a write again, and is at version %d: %v", i, again.Version, err)
		}
		if _, err := there.post(`{"incr":{"n":1},"id":2}`, clientID+":2"); err != nil {
			t.Error(err)
		}
	}
	if s, err := ended.at(t, two).session(); err != nil || s.Version != 0 || len(s.Data) != 0 {
		t.Errorf("the session that was ended: %+v, %v", s, err)
	}
	all[4].at(t, one).do(t, "DELETE", "/session", "").want(204)

	back := mustSeshd(t, "", "export", "--url", "http://"+two.internal)
	close(stop)
	writing.Wait()
	if n := strings.Count(back, `{"session":`); n != len(all)-1+len(others) {
		t.Errorf("%d sessions are exported from Redis, want %d", n, len(all)-1+len(others))
	}
	if got, want := mustSeshd(t, back, "import", "--url", "http://"+home.internal), imported(len(all)-1+len(others), 0, 0, 1); got != want {
		t.Errorf("import says %q, want %q", got, want)
	}
	for i, v := range all[:4] {
		s, err := v.session()
		if err != nil || s.Version != 3 || string(s.Data["n"]) != "2" || string(s.Data["big"]) != "123456789012345678901234567890" || len(s.Data) != 3 {
			t.Errorf("visitor %d is back with %+v, %v", i, s, err)
		}
	}
	if s, err := all[4].session(); err != nil || s.Version != 0 || len(s.Data) != 0 {
		t.Errorf("the session that was ended in Redis: %+v, %v", s, err)
	}
	for i, v := range others {
		there, err := v.session()
		if err != nil || integer(there.Data["n"]) != written[i] {
			t.Errorf("who wrote all the time has %s, of %d: %v", there.Data["n"], written[i], err)
		}
		if s, err := v.at(t, home).session(); err != nil || s.Version == 0 || s.Version > there.Version || integer(s.Data["n"]) != int(s.Version) {
			t.Errorf("who wrote all the time came to %+v, %v", s, err)
		}
	}
}
