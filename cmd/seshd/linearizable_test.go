package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"math/rand/v2"
	"net/http"
	"net/url"
	"os"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/google/uuid"

	"github.com/seshd/seshd/session/storetest/history"
)

// Tabs and requests write to one session, send again what was not answered, and read, while the server is killed and started
// again; all that they were answered, and all that tabs were told, happened in one order.
func TestTheProtocolIsLinearizable(t *testing.T) {
	kills, each := 5, 25 // each: writes of a client between two kills
	if os.Getenv("SESHD_PROVE") != "" {
		kills = 20
	}
	data, addr := t.TempDir(), freeAddr(t)
	p := start(t, data, withoutLimits("--addr", addr)...)
	v := visitor(t, p, `{}`)
	h, seed := history.New(), rand.Uint64()
	all := make([]*wireClient, 4)
	for n := range all {
		all[n] = &wireClient{t: t, v: v, history: h, number: n, random: rand.New(rand.NewPCG(seed, uint64(n))), client: uuid.NewString()}
	}
	for round := 0; ; round++ {
		var written atomic.Int64
		var clients sync.WaitGroup
		for _, c := range all {
			clients.Go(func() {
				c.written = &written
				if c.number%2 == 0 {
					c.tab(each)
				} else {
					c.requests(each)
				}
			})
		}
		if round == kills {
			clients.Wait()
			break
		}
		for end := time.Now().Add(patience); written.Load() < int64(each) && time.Now().Before(end); {
			time.Sleep(time.Millisecond)
		}
		p.signal(t, syscall.SIGKILL)
		p.exit(t)
		clients.Wait()
		p = start(t, data, withoutLimits("--addr", addr)...)
	}
	answers, lost := h.Len()
	t.Logf("seed %d: %d answers, %d without", seed, answers, lost)
	if err := h.Check(time.Minute); err != nil {
		t.Errorf("seed %d: %v", seed, err)
	}
}

// wireClient is one tab, or one program that makes requests. What the server's death left unanswered it sends again first.
type wireClient struct {
	t       *testing.T
	v       *browser
	history *history.History
	number  int
	random  *rand.Rand
	written *atomic.Int64
	version uint64 // the newest it knows of

	client  string
	highest uint64 // its ids so far
	pending string // the mutation of that id, if there was no answer
	learnt  []func()
}

// next is the mutation to send now, and its call.
func (c *wireClient) next() (text string, call *history.Call) {
	if c.pending == "" {
		c.highest++
		c.pending = history.Draw(c.random, c.number*10000+int(c.highest), c.version)
	}
	return c.pending, c.history.Begin(c.number, history.Input{Mutation: c.pending, Client: c.client, ID: c.highest})
}

func (c *wireClient) answered(call *history.Call, f frame) {
	call.End(history.Output{Code: f.Code, Version: f.Version, Duplicate: f.Duplicate})
	for _, learnt := range c.learnt {
		learnt()
	}
	c.pending, c.learnt = "", nil
	c.written.Add(1)
}

func (c *wireClient) lost(call *history.Call) { c.learnt = append(c.learnt, call.Lost()) }

// post takes a refusal for an answer.
func (c *wireClient) post(text string) (f frame, err error) {
	request, err := http.NewRequest(http.MethodPost, "http://"+c.v.addr+"/session", strings.NewReader(text))
	if err != nil {
		return f, err
	}
	request.Header.Set("Content-Type", "application/json")
	request.Header.Set("Idempotency-Key", fmt.Sprintf("%s:%d", c.client, c.highest))
	response, err := c.v.http.Do(request)
	if err != nil {
		return f, err
	}
	defer response.Body.Close()
	return f, json.NewDecoder(response.Body).Decode(&f)
}

func decoded(data map[string]json.RawMessage) map[string]any {
	all := map[string]any{}
	for key, text := range data {
		var value any
		json.Unmarshal(text, &value)
		all[key] = value
	}
	return all
}

// tab writes over a WebSocket, and notes each frame of content as a read that began when the tab was opened.
func (c *wireClient) tab(writes int) {
	opened := c.history.Begin(10+c.number, history.Input{})
	tb, err := c.v.open(url.Values{"client": {c.client}})
	if err != nil {
		return
	}
	defer tb.conn.Close()
	for range writes {
		text, call := c.next()
		members := strings.TrimSuffix(text, "}")
		if text != "{}" {
			members += ","
		}
		err := tb.send(fmt.Sprintf(`%s"id":%d}`, members, c.highest))
		for err == nil {
			var f frame
			f, err = tb.next()
			if errors.Is(err, errMisled) {
				c.t.Error(err)
			}
			if err == nil && (f.Type == "session" || f.Type == "change") {
				c.version = tb.version
				opened.End(history.Output{Version: tb.version, Data: decoded(tb.data)})
			}
			if f.Type == "ok" && tb.version < f.Version {
				c.t.Errorf("an ok came before its change: %s at version %d", f.text, tb.version)
			}
			if f.Type == "ok" || f.Type == "error" {
				c.answered(call, f)
				break
			}
		}
		if err != nil {
			c.lost(call)
			return
		}
	}
}

// requests writes by POST, and reads by GET.
func (c *wireClient) requests(writes int) {
	for range writes {
		text, call := c.next()
		f, err := c.post(text)
		if err != nil {
			c.lost(call)
			return
		}
		c.answered(call, f)
		read := c.history.Begin(c.number, history.Input{})
		s, err := c.v.session()
		if err != nil {
			return
		}
		c.version = s.Version
		read.End(history.Output{Version: s.Version, Data: decoded(s.Data)})
	}
}
