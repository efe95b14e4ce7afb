package web_test

import (
	"fmt"
	"sync"
	"testing"
)

const (
	client1 = "6f2b8f9e-0c7d-4a55-9a44-0f3f8f7a1b01"
	client2 = "6f2b8f9e-0c7d-4a55-9a44-0f3f8f7a1b02"
)

func TestAReSentMutationIsAppliedOnce(t *testing.T) {
	b := start(t, setup{}).visit()
	x, _ := b.enter("client=" + client1)
	same(t, x.does(`{"incr":{"n":1},"id":1}`).line, `{"type":"ok","id":1,"version":1}`)
	same(t, x.does(`{"incr":{"n":1},"id":2}`).line, `{"type":"ok","id":2,"version":2}`)
	x.conn.Close()
	y, _ := b.enter("client=" + client1)
	same(t, y.does(`{"incr":{"n":1},"id":1}`).line, `{"type":"ok","id":1,"version":2,"duplicate":true}`)
	same(t, y.does(`{"incr":{"n":1},"id":2,"if_version":0}`).line, `{"type":"ok","id":2,"version":2,"duplicate":true}`)
	same(t, b.get("/session/keys/n").body, "2\n")
}

func TestOnceHoldsForEachClientOnItsOwn(t *testing.T) {
	b := start(t, setup{}).visit()
	x, _ := b.enter("client=" + client1)
	y, _ := b.enter("client=" + client2)
	z, _ := b.enter("")
	x.does(`{"incr":{"n":1},"id":1}`)
	if f := y.does(`{"incr":{"n":1},"id":1}`); f.Duplicate || f.Type != "ok" {
		t.Errorf("got %s", f.line)
	}
	for range 2 { // nobody in particular: nothing to remember
		if f := z.does(`{"incr":{"n":1},"id":1}`); f.Duplicate || f.Type != "ok" {
			t.Errorf("got %s", f.line)
		}
	}
	same(t, b.get("/session/keys/n").body, "4\n")
}

func TestARefusalIsNotRememberedAndWhatChangesNothingIs(t *testing.T) {
	b := start(t, setup{}).visit()
	x, _ := b.enter("client=" + client1)
	if f := x.does(`{"incr":{"n":1},"if_version":5,"id":1}`); f.Code != "conflict" {
		t.Errorf("got %s", f.line)
	}
	same(t, x.does(`{"incr":{"n":1},"id":1}`).line, `{"type":"ok","id":1,"version":1}`)
	same(t, x.does(`{"set":{"n":1},"id":2}`).line, `{"type":"ok","id":2,"version":1}`)
	same(t, x.does(`{"set":{"n":1},"id":2}`).line, `{"type":"ok","id":2,"version":1,"duplicate":true}`)
	same(t, x.does(`{"id":3}`).line, `{"type":"ok","id":3,"version":1}`)
	same(t, x.does(`{"id":3}`).line, `{"type":"ok","id":3,"version":1,"duplicate":true}`)
}

func TestAnIdThatWasOvertakenIsNotApplied(t *testing.T) {
	b := start(t, setup{}).visit()
	x, _ := b.enter("client=" + client1)
	for _, id := range []int{1, 5, 70} {
		x.does(fmt.Sprintf(`{"incr":{"n":1},"id":%d}`, id))
	}
	for _, id := range []int{2, 4, 6, 69} {
		if f := x.does(fmt.Sprintf(`{"incr":{"n":1},"id":%d}`, id)); f.Code != "not_applied" || string(f.ID) != fmt.Sprint(id) {
			t.Errorf("id %d: %s", id, f.line)
		}
	}
	if f := x.does(`{"incr":{"n":1},"id":70}`); !f.Duplicate {
		t.Errorf("got %s", f.line)
	}
	if f := x.does(`{"incr":{"n":1},"id":5}`); f.Code != "not_applied" { // 65 below the highest: out of the mask
		t.Errorf("got %s", f.line)
	}
	b.post(`{"incr":{"n":1}}`, "Idempotency-Key", client1+":3").problem(409, "not_applied")
	same(t, b.get("/session/keys/n").body, "3\n")
}

func TestThe64thBelowTheHighestIsTheFirstForgotten(t *testing.T) {
	x, _ := start(t, setup{}).visit().enter("client=" + client1)
	for id := 1; id <= 65; id++ {
		x.does(fmt.Sprintf(`{"incr":{"n":1},"id":%d}`, id))
	}
	if f := x.does(`{"incr":{"n":1},"id":2}`); !f.Duplicate {
		t.Errorf("id 2 of 65: %s", f.line)
	}
	if f := x.does(`{"incr":{"n":1},"id":1}`); f.Code != "not_applied" {
		t.Errorf("id 1 of 65: %s", f.line)
	}
}

func TestOnceHoldsBetweenWebSocketAndHTTP(t *testing.T) {
	b := start(t, setup{}).visit()
	x, _ := b.enter("client=" + client1)
	x.does(`{"incr":{"n":1},"id":9}`)
	got := b.post(`{"incr":{"n":1}}`, "Idempotency-Key", client1+":9").want(200)
	same(t, got.body, `{"id":"`+b.id()+`","version":1,"set":{"n":1},"delete":[],"duplicate":true}`+"\n")
}

func TestOnceHoldsAcrossARestart(t *testing.T) {
	dir := t.TempDir()
	s := start(t, setup{dir: dir})
	b := s.visit()
	b.post(`{"incr":{"n":1}}`, "Idempotency-Key", client1+":1").want(200)
	s.stop()
	again := start(t, setup{dir: dir}).browser()
	again.setCookie(b.cookie().Value)
	x, _ := again.enter("client=" + client1)
	same(t, x.does(`{"incr":{"n":1},"id":1}`).line, `{"type":"ok","id":1,"version":1,"duplicate":true}`)
}

func TestOnceHoldsWhenTheSameIsSentByManyAtOnce(t *testing.T) {
	b := start(t, setup{}).visit()
	var wait sync.WaitGroup
	for range 20 {
		wait.Go(func() {
			b.do("PATCH", "/session", `{"a":{"b":1}}`, "Content-Type", "application/merge-patch+json", "Idempotency-Key", client1+":1").want(200)
			b.post(`{"incr":{"n":1}}`, "Idempotency-Key", client2+":1").want(200)
		})
	}
	wait.Wait()
	same(t, b.get("/session/keys/n").body, "1\n")
}
