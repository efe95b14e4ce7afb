package redisstore

import (
	"bytes"
	"context"
	"errors"
	"testing"
	"time"

	"github.com/seshd/seshd/session"
	"github.com/seshd/seshd/session/redisstore/redistest"
)

// TestTheSweepGoesAroundWhatIsDamaged: values whose record is damaged, or a newer seshd's, more than it looks at in one go, and an entry that
// is of no session at all, all due before one that has timed out.
func TestTheSweepGoesAroundWhatIsDamaged(t *testing.T) {
	s := serverOn(t, redistest.Start(t))
	h := visitor(1)
	r := s.mustAdd(h)
	e, err := s.read(t.Context(), h.ID)
	if err != nil {
		t.Fatal(err)
	}
	copied := *e
	value, record := copied.encode(), encodeRecord(e.record)
	at := bytes.Index(value, record)
	value[at] = ^value[at] // the format of the record
	if _, err := decodeEnvelope(value); !errors.Is(err, errDamaged) {
		t.Fatalf("read as %v", err)
	}
	due := func(member string) {
		t.Helper()
		if err := s.do(t.Context(), s.client.B().Zadd().Key(dueKey(h.ID)).ScoreMember().ScoreMember(1, member).Build()).Error(); err != nil {
			t.Fatal(err)
		}
	}
	due("short")
	for n := range sweepChunk {
		id := session.ID{h.ID[0], 1, byte(n)}
		if err := s.do(t.Context(), s.client.B().Set().Key(sessionKey(id)).Value(string(value)).Build()).Error(); err != nil {
			t.Fatal(err)
		}
		due(string(id[:]))
	}
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	now := r.Deadline.Add(time.Second)
	if ended, err := s.Sweep(ctx, now); ended != 1 || err != nil {
		t.Errorf("%d sessions ended, %v", ended, err)
	}
	waiting, err := s.do(t.Context(), s.client.B().Zcount().Key(dueKey(h.ID)).Min(formatScore(dueScore(now.Add(damagedFor)))).Max("+inf").Build()).AsInt64()
	if err != nil || waiting != sweepChunk+1 {
		t.Errorf("%d entries wait until they are looked at again, %v", waiting, err)
	}
}
