package pebblestore

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"github.com/cockroachdb/pebble/v2"
	"github.com/cockroachdb/pebble/v2/sstable"
	"github.com/cockroachdb/pebble/v2/vfs"

	"github.com/seshd/seshd/session"
)

// maxDamage is how many things that are wrong Findings names: more than a person reads.
const maxDamage = 100

// Findings tells what Check read.
type Findings struct {
	Sessions, Tokens, Tickets, Users, Lives int
	// Damage names what is wrong, each with its file or key, up to a hundred things; More is how many there are beside.
	Damage []string
	More   int

	newest uint64 // the highest version of a session, or number in the story
}

// Check reads all that a data directory holds, which no server may use meanwhile, and changes nothing: every block has its checksum,
// every record can be read, and tokens, users' lists and the story agree with the sessions. The error is for what cannot be checked.
func Check(ctx context.Context, dir string, o Options) (f Findings, err error) {
	o = o.withDefaults()
	path := filepath.Join(dir, databaseName)
	if _, err := os.Stat(path); errors.Is(err, fs.ErrNotExist) {
		return f, fmt.Errorf("%s is no data directory of seshd: %w", dir, err)
	} else if err != nil {
		return f, err
	}
	if _, err := readMark(dir); err != nil {
		return f, err
	}
	lock, err := lockDirectory(dir, path, o)
	if err != nil {
		return f, err
	}
	defer func() { err = errors.Join(err, lock.Close()) }()
	options := pebbleOptions(path, lock, o)
	options.ReadOnly = true
	options.EventListener = &pebble.EventListener{DataCorruption: func(pebble.DataCorruptionInfo) {}} // that is among the findings
	var db *pebble.DB
	if err = checkManifest(path, o.files()); err == nil {
		db, err = pebble.Open(path, options)
	}
	if err != nil {
		f.found("%v", explain(path, err))
		return f, nil
	}
	c := &checking{Findings: &f, ctx: ctx, db: db, path: path, tableOptions: tableOptions(path, o), now: time.Now(), begun: make(map[session.ID]bool)}
	err = errors.Join(c.all(), db.Close()) // before f is read
	return f, err
}

// tableOptions are those with which Pebble reads a table of this database.
func tableOptions(path string, o Options) sstable.ReaderOptions {
	options := pebbleOptions(path, nil, o)
	options.FS = vfs.Default // else the defaults would begin to watch one
	options.EnsureDefaults()
	return options.MakeReaderOptions()
}

func (f *Findings) found(format string, args ...any) {
	if len(f.Damage) == maxDamage {
		f.More++
		return
	}
	f.Damage = append(f.Damage, fmt.Sprintf(format, args...))
}

// checking is one Check on its way.
type checking struct {
	*Findings
	ctx          context.Context
	db           *pebble.DB
	path         string
	tableOptions sstable.ReaderOptions
	now          time.Time
	begun        map[session.ID]bool // what the story told last of a session: that it began, or that it is over
}

func (c *checking) all() error {
	if err := c.tables(); err != nil {
		return err
	}
	c.marks()
	parts := []struct {
		prefix string
		check  func(key string, value []byte) error
	}{
		{prefixSession, c.session}, {prefixToken, c.token}, {prefixTicket, c.ticket},
		{prefixUser, c.user}, {prefixLife, c.life}, {prefixIndex, c.entry},
	}
	for _, part := range parts {
		if err := c.each(part.prefix, part.check); err != nil {
			return err
		}
	}
	c.story()
	return c.ctx.Err()
}

// tables reads every block of every sstable, those too that nothing in it leads to any more.
func (c *checking) tables() error {
	levels, err := c.db.SSTables()
	if err != nil {
		return err
	}
	for _, level := range levels {
		for _, table := range level {
			path := filepath.Join(c.path, table.BackingSSTNum.String()+".sst")
			if err := c.table(path); err != nil {
				c.found("%s: %v", path, err)
			}
		}
	}
	return nil
}

func (c *checking) table(path string) error {
	if err := c.ctx.Err(); err != nil {
		return err
	}
	file, err := vfs.Default.Open(path)
	if err != nil {
		return err
	}
	readable, err := sstable.NewSimpleReadable(file)
	if err != nil {
		return errors.Join(err, file.Close())
	}
	reader, err := sstable.NewReader(c.ctx, readable, c.tableOptions)
	if err != nil {
		return errors.Join(err, readable.Close())
	}
	return errors.Join(reader.ValidateBlockChecksums(), reader.Close())
}

// marks reads what the store is told about itself.
func (c *checking) marks() {
	if _, err := formatOf(c.db); err != nil {
		c.found("the format mark: %v", withFile(err))
	}
	if _, err := readLineage(c.db); err != nil {
		c.found("the lineage: %v", withFile(err))
	}
}

// each goes through the keys of a prefix. What check says of a key is wrong with it.
func (c *checking) each(prefix string, check func(key string, value []byte) error) error {
	iter, err := c.db.NewIter(&pebble.IterOptions{LowerBound: []byte(prefix), UpperBound: []byte{prefix[0] + 1}})
	if err != nil {
		return err
	}
	defer iter.Close()
	for iter.First(); iter.Valid() && c.ctx.Err() == nil; iter.Next() {
		value, err := iter.ValueAndErr()
		if err == nil {
			err = check(string(iter.Key()[len(prefix):]), value)
		}
		if err != nil {
			c.found("key %s: %v", nameOf(iter.Key()), withFile(err))
		}
	}
	if err := iter.Error(); err != nil {
		c.found("keys that begin with %s cannot all be read: %v", prefix, withFile(err))
	}
	return nil
}

// nameOf writes a key as a person can read it: its letter, and a user's name as it is.
func nameOf(key []byte) string {
	if string(key[:1]) == prefixUser {
		return fmt.Sprintf("%s %q", key[:1], key[1:])
	}
	return fmt.Sprintf("%s %x", key[:1], key[1:])
}

func (c *checking) value(key string) ([]byte, error) {
	value, closer, err := c.db.Get([]byte(key))
	if errors.Is(err, pebble.ErrNotFound) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	defer closer.Close()
	return append([]byte{}, value...), nil
}

// record is what another key leads to; nil where that cannot be read, which is said of its own key.
func (c *checking) record(id session.ID) (r *session.Record, exists bool) {
	value, err := c.value(sessionKey(id))
	if err != nil {
		return nil, true
	}
	if value == nil {
		return nil, false
	}
	r, _ = session.DecodeRecord(value)
	return r, true
}
