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
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/cockroachdb/pebble/v2"

	"github.com/seshd/seshd/session"
)

// restorePattern names the directory, in the data directory, in which a backup is until it is known to be good.
const restorePattern = ".restore-*"

// Restore puts what Backup wrote into a data directory that holds none yet, once it has checked all of it: in whole or not at all. It
// begins a lineage, since tabs and copies may know what came after the backup, and is lost.
func Restore(ctx context.Context, r io.Reader, dir string, o Options) (f Findings, err error) {
	o = o.withDefaults()
	if err := refuseData(dir); err != nil {
		return f, err
	}
	if err := errors.Join(os.MkdirAll(dir, dirMode), removeLeft(dir, restorePattern)); err != nil {
		return f, explain(dir, err)
	}
	from, err := os.MkdirTemp(dir, restorePattern)
	if err != nil {
		return f, explain(dir, err)
	}
	defer func() { err = errors.Join(err, os.RemoveAll(from)) }()
	if f, err = unpackAndCheck(ctx, r, from, o); err != nil || len(f.Damage) > 0 {
		return f, err
	}
	if err := beginLineage(filepath.Join(from, databaseName), f.newest, o); err != nil {
		return f, explain(dir, err)
	}
	return f, moveIn(from, dir)
}

// CheckBackup checks what Backup wrote, in a temporary directory.
func CheckBackup(ctx context.Context, r io.Reader, o Options) (f Findings, err error) {
	dir, err := os.MkdirTemp("", "seshd-check-")
	if err != nil {
		return f, err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()
	return unpackAndCheck(ctx, r, dir, o.withDefaults())
}

func unpackAndCheck(ctx context.Context, r io.Reader, dir string, o Options) (Findings, error) {
	u := unpacking{dir: dir, sums: make(map[string]string)}
	if err := u.all(ctx, r); err != nil {
		return Findings{}, fmt.Errorf("this backup cannot be used: %w", err)
	}
	return Check(ctx, dir, o)
}

// refuseData refuses a directory that holds what a backup would replace. Other things, such as a volume's lost+found, may be there.
func refuseData(dir string) error {
	for _, name := range append(keptSecrets[:], databaseName) {
		if _, err := os.Lstat(filepath.Join(dir, name)); err == nil {
			return fmt.Errorf("%s holds data already (%s): restore into another directory, or move that away", dir, name)
		} else if !errors.Is(err, fs.ErrNotExist) {
			return err
		}
	}
	return nil
}

// moveIn moves what was unpacked into the data directory, the database last: without one there is no data to start with.
func moveIn(from, dir string) error {
	for _, name := range append(keptSecrets[:], databaseName) {
		err := os.Rename(filepath.Join(from, name), filepath.Join(dir, name))
		if err != nil && (name == databaseName || !errors.Is(err, fs.ErrNotExist)) {
			return err
		}
	}
	return errors.Join(os.Chmod(dir, dirMode), syncDirectory(dir))
}

func beginLineage(path string, newest uint64, o Options) (err error) {
	db, err := pebble.Open(path, pebbleOptions(path, nil, o))
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, db.Close()) }()
	before, err := readLineage(db)
	if err != nil {
		return err
	}
	return errors.Join(markFormat(db), writeLineage(db, before.Next(time.Now(), newest)))
}

// unpacking is a backup on its way into a directory.
type unpacking struct {
	dir  string
	sums map[string]string // of the files so far
}

func (u *unpacking) all(ctx context.Context, r io.Reader) error {
	in := tar.NewReader(r)
	if err := u.label(in); err != nil {
		return err
	}
	if err := os.Mkdir(filepath.Join(u.dir, databaseName), dirMode); err != nil {
		return err
	}
	for ctx.Err() == nil {
		header, err := in.Next()
		switch {
		case errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF):
			return errors.New("it was cut off before its end")
		case err != nil:
			return err
		case header.Name == sumsName:
			return errors.Join(u.compare(in), syncDirectory(filepath.Join(u.dir, databaseName)))
		case header.Typeflag != tar.TypeReg || !expected(header.Name):
			return fmt.Errorf("%.200q does not belong in a backup of seshd", header.Name)
		}
		if err := u.file(header.Name, in); err != nil {
			return fmt.Errorf("%s: %w", header.Name, err)
		}
	}
	return ctx.Err()
}

// expected says whether a name may be in a backup, so that none leads out of the directory.
func expected(name string) bool {
	file, inDatabase := strings.CutPrefix(name, databaseName+"/")
	return inDatabase && filepath.IsLocal(file) && filepath.Base(file) == file || slices.Contains(keptSecrets[:], name)
}

func (u *unpacking) label(in *tar.Reader) error {
	header, err := in.Next()
	if err != nil || header.Name != labelName {
		return errors.New("this is no backup of seshd")
	}
	text, err := io.ReadAll(in)
	if err != nil {
		return err
	}
	u.sums[labelName] = sumOf(text)
	_, err = session.ReadMark(text, kindBackup, backupFormat)
	return err
}

func (u *unpacking) file(name string, from io.Reader) error {
	f, err := os.OpenFile(filepath.Join(u.dir, filepath.FromSlash(name)), os.O_WRONLY|os.O_CREATE|os.O_EXCL, secretMode)
	if err != nil {
		return err
	}
	sum := sha256.New()
	_, err = io.Copy(io.MultiWriter(f, sum), from)
	if errors.Is(err, io.ErrUnexpectedEOF) {
		err = errors.New("the backup was cut off here")
	}
	u.sums[name] = hex.EncodeToString(sum.Sum(nil))
	return errors.Join(err, f.Sync(), f.Close())
}

// compare holds what came against the sums at the end.
func (u *unpacking) compare(in io.Reader) error {
	text, err := io.ReadAll(in)
	if err != nil {
		return err
	}
	for line := range strings.Lines(string(text)) {
		sum, name, _ := strings.Cut(strings.TrimSuffix(line, "\n"), "  ")
		if u.sums[name] != sum {
			err = errors.Join(err, fmt.Errorf("%s is missing, or not what was written", name))
		}
		delete(u.sums, name)
	}
	for name := range u.sums {
		err = errors.Join(err, fmt.Errorf("%s is not of this backup", name))
	}
	return err
}

func sumOf(text []byte) string {
	sum := sha256.Sum256(text)
	return hex.EncodeToString(sum[:])
}

func syncDirectory(path string) error {
	dir, err := os.Open(path)
	if err != nil {
		return err
	}
	return errors.Join(dir.Sync(), dir.Close())
}
