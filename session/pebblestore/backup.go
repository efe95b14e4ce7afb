package pebblestore

import (
	"archive/tar"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"strings"
	"time"

	"github.com/cockroachdb/pebble/v2"

	"github.com/seshd/seshd/session"
)

// A backup is a tar of a data directory: first a label, then the generated keys and the database's files as of one moment, and last
// their SHA-256 sums, as sha256sum -c reads them. So whoever reads it knows that it is whole.
const (
	labelName    = "seshd-backup.json"
	sumsName     = "SHA256SUMS"
	kindBackup   = "backup"
	backupFormat = 1
)

// keptSecrets are the names under which a server keeps its secrets: without them its visitors' cookies are worth nothing.
var keptSecrets = [...]string{"secret-key", "api-key"}

// checkpointPattern names directories in the data directory that hold the files of a backup while it is written.
const checkpointPattern = ".backup-*"

// Backup writes a backup, for Restore. All is in it that was acknowledged before it was asked for; writes go on meanwhile.
func (s *Store) Backup(ctx context.Context, w io.Writer) error {
	dir, at, err := s.checkpoint()
	if err != nil {
		return err
	}
	defer func() {
		if err := os.RemoveAll(dir); err != nil {
			s.log.Error("the files of a backup stay until the next start", "directory", dir, "error", err)
		}
	}()
	b := backup{ctx: ctx, tar: tar.NewWriter(w), at: at}
	if err := b.write(s.dir, dir); err != nil {
		return fmt.Errorf("backup: %w", err)
	}
	return nil
}

// checkpoint has Pebble link the files of the database, as of now, into a directory beside it, which takes next to no room: sstables
// never change.
func (s *Store) checkpoint() (dir string, at time.Time, err error) {
	if err := s.keepOpen(); err != nil {
		return "", at, err
	}
	defer s.exports.Done()
	if s.space.check() != nil {
		return "", at, errFull
	}
	if dir, err = os.MkdirTemp(s.dir, checkpointPattern); err != nil {
		return "", at, s.fault(err)
	}
	at = time.Now()
	if err := s.db.Checkpoint(filepath.Join(dir, databaseName), pebble.WithFlushedWAL()); err != nil {
		return "", at, errors.Join(s.fault(err), os.RemoveAll(dir))
	}
	return dir, at, nil
}

// removeLeft removes what backups left, or restores, that a crash ended.
func removeLeft(dir, pattern string) error {
	left, err := filepath.Glob(filepath.Join(dir, pattern))
	for _, path := range left {
		err = errors.Join(err, os.RemoveAll(path))
	}
	return err
}

// backup is one on its way.
type backup struct {
	ctx  context.Context
	tar  *tar.Writer
	at   time.Time
	sums strings.Builder
}

func (b *backup) write(data, checkpoint string) error {
	err := b.text(labelName, session.NewMark(kindBackup, backupFormat, b.at))
	for _, name := range keptSecrets {
		if err == nil {
			err = b.file(name, filepath.Join(data, name))
		}
		if errors.Is(err, fs.ErrNotExist) { // it was given by a flag
			err = nil
		}
	}
	if err != nil {
		return err
	}
	files, err := os.ReadDir(filepath.Join(checkpoint, databaseName))
	if err != nil {
		return err
	}
	for _, f := range files {
		if err := b.file(path.Join(databaseName, f.Name()), filepath.Join(checkpoint, databaseName, f.Name())); err != nil {
			return err
		}
	}
	return errors.Join(b.text(sumsName, b.sums.String()), b.tar.Close())
}

func (b *backup) text(name, text string) error {
	return b.entry(name, int64(len(text)), strings.NewReader(text))
}

func (b *backup) file(name, path string) error {
	f, err := os.Open(path)
	if err != nil {
		return err
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return err
	}
	return b.entry(name, info.Size(), f)
}

func (b *backup) entry(name string, size int64, from io.Reader) error {
	if err := b.ctx.Err(); err != nil {
		return err
	}
	if err := b.tar.WriteHeader(&tar.Header{Name: name, Size: size, Mode: secretMode, ModTime: b.at}); err != nil {
		return err
	}
	sum := sha256.New()
	if _, err := io.Copy(io.MultiWriter(b.tar, sum), from); err != nil {
		return err
	}
	fmt.Fprintf(&b.sums, "%s  %s\n", hex.EncodeToString(sum.Sum(nil)), name)
	return nil
}
