package pebblestore

import (
	"context"
	"encoding/binary"
	"errors"

	"github.com/cockroachdb/pebble/v2"

	"github.com/seshd/seshd/session"
)

// keptLives is how many lines of the story are kept for backends that come back: some 10 MB at most, and hours of logins
// in a busy shop. They are forgotten this many at a time, since each time costs a range deletion.
const (
	keptLives   = 1 << 16
	forgetLives = 1 << 12
)

func lifeKey(seq uint64) []byte {
	return binary.BigEndian.AppendUint64([]byte(prefixLife), seq)
}

// storyBounds finds the numbers of the oldest and the newest line of a lineage; what was told before it began may have been followed
// by what is lost.
func storyBounds(db *pebble.DB, lineage session.Lineage) (oldest, newest uint64, err error) {
	iter, err := db.NewIter(&pebble.IterOptions{LowerBound: []byte(prefixLife), UpperBound: []byte{prefixLife[0] + 1}})
	if err != nil {
		return 0, 0, err
	}
	if iter.First() {
		oldest = binary.BigEndian.Uint64(iter.Key()[len(prefixLife):])
	}
	if iter.Last() {
		newest = binary.BigEndian.Uint64(iter.Key()[len(prefixLife):])
	}
	return max(oldest, lineage.First()+1), max(newest, lineage.First()), errors.Join(iter.Error(), iter.Close())
}

// encodeStory numbers the lines and puts them into the batch.
func (t *tx) encodeStory(batch *pebble.Batch) error {
	for i, life := range t.lives {
		if err := batch.Set(lifeKey(t.newest+uint64(i)+1), session.AppendLife(nil, life), nil); err != nil {
			return err
		}
	}
	if t.forget > 0 {
		return batch.DeleteRange(lifeKey(0), lifeKey(t.forget), nil)
	}
	return nil
}

// forgetStory has the lines that are too old forgotten.
func (t *tx) forgetStory() {
	if s := t.store; t.newest > t.oldest+s.keptLives+s.forgetLives {
		t.forget = t.newest - s.keptLives
	}
}

// Lives returns lines of the story.
func (s *Store) Lives(_ context.Context, after uint64, limit int) (lives []session.Life, newest uint64, gap bool, err error) {
	s.visible.RLock()
	defer s.visible.RUnlock()
	if s.shut {
		return nil, 0, false, errClosed
	}
	oldest := s.oldest
	for _, unsynced := range s.hidden { // what is being forgotten may be gone from disk
		oldest = max(oldest, unsynced.forget)
	}
	gap = after > s.newest || after+1 < oldest
	from := oldest
	if !gap {
		from = after + 1
	}
	from = min(from, s.newest+1) // what is being forgotten may be newer than what is shown
	iter, err := s.db.NewIter(&pebble.IterOptions{LowerBound: lifeKey(from), UpperBound: lifeKey(s.newest + 1)})
	if err != nil {
		return nil, 0, false, s.fault(err)
	}
	defer iter.Close()
	for iter.First(); iter.Valid() && len(lives) < limit; iter.Next() {
		value, err := iter.ValueAndErr()
		if err != nil {
			return nil, 0, false, s.fault(err)
		}
		life, err := session.DecodeLife(value)
		if err != nil {
			return nil, 0, false, s.fault(err)
		}
		life.Seq = binary.BigEndian.Uint64(iter.Key()[len(prefixLife):])
		lives = append(lives, life)
	}
	if err := iter.Error(); err != nil {
		return nil, 0, false, s.fault(err)
	}
	return lives, s.newest, gap, nil
}
