package main

import (
	"errors"
	"fmt"
	"log/slog"
	"math"
	"net"
	"net/http"
	"net/url"
	"regexp"
	"strconv"
	"strings"
	"time"
)

// A value is one kind of setting. Its errors say what is wanted; the loader puts the flag and the
// refused text in front, so that each message has all three (and a secret only two).
type value interface {
	set(text string) error
	kind() string // as --help shows it
}

// A listValue takes several items: separated by commas on the command line, a list in YAML.
type listValue interface {
	value
	setItems(items []string) error
}

// splitList cuts at commas. Nothing at all is the empty list, not a list of one empty item.
func splitList(text string) []string {
	items := []string{}
	if strings.TrimSpace(text) == "" {
		return items
	}
	for item := range strings.SplitSeq(text, ",") {
		items = append(items, strings.TrimSpace(item))
	}
	return items
}

// address is a host and port to listen on.
type address string

func (*address) kind() string { return "host:port" }

func (a *address) set(text string) error {
	_, port, err := net.SplitHostPort(text)
	if err == nil {
		_, err = net.LookupPort("tcp", port)
	}
	if err != nil || port == "" {
		if _, number := strconv.ParseUint(text, 10, 16); number == nil {
			return fmt.Errorf("want host:port or :port, here :%s", text)
		}
		return errors.New("want host:port or :port, such as :8000 or 127.0.0.1:8000")
	}
	*a = address(text)
	return nil
}

// optionalAddress may be empty: that listener is off.
type optionalAddress address

func (*optionalAddress) kind() string { return "host:port" }

func (a *optionalAddress) set(text string) error {
	if text == "" {
		*a = ""
		return nil
	}
	return (*address)(a).set(text)
}

type directory string

func (*directory) kind() string { return "directory" }

func (d *directory) set(text string) error {
	if text == "" {
		return errors.New("want a directory, such as ./data")
	}
	*d = directory(text)
	return nil
}

// optionalFile is the path of a file that is read by whoever needs it.
type optionalFile string

func (*optionalFile) kind() string { return "file" }

func (f *optionalFile) set(text string) error {
	*f = optionalFile(text)
	return nil
}

type toggle bool

func (*toggle) kind() string { return "bool" }

func (s *toggle) set(text string) error {
	switch strings.ToLower(text) {
	case "true", "1", "yes", "on":
		*s = true
	case "false", "0", "no", "off":
		*s = false
	default:
		return errors.New("want true or false")
	}
	return nil
}

// duration is a time span over nothing: no setting of this kind has a use for 0.
type duration time.Duration

func (*duration) kind() string { return "duration" }

var wholeDays = regexp.MustCompile(`^([0-9]{1,6})d(.*)$`)

func (d *duration) set(text string) error {
	rest, days := text, time.Duration(0)
	if m := wholeDays.FindStringSubmatch(text); m != nil {
		n, _ := strconv.Atoi(m[1]) // six digits at most
		days, rest = time.Duration(n), m[2]
		if rest == "" {
			rest = "0s"
		}
	}
	const day = 24 * time.Hour
	span, err := time.ParseDuration(rest)
	if err != nil || span < 0 || days > (math.MaxInt64-span)/day || days*day+span <= 0 {
		return errors.New("want a duration over 0, such as 30d, 720h, 90m or 2s")
	}
	*d = duration(days*day + span)
	return nil
}

// count is a limit on a number of things; 0 is no limit.
type count int

func (*count) kind() string { return "count" }

func (c *count) set(text string) error {
	n, err := strconv.ParseInt(text, 10, 32)
	if err != nil || n < 0 {
		return fmt.Errorf("want a whole number up to %d, or 0 for no limit", math.MaxInt32)
	}
	*c = count(n)
	return nil
}

// limit is what the packages take: they read 0 as their default and a negative number as no limit.
func (c count) limit() int {
	if c == 0 {
		return -1
	}
	return int(c)
}

// size is a limit in bytes; 0 is no limit.
type size int

func (*size) kind() string { return "size" }

var sizeText = regexp.MustCompile(`(?i)^([0-9]{1,10})\s*(B|KiB|MiB)?$`)

// maxSize keeps every size within an int of 32 bits.
const maxSize = math.MaxInt32

func (s *size) set(text string) error {
	m := sizeText.FindStringSubmatch(text)
	if m == nil {
		return errors.New("want bytes, such as 65536, 64KiB or 1MiB, or 0")
	}
	n, _ := strconv.ParseInt(m[1], 10, 64) // ten digits at most
	switch strings.ToLower(m[2]) {
	case "kib":
		n <<= 10
	case "mib":
		n <<= 20
	}
	if n > maxSize {
		return fmt.Errorf("want %d bytes at most (just under 2048MiB), or 0", maxSize)
	}
	*s = size(n)
	return nil
}

func (s size) limit() int { return count(s).limit() }

