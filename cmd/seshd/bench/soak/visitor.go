package main

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"math/rand/v2"
	"net/http"
	"strings"
	"sync"
)

// visitor is one session and all that is done to it. Each of its writers counts under a name of its own.
type visitor struct {
	*soak
	id     string
	cookie string
	user   string // once logged in
	shared bool   // there is a second device

	mu     sync.Mutex     // guards the rest
	names  int            // of writers, that were given
	wrote  map[string]int // acknowledged writes, by writer
	newest uint64         // version that was acknowledged
}

const maxSittings = 3

// live is a visit, from the first request to the end of the session, or to where it is left.
func (s *soak) live(ctx context.Context) error {
	v := &visitor{soak: s, wrote: make(map[string]int)}
	var err error
	if v.id, v.cookie, err = s.begin(ctx); err != nil {
		return err
	}
	s.count(cSessions, 1)
	if err := v.visit(ctx); err != nil {
		return fmt.Errorf("session %s: %w", v.id, err)
	}
	return nil
}

func (v *visitor) visit(ctx context.Context) error {
	for range 1 + rand.IntN(maxSittings) {
		if err := v.sit(ctx); err != nil {
			return err
		}
		if err := v.verify(ctx); err != nil {
			return err
		}
		if v.churn.Err() != nil {
			break
		}
		if err := v.changeToken(ctx); err != nil {
			return err
		}
	}
	return v.end(ctx)
}

// begin is the first request of a browser.
func (s *soak) begin(ctx context.Context) (id, cookie string, err error) {
	a, err := s.ask(ctx, request{method: http.MethodGet, url: s.line.url() + "/session"})
	if err != nil {
		return "", "", err
	}
	var whole struct{ ID string }
	if err := a.decode(&whole); err != nil {
		return "", "", err
	}
	cookie, err = cookieIn(a.header.Get("Set-Cookie"))
	return whole.ID, cookie, err
}

func cookieIn(line string) (string, error) {
	cookie, err := http.ParseSetCookie(line)
	if err != nil {
		return "", fmt.Errorf("a cookie was due: %w", err)
	}
	return cookie.Name + "=" + cookie.Value, nil
}

// Sizes of values that are large.
const (
	bigOf100  = 3
	bigLeast  = 8 << 10
	bigSpread = 24 << 10
)

// counters are the keys that a writer writes. Those of the server API are private.
func counters(writer string) (n, log string) {
	if writer == apiWriter {
		return "_n." + writer, "_log." + writer
	}
	return "n." + writer, "log." + writer
}

// mutation is the i-th of a writer: it counts and appends, so that what is lost or applied twice shows.
func (v *visitor) mutation(writer string, i int) string {
	n, log := counters(writer)
	pad := rand.IntN(100)
	if rand.IntN(100) < bigOf100 {
		pad = bigLeast + rand.IntN(bigSpread)
		v.count(cBig, 1)
	}
	return fmt.Sprintf(`{"incr":{%q:1},"append":{%q:[%d]},"set":{"pad":"%s"}}`, n, log, i, strings.Repeat("x", pad))
}

// newName is one for a writer.
func (v *visitor) newName(kind string) string {
	v.mu.Lock()
	defer v.mu.Unlock()
	v.names++
	return fmt.Sprintf("%s%d", kind, v.names)
}

// acknowledged notes that so many writes of a writer were, and the version that the last of them made.
func (v *visitor) acknowledged(writer string, writes int, version uint64) {
	if writes == 0 {
		return
	}
	v.mu.Lock()
	defer v.mu.Unlock()
	v.wrote[writer] = writes
	v.newest = max(v.newest, version)
}

// expected is what a session must hold.
func (v *visitor) expected() (wrote map[string]int, newest uint64) {
	v.mu.Lock()
	defer v.mu.Unlock()
	return maps.Clone(v.wrote), v.newest
}

