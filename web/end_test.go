package web_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/seshd/seshd/session"
	"github.com/seshd/seshd/web"
)

func TestADestroyedSessionsCookieLeadsToANewId(t *testing.T) {
	dir := t.TempDir()
	s := start(t, setup{dir: dir})
	var values, ids []string
	for _, written := range []bool{false, true} {
		b := s.visit()
		if written {
			b.post(`{"set":{"a":1}}`).want(200)
		}
		values, ids = append(values, b.cookie().Value), append(ids, b.id())
		b.do("DELETE", "/session", "").want(204)
	}
	check := func(s *server) {
		for i, value := range values {
			a := s.browser().get("/session", "Cookie", "session="+value).want(200)
			if a.id() == ids[i] || a.header.Get("Set-Cookie") == "" || !strings.Contains(a.body, `"version":0,"data":{}`) {
				t.Errorf("got %s", a.body)
			}
			x := s.browser().open("since="+ids[i]+":0", "Cookie", "session="+value)
			if f := x.next(); f.Type != "session" || string(f.ID) == `"`+ids[i]+`"` {
				t.Errorf("by /ws: %s", f.line)
			}
			x.conn.Close()
		}
	}
	check(s)
	s.stop()
	check(start(t, setup{dir: dir})) // and stays dead
}

// A handler that asked for its session before the end cannot write after it.
func TestWhatBeganBeforeDestructionCannotWriteAfterIt(t *testing.T) {
	begun, ended := make(chan struct{}), make(chan struct{})
	outcome := make(chan error, 1)
	s := start(t, setup{routes: func(app *web.App) {
		app.HandleFunc("/slow", func(_ http.ResponseWriter, r *http.Request) {
			mine := web.Session(r)
			begun <- struct{}{}
			<-ended
			_, err := mine.Set(r.Context(), "a", 2)
			outcome <- err
		})
	}})
	for _, written := range []bool{false, true} {
		b := s.visit()
		id, value := b.id(), b.cookie().Value
		if written {
			b.post(`{"set":{"a":1}}`).want(200)
		}
		var wait sync.WaitGroup
		wait.Go(func() { b.get("/slow") })
		<-begun
		s.browser().do("DELETE", "/session", "", "Cookie", "session="+value).want(204)
		ended <- struct{}{}
		var refused *session.Error
		if err := <-outcome; !errors.As(err, &refused) || refused.Code != session.NoSuchSession {
			t.Errorf("written %v: got %v", written, err)
		}
		wait.Wait()
		sid, _ := session.ParseID(id)
		if r, err := s.store.Load(t.Context(), sid); r != nil || err != nil {
			t.Errorf("written %v: the session is back: %v %v", written, r, err)
		}
	}
}

func TestASlowBodyThatBeganBeforeDestructionCannotWriteAfterIt(t *testing.T) {
	s := start(t, setup{})
	for _, written := range []bool{false, true} {
		b := s.visit()
		id, value := b.id(), b.cookie().Value
		if written {
			b.post(`{"set":{"a":1}}`).want(200)
		}
		x, _ := b.enter("")
		body, pipe := io.Pipe()
		r, _ := http.NewRequest("POST", s.url+"/session", body)
		r.Header.Set("Content-Type", "application/json")
		r.Header.Set("Expect", "100-continue") // the server asks for the body when it has found the session
		r.Header.Set("Cookie", "session="+value)
		asked := make(chan struct{})
		go func() {
			fmt.Fprint(pipe, `{"set":`) // taken once the server has asked
			close(asked)
			<-x.gone()
			fmt.Fprint(pipe, `{"a":2}}`)
			pipe.Close()
		}()
		go func() {
			<-asked
			s.browser().do("DELETE", "/session", "", "Cookie", "session="+value).want(204)
		}()
		slow := s.browser()
		slow.http.Transport.(*http.Transport).ExpectContinueTimeout = patience
		slow.send(r).problem(404, "no_such_session")
		sid, _ := session.ParseID(id)
		if r, err := s.store.Load(t.Context(), sid); r != nil || err != nil {
			t.Errorf("the session is back: %v %v", r, err)
		}
	}
}

// gone is closed once the tab has been.
func (x *tab) gone() <-chan struct{} {
	gone := make(chan struct{})
	go func() {
		defer close(gone)
		for {
			if _, _, err := x.conn.ReadMessage(); err != nil {
				return
			}
		}
	}()
	return gone
}

func TestWritersDoNotBringADestroyedSessionBack(t *testing.T) {
	s := start(t, setup{})
	b := s.visit()
	b.post(`{"set":{"a":1}}`).want(200)
	id, value := b.id(), b.cookie().Value
	var wait sync.WaitGroup
	begun := make(chan struct{}, 400)
	for range 4 {
		wait.Go(func() {
			x := s.browser()
			for range 40 {
				x.post(`{"incr":{"n":1}}`, "Cookie", "session="+value, "Session-Id", id)
				begun <- struct{}{}
			}
		})
		x, _ := b.enter("")
		wait.Go(func() {
			for range 40 {
				if x.conn.WriteMessage(1, []byte(`{"incr":{"n":1}}`)) != nil {
					return
				}
			}
		})
	}
	for range 20 {
		<-begun
	}
	s.browser().do("DELETE", "/session", "", "Cookie", "session="+value).want(204)
	wait.Wait()
	sid, _ := session.ParseID(id)
	if r, err := s.store.Load(t.Context(), sid); r != nil || err != nil {
		t.Errorf("the session is back: %v %v", r, err)
	}
}

// switchable is a store that cannot be reached while it is off.
type switchable struct {
	session.Store
	off atomic.Bool
}

var errDown = session.Refuse(session.Unavailable, "the session store cannot be reached")

func (s *switchable) Load(ctx context.Context, id session.ID) (*session.Record, error) {
	if s.off.Load() {
		return nil, errDown
	}
	return s.Store.Load(ctx, id)
}

func (s *switchable) Token(ctx context.Context, key session.TokenKey) (*session.TokenRecord, error) {
	if s.off.Load() {
		return nil, errDown
	}
	return s.Store.Token(ctx, key)
}

func (s *switchable) Update(u session.Update) {
	if s.off.Load() {
		u.Done(nil, errDown)
		return
	}
	s.Store.Update(u)
}

func TestAStoreThatCannotBeReachedIsNeverAnEmptySession(t *testing.T) {
	down := &switchable{}
	s := start(t, setup{wrap: func(inner session.Store) session.Store { down.Store = inner; return down }, web: web.Options{Tour: true}})
	b := s.visit()
	b.post(`{"set":{"a":1}}`).want(200)
	x, _ := b.enter("")
	down.off.Store(true)
	for _, a := range []answer{
		b.get("/session"), b.post(`{"set":{"a":2}}`), b.get("/session/keys/a"), b.do("DELETE", "/session", ""),
		b.get("/session/tabs"), b.get("/session/events"), b.do("POST", "/session/ticket", ""), b.get("/cherries"), b.get("/"),
	} {
		a.problem(503, "unavailable")
		if a.header.Get("Set-Cookie") != "" || a.header.Get("Retry-After") == "" {
			t.Errorf("%s: %v", a.what, a.header)
		}
	}
	if f := x.does(`{"set":{"a":2},"id":1}`); f.Code != "unavailable" || string(f.ID) != "1" {
		t.Errorf("got %s", f.line)
	}
	y := b.open("")
	if y.http.Header.Get("Set-Cookie") != "" {
		t.Error("a cookie was set")
	}
	y.bye("unavailable", 4253)
	down.off.Store(false)
	same(t, b.get("/session/keys/a").want(200).body, "1\n")
}
