package pebblestore

import (
	"crypto/rand"
	"encoding/base64"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
)

const (
	secretBytes = 32
	secretMode  = 0o600
)

// NewSecret draws 256 bits from crypto/rand and returns them as text.
func NewSecret() string {
	var secret [secretBytes]byte
	rand.Read(secret[:])
	return base64.RawURLEncoding.EncodeToString(secret[:])
}

// Secret returns the secret of a name, which lives in a file of that name in the data directory (mode 0600).
// The first call draws it.
func (s *Store) Secret(name string) (string, error) {
	path := filepath.Join(s.dir, name)
	text, err := os.ReadFile(path)
	if err == nil {
		return strings.TrimSpace(string(text)), os.Chmod(path, secretMode)
	}
	if !errors.Is(err, fs.ErrNotExist) {
		return "", fmt.Errorf("secret %s: %w", name, err)
	}
	secret := NewSecret()
	if err := writeDurably(path, secret+"\n"); err != nil {
		return "", fmt.Errorf("secret %s: %w", name, err)
	}
	return secret, nil
}

// writeDurably writes a file in whole or not at all: a key that a power cut took would log everybody out.
func writeDurably(path, text string) error {
	f, err := os.CreateTemp(filepath.Dir(path), ".new-*") // mode 0600
	if err != nil {
		return err
	}
	defer os.Remove(f.Name())
	_, err = f.WriteString(text)
	err = errors.Join(err, f.Sync(), f.Close())
	if err != nil {
		return err
	}
	if err := os.Rename(f.Name(), path); err != nil {
		return err
	}
	return syncDirectory(filepath.Dir(path))
}
