package main

import (
	"net/url"
	"testing"
)

// Row 22: the log tells the life of each session by its public id, and the reason of each refusal.
func TestSecurity22TheLogTellsLivesAndReasons(t *testing.T) {
	p, b := startWithAPI(t, t.TempDir())
	log := p.journal()
	v := visitor(t, p, `{"set":{"a":1}}`)
	first := b.resolve(v)
	log.has(t, "session begun", "session", first.ID, "device", first.Device, "by", "http")
	b.login(v, `{"user":"u","shared":true}`)
	second := b.resolve(v)
	log.has(t, "login", "session", first.ID, "device", second.Device, "user", "u")
	b.rotate(v)
	third := b.resolve(v)
	log.has(t, "token rotated", "session", first.ID, "device", third.Device, "old_device", second.Device)
	other := visitor(t, p, `{"set":{"a":2}}`)
	absorbed := b.resolve(other).ID
	b.login(other, `{"user":"u","shared":true}`)
	log.has(t, "login", "session", first.ID, "from", absorbed, "combined", "1")
	b.logout(other, "")
	log.has(t, "logout", "session", first.ID, "scope", "this", "user", "u")
	b.do("DELETE", "/v1/users/u/sessions", "").want(204)
	log.has(t, "session destroyed", "session", first.ID, "user", "u")

	gone := visitor(t, p, `{"set":{"a":1}}`)
	id := b.resolve(gone).ID
	old := gone.twin(t)
	b.rotate(gone)
	old.do(t, "GET", "/session", "").want(409)
	log.has(t, "request refused", "path", "/session", "code", "stale_cookie", "reason", "this cookie was replaced*")
	wsRefused(t, old, nil, 4253, "stale_cookie")
	log.has(t, "connection refused", "code", "stale_cookie", "reason", "this cookie*")
	wsRefused(t, old, url.Values{"ticket": {"x"}}, 4401, "bad_ticket")
	log.has(t, "connection refused", "code", "bad_ticket", "reason", "the ticket is unknown*")
	gone.do(t, "POST", "/session", `{}`, "Origin", "http://evil.example").want(403)
	log.has(t, "request refused", "code", "foreign_origin", "reason", "*")
	b.do("GET", "/v1/events", "", "Authorization", "Bearer no").want(401)
	log.has(t, "request refused", "path", "/v1/events", "code", "unauthorized", "reason", "*")
	gone.do(t, "DELETE", "/session", "").want(204)
	log.has(t, "session destroyed", "session", id)

	p, b = startWithAPI(t, t.TempDir(), "--idle-timeout=2s")
	log = p.journal()
	id = b.resolve(visitor(t, p, `{"set":{"a":1}}`)).ID
	log.has(t, "session expired", "session", id)
}
