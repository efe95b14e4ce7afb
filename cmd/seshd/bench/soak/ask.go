package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"time"
)

const (
	askAgain = 200 * time.Millisecond
	// answerWithin is how long a request may be without an answer, sent again and again: longer than any restart.
	answerWithin = 2 * time.Minute
	answerEach   = 20 * time.Second // of one try: a connection that went dead is left then
)

// request is sent until it is answered: the network and the server may fail meanwhile, and what a lost answer did is done once all
// the same, where the request is one of those that may be sent again.
type request struct {
	method, url, body string
	cookie            string
	once              string // the Idempotency-Key
	key               string // of the server API
}

type answer struct {
	status int
	header http.Header
	body   []byte
}

func (a answer) String() string { return fmt.Sprintf("%d %.300s", a.status, bytes.TrimSpace(a.body)) }

func (a answer) decode(v any) error {
	if a.status != http.StatusOK {
		return fmt.Errorf("the answer is %v", a)
	}
	return json.Unmarshal(a.body, v)
}

// code is that of a refusal.
func (a answer) code() string {
	var problem struct{ Code string }
	_ = json.Unmarshal(a.body, &problem) // then there is none
	return problem.Code
}

// ask sends a request until something answers it that is not on its way out.
func (s *soak) ask(ctx context.Context, r request) (a answer, err error) {
	ctx, stop := context.WithTimeout(ctx, answerWithin)
	defer stop()
	for {
		if a, err = s.try(ctx, r); err == nil && a.status != http.StatusServiceUnavailable {
			return a, nil
		}
		if pause(ctx, askAgain); ctx.Err() != nil {
			return a, fmt.Errorf("%s %s: no answer within %v: last %v, %w", r.method, r.url, answerWithin, a, err)
		}
	}
}

func (s *soak) try(ctx context.Context, r request) (a answer, err error) {
	ctx, stop := context.WithTimeout(ctx, answerEach)
	defer stop()
	response, err := s.send(ctx, r)
	if err != nil {
		return a, err
	}
	defer response.Body.Close()
	a.status, a.header = response.StatusCode, response.Header
	a.body, err = io.ReadAll(response.Body)
	return a, err
}

// send sends a request once, and leaves the answer to be read.
func (s *soak) send(ctx context.Context, r request) (*http.Response, error) {
	built, err := http.NewRequestWithContext(ctx, r.method, r.url, bytes.NewReader([]byte(r.body)))
	if err != nil {
		return nil, err
	}
	for name, value := range map[string]string{"Cookie": r.cookie, "Idempotency-Key": r.once} {
		if value != "" {
			built.Header.Set(name, value)
		}
	}
	if r.body != "" {
		built.Header.Set("Content-Type", "application/json")
	}
	if r.key != "" {
		built.Header.Set("Authorization", "Bearer "+r.key)
	}
	return s.client.Do(built)
}

// api asks the server API, past the network that fails.
func (s *soak) api(ctx context.Context, method, path, body, cookie string) (answer, error) {
	return s.ask(ctx, request{method: method, url: "http://" + s.place.Internal + path, body: body, cookie: cookie, key: s.key})
}