// globs are patterns of keys. The empty list is one that matches nothing.
type globs []string

func (*globs) kind() string            { return "globs" }
func (g *globs) set(text string) error { return g.setItems(splitList(text)) }

func (g *globs) setItems(items []string) error {
	for _, item := range items {
		if item == "" {
			return errors.New("want globs separated by commas, such as cart,draft.*: one of these is empty")
		}
	}
	*g = items
	return nil
}

// origins are compared byte for byte with what browsers send, so they must be written the way browsers do.
type origins []string

func (*origins) kind() string            { return "origins" }
func (o *origins) set(text string) error { return o.setItems(splitList(text)) }

func (o *origins) setItems(items []string) error {
	for _, item := range items {
		u, err := url.Parse(item)
		switch {
		case err != nil || (u.Scheme != "http" && u.Scheme != "https") || u.Host == "":
			return fmt.Errorf("want scheme://host or scheme://host:port, such as https://shop.example, not %q", item)
		case item != strings.ToLower(u.Scheme+"://"+u.Host):
			return fmt.Errorf("want %s, without a path and in lower case, not %q", strings.ToLower(u.Scheme+"://"+u.Host), item)
		case u.Scheme == "http" && u.Port() == "80", u.Scheme == "https" && u.Port() == "443":
			return fmt.Errorf("want %s://%s without the port, which browsers leave out there", u.Scheme, u.Hostname())
		}
	}
	*o = items
	return nil
}

// appURL is where an app listens; empty where there is no app.
type appURL url.URL

func (*appURL) kind() string { return "URL" }

func (a *appURL) set(text string) error {
	if text == "" {
		*a = appURL{}
		return nil
	}
	u, err := url.Parse(text)
	switch {
	case err != nil || (u.Scheme != "http" && u.Scheme != "https") || u.Hostname() == "":
		return errors.New("want http://host:port, such as http://127.0.0.1:3000")
	case u.User != nil || (u.Path != "" && u.Path != "/") || u.RawQuery != "" || u.Fragment != "":
		return fmt.Errorf("want %s://%s and nothing else: paths reach the app as they come", u.Scheme, u.Host)
	}
	*a = appURL(*u)
	return nil
}

// url is nil where there is no app.
func (a *appURL) url() *url.URL {
	if a.Host == "" {
		return nil
	}
	return (*url.URL)(a)
}

// errNoKey answers a secret that was meant to be there, say from a variable that was not set.
var errNoKey = errors.New("it is empty: give a key (`seshd keygen` prints one), or leave it out to have one generated into --data")

// minCookieKey is the length of the MAC and of the cipher's key: a shorter secret would be the weakest part.
const minCookieKey = 32

// cookieKeys sign and encrypt cookies: the first signs, all verify.
type cookieKeys []string

func (*cookieKeys) kind() string            { return "secrets" }
func (k *cookieKeys) set(text string) error { return k.setItems(splitList(text)) }

func (k *cookieKeys) setItems(items []string) error {
	if len(items) == 0 {
		return errNoKey
	}
	for i, item := range items {
		if len(item) < minCookieKey {
			return fmt.Errorf("key %d of %d has %d bytes: want at least %d (`seshd keygen` prints a fresh key)", i+1, len(items), len(item), minCookieKey)
		}
	}
	*k = items
	return nil
}

// apiKeys open the server API: any of them will do.
type apiKeys []string

func (*apiKeys) kind() string            { return "secrets" }
func (k *apiKeys) set(text string) error { return k.setItems(splitList(text)) }

func (k *apiKeys) setItems(items []string) error {
	if len(items) == 0 {
		return errNoKey
	}
	for i, item := range items {
		if item == "" {
			return fmt.Errorf("key %d of %d is empty (`seshd keygen` prints a fresh key)", i+1, len(items))
		}
	}
	*k = items
	return nil
}

type sameSite http.SameSite

func (*sameSite) kind() string { return "lax|strict|none" }

func (s *sameSite) set(text string) error {
	modes := map[string]http.SameSite{"lax": http.SameSiteLaxMode, "strict": http.SameSiteStrictMode, "none": http.SameSiteNoneMode}
	mode, ok := modes[strings.ToLower(text)]
	if !ok {
		return errors.New("want lax, strict or none")
	}
	*s = sameSite(mode)
	return nil
}

type logFormat string

func (*logFormat) kind() string { return "auto|text|json" }

func (f *logFormat) set(text string) error {
	switch text {
	case formatAuto, formatText, formatJSON:
		*f = logFormat(text)
		return nil
	}
	return errors.New("want auto, text or json")
}

type logLevel slog.Level

func (*logLevel) kind() string { return "level" }

func (l *logLevel) set(text string) error {
	if (*slog.Level)(l).UnmarshalText([]byte(text)) != nil {
		return errors.New("want debug, info, warn or error")
	}
	return nil
}
