package session_test

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/seshd/seshd/session"
)

// life is a session as the simplest model has it.
type life struct {
	id      session.ID
	user    string
	shared  bool
	data    map[string]string
	devices map[*device]bool
}

// device is somebody's browser: the handle of the cookie that it holds now.
type device struct {
	handle session.Handle
	in     *life
}

// deadHandle is one that was replaced, or ended.
type deadHandle struct {
	handle session.Handle
	code   session.Code
}

// lives plays several devices of several users against the model: who reads what, and who is refused.
type lives struct {
	server
	run     string // goes before users' names, as the runs share one store
	devices []*device
	dead    []deadHandle
	writes  int
}

func (l *lives) arrive(*rapid.T) {
	_, h := l.Begin()
	d := &device{handle: h}
	d.in = &life{id: h.ID, data: map[string]string{}, devices: map[*device]bool{d: true}}
	l.devices = append(l.devices, d)
}

func (l *lives) pick(t *rapid.T) *device {
	if len(l.devices) == 0 {
		t.Skip("nobody is here") // to rapid this means: draw another action
	}
	return rapid.SampledFrom(l.devices).Draw(t, "device")
}

func (l *lives) write(t *rapid.T) {
	d, key := l.pick(t), rapid.SampledFrom([]string{"a", "b", "c", "_p", "_q"}).Draw(t, "key")
	l.writes++
	d.in.data[key] = fmt.Sprint(l.writes)
	if err := l.submit(d.handle, fmt.Sprintf(`{"set":{%q:%d}}`, key, l.writes)); err != nil {
		t.Fatalf("write: %v", err)
	}
}

// replace gives a device the handle that a login or a rotation led to.
func (l *lives) replace(d *device, into session.LoggedInto) {
	l.dead = append(l.dead, deadHandle{d.handle, session.StaleCookie})
	d.handle = into.Handle
}

// forget takes a device away for good.
func (l *lives) forget(d *device) {
	l.dead = append(l.dead, deadHandle{d.handle, session.NoSuchSession})
	delete(d.in.devices, d)
	l.devices = slices.DeleteFunc(l.devices, func(other *device) bool { return other == d })
}

func (l *lives) rotate(t *rapid.T) {
	d := l.pick(t)
	into, err := l.Rotate(context.Background(), d.handle)
	if err != nil || into.Handle.ID != d.in.id {
		t.Fatalf("rotate: led to %s, want %s: %v", into.Handle.ID, d.in.id, err)
	}
	l.replace(d, into)
}

func (l *lives) login(t *rapid.T) {
	d, shared := l.pick(t), rapid.Bool().Draw(t, "shared")
	user := l.run + rapid.SampledFrom([]string{"ann", "bob"}).Draw(t, "user")
	into, err := l.Login(context.Background(), d.handle, session.Login{User: user, Shared: shared})
	if err != nil {
		t.Fatalf("login: %v", err)
	}
	was := d.in
	if was.user == user && (was.shared || !shared) { // it is in already: all stays, but for the token
		if into.Handle.ID != was.id || len(into.Combined) != 0 {
			t.Fatalf("a device that was in was led to %s, with %v combined", into.Handle.ID, into.Combined)
		}
		l.replace(d, into)
		return
	}
	theirs := l.sharedBy(user)
	if !shared || theirs == was {
		theirs = nil
	}
	brought := maps.Clone(was.data)
	if was.user != user {
		maps.DeleteFunc(brought, func(key, _ string) bool { return was.user != "" || session.Private(key) })
	}
	switch {
	case theirs != nil:
		maps.Copy(brought, theirs.data) // the user's stays
		d.in = theirs
	case was.user != "" && was.user != user:
		d.in = &life{id: into.Handle.ID, devices: map[*device]bool{}}
	}
	d.in.data, d.in.user, d.in.shared = brought, user, shared
	delete(was.devices, d)
	d.in.devices[d] = true
	if d.in.id != into.Handle.ID {
		t.Fatalf("login led to %s, want %s", into.Handle.ID, d.in.id)
	}
	l.replace(d, into)
}

func (l *lives) sharedBy(user string) *life {
	for _, d := range l.devices {
		if d.in.user == user && d.in.shared {
			return d.in
		}
	}
	return nil
}

