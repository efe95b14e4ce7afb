package connect

import (
	"errors"
	"fmt"
	"io/fs"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"
)

// jar keeps cookies, in a file that curl reads and writes too, or in memory. A file is read again each time: whoever else
// uses it may have logged in meanwhile. For one goroutine.
type jar struct {
	path  string // empty: in memory
	lines []string
	err   error // the first thing that went wrong; http.CookieJar has no place for it
}

// newJar opens a file, or a jar in memory with the cookies of a Cookie header, which may be empty.
func newJar(path string, u *url.URL, header string) (*jar, error) {
	j := &jar{path: path}
	if header == "" {
		return j, j.load()
	}
	cookies, err := http.ParseCookie(header)
	if err != nil || !slices.ContainsFunc(cookies, func(c *http.Cookie) bool { return strings.HasSuffix(c.Name, "session") }) {
		return nil, errors.New("want session=… (or __Host-session=… over HTTPS), as it stands in a Cookie header")
	}
	j.SetCookies(u, cookies)
	return j, j.err
}

// Cookies implements http.CookieJar.
func (j *jar) Cookies(u *url.URL) (cookies []*http.Cookie) {
	j.fail(j.load())
	for _, text := range j.lines {
		if c, ok := readCookieLine(text); ok && c.goesTo(u, time.Now()) {
			cookies = append(cookies, &http.Cookie{Name: c.name, Value: c.value})
		}
	}
	return cookies
}

// SetCookies implements http.CookieJar.
func (j *jar) SetCookies(u *url.URL, cookies []*http.Cookie) {
	if err := j.load(); err != nil {
		j.fail(err)
		return
	}
	for _, c := range cookies {
		line := cookieLineOf(u, c, time.Now())
		j.lines = slices.DeleteFunc(j.lines, func(text string) bool {
			old, ok := readCookieLine(text)
			return ok && old.is(line)
		})
		if !line.ended(time.Now()) {
			j.lines = append(j.lines, line.String())
		}
	}
	j.fail(j.save())
}

func (j *jar) fail(err error) {
	if j.err == nil {
		j.err = err
	}
}

func (j *jar) load() error {
	if j.path == "" {
		return nil
	}
	text, err := os.ReadFile(j.path)
	if errors.Is(err, fs.ErrNotExist) {
		j.lines = []string{netscapeHeader}
		return nil
	}
	if err != nil {
		return fmt.Errorf("--jar: %w", err)
	}
	j.lines = strings.Split(strings.TrimRight(strings.ReplaceAll(string(text), "\r\n", "\n"), "\n"), "\n")
	for i, text := range j.lines {
		if _, ok := readCookieLine(text); !ok && !isNote(text) { // not quoted: it may be a secret
			return fmt.Errorf("--jar %s: line %d is no cookie in the format of Netscape, which curl -c writes: name another file", j.path, i+1)
		}
	}
	return nil
}

// save replaces the file as a whole, so that no reader finds half of it, by one that its owner alone may read.
func (j *jar) save() error {
	if j.path == "" {
		return nil
	}
	f, err := os.CreateTemp(filepath.Dir(j.path), ".jar-*") // with mode 0600
	if err != nil {
		return fmt.Errorf("--jar: %w", err)
	}
	defer os.Remove(f.Name()) // nothing, once it is renamed
	_, err = f.WriteString(strings.Join(j.lines, "\n") + "\n")
	if err = errors.Join(err, f.Close()); err == nil {
		err = os.Rename(f.Name(), j.path)
	}
	if err != nil {
		return fmt.Errorf("--jar: %w", err)
	}
	return nil
}
