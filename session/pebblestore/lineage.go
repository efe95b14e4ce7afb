package pebblestore

import (
	"encoding/binary"
	"errors"
	"fmt"

	"github.com/cockroachdb/pebble/v2"

	"github.com/seshd/seshd/session"
)

// readLineage finds the lineage that Restore began last; a store that never went back in time has none.
func readLineage(db *pebble.DB) (session.Lineage, error) {
	value, closer, err := db.Get([]byte(prefixLineage))
	if errors.Is(err, pebble.ErrNotFound) {
		return 0, nil
	}
	if err != nil {
		return 0, err
	}
	defer closer.Close()
	if len(value) != binary.Size(session.Lineage(0)) {
		return 0, errors.New("the store's lineage is damaged: restore a backup")
	}
	return session.Lineage(binary.BigEndian.Uint64(value)), nil
}

func writeLineage(db *pebble.DB, l session.Lineage) error {
	return db.Set([]byte(prefixLineage), binary.BigEndian.AppendUint64(nil, uint64(l)), pebble.Sync)
}

// decodeRecord reads a record as the store's lineage presents it.
func (s *Store) decodeRecord(value []byte) (*session.Record, error) {
	r, err := session.DecodeRecord(value)
	if err != nil {
		return nil, fmt.Errorf("%w: seshd check tells what else is damaged", err)
	}
	return s.present(r), nil
}

// present renews a record of an earlier lineage. Which is one shows in its versions, since no earlier lineage came so high.
func (s *Store) present(r *session.Record) *session.Record {
	if r == nil || max(r.State.Version, r.State.Floor) >= s.lineage.First() {
		return r
	}
	return s.lineage.Renew(r)
}