func (l *lives) logout(t *rapid.T) {
	d := l.pick(t)
	scope := rapid.SampledFrom([]session.Scope{session.This, session.Others, session.All}).Draw(t, "scope")
	if err := l.Logout(context.Background(), d.handle, scope); err != nil {
		t.Fatalf("logout: %v", err)
	}
	for _, other := range slices.Clone(l.devices) {
		same := other.in == d.in || d.in.user != "" && other.in.user == d.in.user
		if other == d && scope != session.Others || other != d && same && scope != session.This {
			l.forget(other)
		}
	}
}

func (l *lives) destroy(t *rapid.T) {
	d := l.pick(t)
	if err := l.Destroy(context.Background(), d.handle, nil); err != nil {
		t.Fatalf("destroy: %v", err)
	}
	for other := range maps.Clone(d.in.devices) {
		l.forget(other)
	}
}

func (l *lives) check(t *rapid.T) {
	users := map[string][]string{l.run + "ann": {}, l.run + "bob": {}}
	seen := map[*life]bool{}
	for _, d := range l.devices {
		data, err := l.Session(d.handle).Data(context.Background())
		if err != nil {
			t.Fatalf("a device of %q is refused: %v", d.in.user, err)
		}
		got, _ := json.Marshal(data)
		raw := map[string]json.RawMessage{}
		for key, value := range d.in.data {
			raw[key] = json.RawMessage(value)
		}
		if want, _ := json.Marshal(raw); string(got) != string(want) {
			t.Fatalf("a device of %q reads %s, want %s", d.in.user, got, want)
		}
		if d.in.user != "" && !seen[d.in] {
			users[d.in.user] = append(users[d.in.user], d.in.id.String())
		}
		seen[d.in] = true
	}
	for user, want := range users {
		records, err := l.UserSessions(context.Background(), user)
		got := []string{}
		for _, r := range records {
			got = append(got, r.ID.String())
		}
		slices.Sort(got)
		slices.Sort(want)
		if err != nil || !slices.Equal(got, want) {
			t.Fatalf("%s has %v, want %v: %v", user, got, want, err)
		}
	}
	for _, dead := range l.dead {
		if _, err := l.Load(context.Background(), dead.handle); err == nil || session.CodeOf(err) != dead.code {
			t.Fatalf("a dead handle reads: %v, want %s", err, dead.code)
		}
	}
	if len(l.dead) > 0 {
		dead := rapid.SampledFrom(l.dead).Draw(t, "dead")
		if err := l.submit(dead.handle, `{"set":{"evil":1}}`); err == nil || session.CodeOf(err) != dead.code {
			t.Fatalf("a dead handle writes: %v, want %s", err, dead.code)
		}
	}
}

// TestLives: whatever devices and users do, each reads what the model says, and no old token does anything.
func TestLives(t *testing.T) {
	s := serve(t, session.Options{})
	run := 0
	rapid.Check(t, func(t *rapid.T) {
		run++
		l := &lives{server: s, run: fmt.Sprint(run, " ")}
		t.Repeat(map[string]func(*rapid.T){
			"": l.check, "arrive": l.arrive, "write": l.write, "rotate": l.rotate, "login": l.login, "login again": l.login,
			"logout": l.logout, "destroy": l.destroy,
		})
	})
	// The story tells of all that, in order: a session begins before anything becomes of it, and what ended stays ended.
	begun, ended := map[session.ID]bool{}, map[session.ID]bool{}
	for after := uint64(0); ; {
		end, err := s.StoryEnd(context.Background())
		if err != nil {
			t.Fatal(err)
		}
		if after == end {
			break
		}
		lines, gap, err := s.Story(context.Background(), after, 1000)
		if err != nil || gap {
			t.Fatal(gap, err)
		}
		for _, line := range lines {
			over := line.Device == session.DeviceID{} && (line.Cause == session.LoggedOut || line.Cause == session.Destroyed)
			if line.Seq != after+1 || ended[line.ID] || line.Cause == session.Created && begun[line.ID] || line.Cause != session.Created && !begun[line.ID] && !over {
				t.Fatalf("line %+v after %d: begun %v, ended %v", line, after, begun[line.ID], ended[line.ID])
			}
			after, begun[line.ID], ended[line.ID] = line.Seq, true, over
			if line.From != (session.ID{}) {
				ended[line.From] = true
			}
			if strings.HasSuffix(line.User, "ann") == strings.HasSuffix(line.User, "bob") && line.Cause == session.LoggedIn {
				t.Fatalf("a login of nobody: %+v", line)
			}
		}
	}
}
