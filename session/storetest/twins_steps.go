package storetest

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"pgregory.net/rapid"

	"github.com/seshd/seshd/session"
)

// mutation draws one that can be decoded.
func (l *lives) mutation() *session.Mutation {
	keys := rapid.SampledFrom([]string{"a", "b", "é", "_p"})
	values := rapid.SampledFrom([]string{
		"0", "1", "-1", "41", "9223372036854775807", "-9223372036854775808", "1.5", "1e400", "null", "true", `""`, `"\u00e9\u2028<"`, "[]", "[null,1]",
		"[[],{}]", "{}", `{"x":null,"y":{"z":1}}`, `{"y":{"z":null}}`, `{"y":[],"":{"w":null}}`,
	})
	for {
		var parts []string
		if rapid.IntRange(0, 9).Draw(l.T, "clear") == 0 {
			parts = append(parts, `"clear":true`)
		}
		for _, key := range rapid.SliceOfNDistinct(keys, 0, 2, rapid.ID).Draw(l.T, "keys") {
			kind := rapid.SampledFrom([]string{"set", "merge", "append", "incr", "delete"}).Draw(l.T, "kind")
			operand := fmt.Sprintf(`{%q:%s}`, key, values.Draw(l.T, "value"))
			if kind == "delete" {
				operand = fmt.Sprintf(`[%q]`, key)
			}
			parts = append(parts, fmt.Sprintf(`%q:%s`, kind, operand))
		}
		if m, err := session.DecodeMutation([]byte("{" + strings.Join(parts, ",") + "}")); err == nil {
			return &m
		}
	}
}

// writes is a few mutations, sent without waiting for each other.
func (l *lives) writes(h session.Handle) func(session.Store) string {
	var all []session.Update
	for range rapid.IntRange(1, 4).Draw(l.T, "at once") {
		w := session.Write{
			Handle: h, By: session.ByTab, Mutation: l.mutation(), Rules: session.Rules{MaxKeys: 3, MaxBytes: 200}, Now: l.now, Senders: 2,
			Timing: session.Timing{Idle: rapid.SampledFrom([]time.Duration{time.Hour, 2 * time.Hour}).Draw(l.T, "idle")},
			Sender: session.SenderID{15: rapid.ByteRange(0, 3).Draw(l.T, "sender")},
		}
		w.Mutation.ID = rapid.Uint64Range(0, 70).Draw(l.T, "id")
		all = append(all, session.Update{Handle: h, Change: func(r *session.Record) (*session.Record, error) {
			next, _, err := r.Mutate(w)
			return next, err
		}})
	}
	return func(s session.Store) string { return answers(s, all...) }
}

// answers sends updates, and waits for what they are answered.
func answers(s session.Store, all ...session.Update) (said string) {
	done := make(chan string, len(all))
	for _, u := range all {
		u.Done = func(r *session.Record, err error) {
			if err != nil {
				r = nil // which is for those who are not refused
			}
			done <- fmt.Sprintln(recordText(r), err)
		}
		s.Update(u)
	}
	for range all {
		said += <-done
	}
	return said
}

// entered is a record with a new device in the place of another.
func (l *lives) entered(r *session.Record, fresh session.Handle, place session.DeviceID) *session.Record {
	next := session.Record{ID: fresh.ID, State: &session.State{}, Created: l.now}
	if r != nil {
		next = *without(r, place)
	}
	next.Epoch++
	next.Devices = append(slices.Clip(next.Devices), session.Device{
		ID: fresh.Device, Key: fresh.Key, Issued: fresh.Issued, Ends: fresh.Ends, Seen: l.now, Agent: fresh.Agent,
	})
	next.Touched, next.Deadline = l.now, l.now.Add(time.Hour)
	return &next
}

// without is a record without a device; it may be left with none.
func without(r *session.Record, id session.DeviceID) *session.Record {
	if r == nil {
		return nil
	}
	next := *r
	next.Epoch++
	next.Devices = slices.DeleteFunc(slices.Clone(r.Devices), func(d session.Device) bool { return d.ID == id })
	return &next
}

func (l *lives) login(h session.Handle) func(session.Store) string {
	fresh := l.fresh(h.ID) // where it leads in the end the token's record says
	shared := rapid.Bool().Draw(l.T, "shared")
	change := func(mine, theirs *session.Record) ([]session.Step, error) {
		if theirs == nil {
			next := l.entered(mine, fresh, h.Device)
			next.User, next.Shared = l.user, shared
			return []session.Step{{Handle: h, Before: mine, After: next, Cause: session.LoggedIn}}, nil
		}
		there := fresh
		there.ID = theirs.ID
		next := l.entered(theirs, there, session.DeviceID{})
		next.Absorbed = append(slices.Clip(next.Absorbed), h.ID)
		if mine != nil {
			var err error
			if next.State, err = next.State.Apply(&session.Mutation{Set: mine.State.Data(nil)}, session.Rules{MaxKeys: 3}); err != nil {
				return nil, err
			}
		}
		return []session.Step{
			{Handle: h, Before: mine, Cause: session.LoggedIn, Into: theirs.ID},
			{Handle: there, Before: theirs, After: next, Cause: session.LoggedIn, From: h.ID},
		}, nil
	}
	return func(s session.Store) string {
		done := make(chan error, 1)
		s.Login(session.Admission{Handle: h, User: l.user, Shared: shared, Change: change, Done: func(err error) { done <- err }})
		return fmt.Sprint(<-done)
	}
}

func (l *lives) rotate(h session.Handle) func(session.Store) string {
	fresh := l.fresh(h.ID)
	return func(s session.Store) string {
		return answers(s, session.Update{Handle: h, Cause: session.Rotated, Change: func(r *session.Record) (*session.Record, error) {
			return l.entered(r, fresh, h.Device), nil
		}})
	}
}

// leave ends the session, or a device's part in it.
func (l *lives) leave(h session.Handle, cause session.Cause, rest func(*session.Record) *session.Record) func(session.Store) string {
	return func(s session.Store) string {
		return answers(s, session.Update{Handle: h, Cause: cause, Change: func(r *session.Record) (*session.Record, error) {
			if next := rest(r); next != nil && len(next.Devices) > 0 {
				return next, nil
			}
			return nil, nil
		}})
	}
}

// ticket is put, and taken twice.
func (l *lives) ticket(h session.Handle) func(session.Store) string {
	t, key := session.Ticket{Handle: h, Expires: l.now.Add(tokenFor)}, session.TicketKey(h.Key)
	return func(s session.Store) (said string) {
		said = fmt.Sprint(s.PutTicket(context.Background(), key, t))
		for range 2 {
			taken, found, err := s.TakeTicket(context.Background(), key)
			said += fmt.Sprintf(" %q %v %v", session.AppendTicket(nil, taken), found, err)
		}
		return said
	}
}

// imported is a copy of a session as it was, or as another server has it.
func (l *lives) imported() func(session.Store) string {
	if len(l.records) == 0 {
		return func(session.Store) string { return "" }
	}
	r := rapid.SampledFrom(l.records).Draw(l.T, "copy")
	for range rapid.IntRange(0, 3).Draw(l.T, "written there") {
		h, _ := r.Handle(r.Devices[0].ID)
		w := session.Write{Handle: h, By: session.ByHTTP, Mutation: l.mutation(), Now: l.now, Timing: session.Timing{Idle: time.Hour}}
		if next, _, err := r.Mutate(w); err == nil {
			r = next
		}
	}
	return func(s session.Store) string {
		return fmt.Sprint(s.Import(context.Background(), session.Saved{Record: r}))
	}
}
