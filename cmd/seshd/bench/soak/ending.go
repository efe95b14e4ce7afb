package main

import (
	"context"
	"fmt"
	"math/rand/v2"
	"net/http"
	"strings"
	"time"

	"github.com/google/uuid"
)

// joinSecond lets another browser write something and log in as the same user: both sessions become one.
func (v *visitor) joinSecond(ctx context.Context) error {
	const writer = "second"
	id, cookie, err := v.begin(ctx)
	if err != nil {
		return err
	}
	v.count(cSessions, 1)
	a, err := v.ask(ctx, request{method: http.MethodPost, url: v.line.url() + "/session", cookie: cookie,
		once: uuid.NewString() + ":1", body: `{"incr":{"n.second":1},"append":{"log.second":[1]}}`})
	if err == nil && a.status != http.StatusOK {
		err = fmt.Errorf("the write of a second device: %v", a)
	}
	if err != nil {
		return err
	}
	if a, err = v.api(ctx, http.MethodPost, "/v1/sessions/"+id+"/login", v.loginBody(), cookie); err != nil {
		return err
	}
	if a.status != http.StatusOK && a.code() != "stale_cookie" { // which is what it says when its answer was lost
		return fmt.Errorf("the login of a second device: %v", a)
	}
	v.shared = true
	v.acknowledged(writer, 1, 0)
	v.count(cCombined, 1)
	return v.verify(ctx)
}

const (
	leaveOf100  = 40
	secondOf100 = 50 // of those that are logged in
)

// end ends the session in one of the ways that there are, or leaves it to time out.
func (v *visitor) end(ctx context.Context) error {
	if v.user != "" && rand.IntN(100) < secondOf100 {
		if err := v.joinSecond(ctx); err != nil {
			return err
		}
	}
	if wrote, _ := v.expected(); len(wrote) == 0 {
		return nil
	}
	if v.churn.Err() != nil || rand.IntN(100) < leaveOf100 {
		v.leave(ctx)
		return nil
	}
	var err error
	switch rand.IntN(3) {
	case 0:
		err = v.destroy(ctx)
	case 1:
		v.count(cDeleted, 1)
		_, err = v.api(ctx, http.MethodDelete, "/v1/sessions/"+v.id, "", "")
	case 2:
		v.count(cLoggedOut, 1)
		scope := `{"scope":"this"}`
		if v.shared {
			scope = `{"scope":"all"}`
		}
		_, err = v.api(ctx, http.MethodPost, "/v1/sessions/"+v.id+"/logout", scope, v.cookie)
	}
	if err != nil {
		return err
	}
	return v.gone(ctx)
}

// destroy is what a browser does, under a tab of it that is open.
func (v *visitor) destroy(ctx context.Context) error {
	v.count(cDestroyed, 1)
	ended, err := v.watch(ctx)
	if err != nil {
		return err
	}
	if _, err = v.ask(ctx, request{method: http.MethodDelete, url: v.line.url() + "/session", cookie: v.cookie}); err != nil {
		return err
	}
	select {
	case <-ended:
		return nil
	case <-time.After(answerWithin):
		return fmt.Errorf("a tab of it is still open %v after it was destroyed", answerWithin)
	}
}

// gone sees that a session has ended, for its cookie too.
func (v *visitor) gone(ctx context.Context) error {
	a, err := v.api(ctx, http.MethodGet, "/v1/sessions/"+v.id, "", "")
	if err != nil {
		return err
	}
	if a.status != http.StatusNotFound {
		return fmt.Errorf("it was ended, and is still there: %v", a)
	}
	if a, err = v.ask(ctx, request{method: http.MethodGet, url: v.line.url() + "/session", cookie: v.cookie}); err != nil {
		return err
	}
	if strings.Contains(string(a.body), v.id) {
		return fmt.Errorf("it was ended, and its cookie leads to it: %v", a)
	}
	v.count(cSeenGone, 1)
	return nil
}

// leave goes away. The session must be there until it times out, with all that it holds, and be gone some time after.
func (v *visitor) leave(ctx context.Context) {
	v.count(cLeft, 1)
	left := time.Now()
	v.watching.Go(func() {
		err := func() error {
			pause(v.churn, rand.N(idle/2))
			if v.churn.Err() != nil {
				v.kept.keep(v, left)
				return nil
			}
			if err := v.verify(ctx); err != nil {
				return fmt.Errorf("left %v ago, time-out %v: %w", time.Since(left).Round(time.Second), idle, err)
			}
			// A connection that went dead counts as a tab until the server finds out.
			if pause(v.churn, time.Until(left.Add(deadFor+idle+idle/4))); v.churn.Err() != nil {
				return nil
			}
			return v.gone(ctx)
		}()
		if err != nil && ctx.Err() == nil {
			v.violated("session %s: %v", v.id, err)
		}
	})
}
