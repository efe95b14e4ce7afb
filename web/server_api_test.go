package web_test

import (
	"context"
	"encoding/json"
	"strings"
	"testing"
	"time"

	"github.com/seshd/seshd/session"
	"github.com/seshd/seshd/web"
)

const apiKey = "an api key of some length"

// api asks the server API; headers are pairs.
func (s *server) api(method, path, body string, headers ...string) answer {
	s.t.Helper()
	b := s.browser()
	b.s = &server{t: s.t, url: s.internal}
	return b.do(method, path, body, append(headers, "Authorization", "Bearer "+apiKey)...)
}

// Row 17 for the server API and for proxies: while the store cannot be reached, nobody is a guest and nothing is done.
func TestTheServerAPIWithoutItsStoreIsUnavailable(t *testing.T) {
	down := &apiDown{}
	s := start(t, setup{
		wrap: func(inner session.Store) session.Store { down.Store = inner; return down },
		web:  web.Options{APIKeys: []string{apiKey}},
	})
	b := s.visit()
	b.post(`{"set":{"a":1}}`).want(200)
	path, cookie := "/v1/sessions/"+b.id(), "session="+b.cookie().Value
	down.off.Store(true)
	for _, a := range []answer{
		s.api("POST", "/v1/resolve", "", "Cookie", cookie), s.api("GET", path, ""), s.api("POST", path, `{"set":{"a":2}}`), s.api("DELETE", path, ""),
		s.api("POST", path+"/login", `{"user":"u"}`, "Cookie", cookie), s.api("POST", path+"/login", `{"user":"u"}`), s.api("POST", path+"/rotate", ""),
		s.api("POST", path+"/logout", ""), s.api("GET", "/v1/users/u/sessions", ""), s.api("DELETE", "/v1/users/u/sessions", ""),
		s.api("GET", "/v1/events", ""), s.api("GET", "/auth", "", "Cookie", cookie), s.api("GET", "/auth?require=user", "", "Cookie", cookie),
	} {
		a.problem(503, "unavailable")
		if a.header.Get("Set-Cookie") != "" || a.header.Get("Retry-After") == "" {
			t.Errorf("%s: %v", a.what, a.header)
		}
	}
	down.off.Store(false)
	same(t, b.get("/session/keys/a").want(200).body, "1\n")
}

// later is a store whose tokens and tickets are older than they are.
type later struct {
	session.Store
	by time.Duration
}

func (l *later) Token(ctx context.Context, key session.TokenKey) (*session.TokenRecord, error) {
	known, err := l.Store.Token(ctx, key)
	if known != nil && !known.Replaced.IsZero() {
		aged := *known
		aged.Replaced = known.Replaced.Add(-l.by)
		known = &aged
	}
	return known, err
}

func (l *later) TakeTicket(ctx context.Context, key session.TicketKey) (session.Ticket, bool, error) {
	ticket, found, err := l.Store.TakeTicket(ctx, key)
	ticket.Expires = ticket.Expires.Add(-l.by)
	return ticket, found, err
}

// Row 6: in the first minute the old cookie is stale and keeps the newer one in the browser; then it is nobody's.
func TestAMinuteAfterALoginTheOldCookieIsANewVisitors(t *testing.T) {
	for _, by := range []time.Duration{0, 50 * time.Second, time.Minute} {
		s := start(t, setup{
			wrap: func(inner session.Store) session.Store { return &later{inner, by} },
			web:  web.Options{APIKeys: []string{apiKey}},
		})
		b := s.visit()
		b.post(`{"set":{"a":1}}`).want(200)
		id := b.id()
		s.api("POST", "/v1/sessions/"+id+"/login", `{"user":"u"}`, "Cookie", "session="+b.cookie().Value).want(200)
		old := b.cookie().Value
		a := b.get("/session")
		if by < time.Minute {
			a.problem(409, "stale_cookie")
			if a.header.Get("Set-Cookie") != "" || b.cookie().Value != old {
				t.Error("the newer cookie would be overwritten")
			}
			continue
		}
		if a.want(200); a.id() == id || !strings.Contains(a.body, `"data":{}`) || a.header.Get("Set-Cookie") == "" {
			t.Errorf("after %v: %s", by, a.body)
		}
	}
}

// Row 12: a ticket is good for 30 s.
func TestATicketIsGoodFor30Seconds(t *testing.T) {
	for by, good := range map[time.Duration]bool{25 * time.Second: true, 30 * time.Second: false} {
		s := start(t, setup{wrap: func(inner session.Store) session.Store { return &later{inner, by} }})
		b := s.visit()
		ticket := b.ticket().Ticket
		if good {
			s.browser().enter("ticket=" + ticket)
		} else {
			s.browser().open("ticket="+ticket).bye("bad_ticket", 4401)
		}
	}
}

// A session that is read by its id tells when it ends if nobody comes, which may be before an idle time-out from now.
func TestReadingASessionDoesNotProlongIt(t *testing.T) {
	s := start(t, setup{web: web.Options{APIKeys: []string{apiKey}}, session: session.Options{Lifetime: time.Hour}})
	b := s.visit()
	b.post(`{"set":{"a":1}}`).want(200)
	cookie := []string{"Cookie", "session=" + b.cookie().Value}
	for _, headers := range [][]string{nil, cookie} {
		var got struct{ Expires time.Time }
		a := s.api("GET", "/v1/sessions/"+b.id(), "", headers...).want(200)
		if err := json.Unmarshal([]byte(a.body), &got); err != nil || time.Until(got.Expires) > time.Hour {
			t.Errorf("it ends within the hour, and says %s", a.body)
		}
	}
}

// Over HTTPS, which the relayer tells, the cookies that a backend relays are those for HTTPS.
func TestTheServerAPIKnowsHowTheBrowserCame(t *testing.T) {
	s := start(t, setup{web: web.Options{APIKeys: []string{apiKey}}})
	b := s.visit()
	b.post(`{"set":{"a":1}}`).want(200)
	path, cookie := "/v1/sessions/"+b.id(), "session="+b.cookie().Value
	for proto, name := range map[string]string{"": "session=", "http": "session=", "https": "__Host-session="} {
		a := s.api("POST", path+"/rotate", "", "X-Forwarded-Proto", proto)
		if !strings.Contains(a.want(200).body, `"set_cookie":["`+name) || strings.Contains(a.body, "Secure") != (proto == "https") {
			t.Errorf("%q: %s", proto, a.body)
		}
	}
	s.api("POST", "/v1/resolve", "", "Cookie", cookie, "X-Forwarded-Proto", "https").problem(404, "no_such_session")
}

// apiDown is a store that the server API cannot reach either while it is off.
type apiDown struct{ switchable }

func (s *apiDown) Login(a session.Admission) {
	if s.off.Load() {
		a.Done(errDown)
		return
	}
	s.Store.Login(a)
}

func (s *apiDown) UserSessions(ctx context.Context, user string) ([]session.ID, error) {
	if s.off.Load() {
		return nil, errDown
	}
	return s.Store.UserSessions(ctx, user)
}

func (s *apiDown) Lives(ctx context.Context, after uint64, limit int) ([]session.Life, uint64, bool, error) {
	if s.off.Load() {
		return nil, 0, false, errDown
	}
	return s.Store.Lives(ctx, after, limit)
}
