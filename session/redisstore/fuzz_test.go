package redisstore

import (
	"bytes"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/seshd/seshd/session"
	"github.com/seshd/seshd/session/storetest"
)

// fullEnvelope has something in each member.
func fullEnvelope() *envelope {
	_, sessions := storetest.Sample()
	at := time.UnixMilli(1_767_323_045_006)
	box := outbox(nil).token(session.TokenKey{1}, session.TokenRecord{ID: session.ID{1}, Ends: at}).unlist("u42").line(session.Life{At: at, Cause: session.Created})
	return &envelope{
		tag: makeTag(nodeID{1}, 7), rev: 9, lineage: 3, until: at, others: []tag{makeTag(nodeID{2}, 1)}, record: sessions[1].Record,
		logins: []verdict{{makeTag(nodeID{3}, 1), true}, {makeTag(nodeID{3}, 2), false}}, outbox: box,
		move: &move{
			login: makeTag(nodeID{4}, 4), into: session.ID{5}, at: at, until: at, after: sessions[1].Record, outbox: box,
			event: session.Event{Cause: session.LoggedIn, Gone: []session.DeviceID{{6}}, Replaced: session.DeviceID{7}, Into: session.ID{5}},
		},
	}
}

// What is kept in Redis is read as it was written, or refused.
func FuzzDecodeEnvelope(f *testing.F) {
	f.Add(fullEnvelope().encode())
	f.Add((&envelope{tag: tag{1}, until: time.UnixMilli(0)}).encode())
	f.Add([]byte{envelopeFormat})
	f.Add([]byte{})
	same := cmp.Options{
		cmp.AllowUnexported(envelope{}, verdict{}, move{}, session.State{}), cmpopts.EquateEmpty(), cmpopts.IgnoreFields(envelope{}, "body"),
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		e, err := decodeEnvelope(b)
		if err != nil || !e.exists() {
			return
		}
		again, err := decodeEnvelope(e.encode())
		if err != nil {
			t.Fatalf("written again: %v", err)
		}
		if diff := cmp.Diff(e, again, same); diff != "" {
			t.Error(diff)
		}
		if again.body+len(again.outbox) != len(e.encode()) {
			t.Errorf("the outbox begins at %d", again.body)
		}
	})
}

// Counts are read as they were written, or refused.
func FuzzDecodeCounts(f *testing.F) {
	f.Add("0 ")
	f.Add(fmt.Sprintf("1784800000000000 %s2 %s1 ", strings.Repeat("a", len(nodeID{})), strings.Repeat(" ", len(nodeID{}))))
	f.Add("1 short1 ")
	f.Fuzz(func(t *testing.T, text string) {
		counts, err := decodeCounts(text)
		if err != nil {
			return
		}
		written := fmt.Sprintf("%d ", counts.number)
		for n, count := range counts.by {
			written += fmt.Sprintf("%s%d ", n[:], count)
		}
		if again, err := decodeCounts(written); err != nil || !cmp.Equal(counts, again, cmp.AllowUnexported(tabCounts{})) {
			t.Errorf("%+v became %+v, %v", counts, again, err)
		}
	})
}

// An outbox is carried out as a whole, or not at all.
func FuzzErrands(f *testing.F) {
	f.Add([]byte(fullEnvelope().outbox))
	f.Add([]byte{entryToken, 1, 2})
	f.Add([]byte{'?', 0})
	f.Fuzz(func(t *testing.T, b []byte) {
		e, err := outbox(b).errands()
		if err != nil {
			if len(e.tokens)+len(e.unlist)+len(e.lines) > 0 {
				t.Errorf("%v, and yet %+v", err, e)
			}
			return
		}
		again := outbox(nil) // in another order, perhaps
		for _, token := range e.tokens {
			again = again.token(token.key, *token.token)
		}
		for _, user := range e.unlist {
			again = again.unlist(user)
		}
		for _, line := range e.lines {
			again = appendBytes(append(again, entryLine), []byte(line))
		}
		if e2, err := again.errands(); err != nil || !cmp.Equal(e, e2, cmp.AllowUnexported(errands{}, tokenErrand{})) {
			t.Errorf("%+v, again %+v, %v", e, e2, err)
		}
	})
}

// News that are no news are dropped.
func FuzzDecodeNews(f *testing.F) {
	e := fullEnvelope()
	event := e.move.event
	news := encodeNews(nodeID{1}, *e, []session.Event{event})
	f.Add(news[1+len(nodeID{}):])
	f.Add([]byte{})
	f.Fuzz(func(t *testing.T, b []byte) {
		d := decoder{rest: b}
		c := decodeCommit(&d)
		if d.failed {
			return
		}
		again := decoder{rest: encodeNews(nodeID{1}, envelope{rev: c.rev, tag: c.tag}, c.events)[1+len(nodeID{}):]}
		c2 := decodeCommit(&again)
		for _, event := range c.events {
			if event.Cause == "" && len(event.Gone) == 0 { // which is not told
				return
			}
		}
		if again.failed || !cmp.Equal(c.events, c2.events, cmpopts.EquateEmpty()) || c.rev != c2.rev || c.tag != c2.tag {
			t.Errorf("%+v, again %+v", c, c2)
		}
	})
}

// A URL is understood, or refused without a word of its password.
func FuzzParseURL(f *testing.F) {
	for _, text := range []string{"redis://user:secret@host:1/2", "rediss://h", "redis://a,b?cluster", "redis://a:1,[::1]:2?master=m", "redis://%zz@h", "http://h", "redis://h/x"} {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		o, err := parseURL(text)
		if err == nil && (len(o.InitAddress) == 0 || o.SelectDB < 0) {
			t.Errorf("%q gave %+v", text, o.InitAddress)
		}
		if o.Password != "" && len(o.Password) > 8 && bytes.Contains([]byte(Redact(text)), []byte(o.Password)) {
			t.Errorf("%q is shown as %q", text, Redact(text))
		}
	})
}