// verify compares what the session holds with what was acknowledged: each write is there, once, in order, and nothing else.
func (v *visitor) verify(ctx context.Context) error {
	a, err := v.api(ctx, http.MethodGet, "/v1/sessions/"+v.id, "", "")
	if err != nil {
		return err
	}
	wrote, newest := v.expected()
	if len(wrote) == 0 && a.status == http.StatusNotFound { // the visitor was too slow to write anything
		return nil
	}
	var whole struct {
		Version uint64
		Data    map[string]json.RawMessage
	}
	if err := a.decode(&whole); err != nil {
		return fmt.Errorf("reading it: %w", err)
	}
	if whole.Version < newest {
		return fmt.Errorf("the session is at version %d after %d was acknowledged", whole.Version, newest)
	}
	for writer, writes := range wrote {
		n, log := counters(writer)
		if err := compare(whole.Data[n], whole.Data[log], writes); err != nil {
			return fmt.Errorf("writer %s: %w", writer, err)
		}
		delete(whole.Data, n)
		delete(whole.Data, log)
	}
	delete(whole.Data, "pad")
	for key := range whole.Data {
		return fmt.Errorf("it holds a key %q, which nobody was told of", key)
	}
	v.count(cVerified, 1)
	return nil
}

func compare(counter, log json.RawMessage, writes int) error {
	var n int
	var numbers []int
	if writes > 0 {
		if err := json.Unmarshal(counter, &n); err != nil {
			return fmt.Errorf("%d writes were acknowledged, and the counter is %q", writes, counter)
		}
		if err := json.Unmarshal(log, &numbers); err != nil {
			return fmt.Errorf("%d writes were acknowledged, and the log is %.100q", writes, log)
		}
	}
	if n != writes || len(numbers) != writes {
		return fmt.Errorf("%d writes were acknowledged, %d counted, %d logged", writes, n, len(numbers))
	}
	for i, number := range numbers {
		if number != i+1 {
			return fmt.Errorf("the log has %d in place %d", number, i+1)
		}
	}
	return nil
}

// changeToken logs the visitor in, or gives a new token, or neither.
func (v *visitor) changeToken(ctx context.Context) error {
	if wrote, _ := v.expected(); len(wrote) == 0 { // there is nothing yet that has a token
		return nil
	}
	what, body, counts := "rotate", "", cRotations
	switch rand.IntN(3) {
	case 0:
		return nil
	case 1:
		if v.user == "" {
			v.user = "user-" + v.id
			what, body, counts = "login", v.loginBody(), cLogins
		}
	}
	a, err := v.api(ctx, http.MethodPost, "/v1/sessions/"+v.id+"/"+what, body, v.cookie)
	if err != nil {
		return err
	}
	if a.status == http.StatusConflict && a.code() == "stale_cookie" {
		// Its answer was lost. The only device that there is gets yet another token, as the docs say.
		if a, err = v.api(ctx, http.MethodPost, "/v1/sessions/"+v.id+"/rotate", "", ""); err != nil {
			return err
		}
	}
	v.count(counts, 1)
	return v.takeCookie(a)
}

func (v *visitor) loginBody() string {
	return fmt.Sprintf(`{"user":%q,"shared":true,"keep":["*","_*"]}`, v.user)
}

func (v *visitor) takeCookie(a answer) (err error) {
	var given struct {
		ID        string
		Version   uint64
		SetCookie []string `json:"set_cookie"`
	}
	if err := a.decode(&given); err != nil {
		return fmt.Errorf("a new token: %w", err)
	}
	_, newest := v.expected()
	if given.ID != v.id || given.Version < newest || len(given.SetCookie) != 1 {
		return fmt.Errorf("a new token leads to session %s at version %d, after %d, with %d cookies",
			given.ID, given.Version, newest, len(given.SetCookie))
	}
	v.cookie, err = cookieIn(given.SetCookie[0])
	return err
}
