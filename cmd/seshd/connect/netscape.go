package connect

import (
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"
)

const (
	netscapeHeader = "# Netscape HTTP Cookie File" // by which some programs know the format
	httpOnlyPrefix = "#HttpOnly_"                  // of curl, before the domain: it is no comment
	netscapeFields = 7
)

// cookieLine is a line of a cookie file in the format of Netscape, which curl -b reads and curl -c writes.
type cookieLine struct {
	httpOnly   bool
	domain     string
	subdomains bool // it goes to hosts below the domain too
	path       string
	secure     bool
	expires    int64 // Unix seconds; 0: with the browser, which here is never
	name       string
	value      string
}

// readCookieLine reads a line. What is no cookie, such as a comment, is not ok.
func readCookieLine(text string) (c cookieLine, ok bool) {
	text, c.httpOnly = strings.CutPrefix(text, httpOnlyPrefix)
	fields := strings.Split(text, "\t")
	if strings.HasPrefix(text, "#") || len(fields) != netscapeFields {
		return c, false
	}
	expires, err := strconv.ParseInt(fields[4], 10, 64)
	c.domain, c.subdomains = strings.ToLower(strings.TrimPrefix(fields[0], ".")), fields[1] == "TRUE"
	c.path, c.secure, c.expires = fields[2], fields[3] == "TRUE", expires
	c.name, c.value = fields[5], fields[6]
	return c, err == nil
}

// isNote says whether a line of such a file holds no cookie, and may.
func isNote(text string) bool {
	return strings.TrimSpace(text) == "" || strings.HasPrefix(text, "#") && !strings.HasPrefix(text, httpOnlyPrefix)
}

func (c cookieLine) String() string {
	word := map[bool]string{true: "TRUE", false: "FALSE"}
	domain := c.domain
	if c.subdomains {
		domain = "." + domain
	}
	if c.httpOnly {
		domain = httpOnlyPrefix + domain
	}
	return strings.Join([]string{domain, word[c.subdomains], c.path, word[c.secure], strconv.FormatInt(c.expires, 10), c.name, c.value}, "\t")
}

// goesTo says whether a request to u carries the cookie (RFC 6265, section 5.4).
func (c cookieLine) goesTo(u *url.URL, now time.Time) bool {
	host := strings.ToLower(u.Hostname())
	path := strings.TrimSuffix(c.path, "/")
	return (c.domain == host || c.subdomains && strings.HasSuffix(host, "."+c.domain)) &&
		(u.Path == path || strings.HasPrefix(u.Path, path+"/")) &&
		(!c.secure || u.Scheme == "https") && !c.ended(now)
}

func (c cookieLine) ended(now time.Time) bool { return c.expires != 0 && c.expires <= now.Unix() }

// is says whether both are one cookie, so that the later replaces the earlier.
func (c cookieLine) is(other cookieLine) bool {
	return c.name == other.name && c.domain == other.domain && c.path == other.path
}

// cookieLineOf is the line for a cookie that u has set. It goes to that host alone, whatever Domain it asks for: this is
// never wider than what was meant.
func cookieLineOf(u *url.URL, c *http.Cookie, now time.Time) cookieLine {
	line := cookieLine{httpOnly: c.HttpOnly, domain: strings.ToLower(u.Hostname()), path: c.Path, secure: c.Secure, name: c.Name, value: c.Value}
	if !strings.HasPrefix(line.path, "/") {
		line.path = "/"
	}
	switch {
	case c.MaxAge != 0: // below 0 it is over
		line.expires = now.Unix() + int64(c.MaxAge)
	case !c.Expires.IsZero():
		line.expires = max(1, c.Expires.Unix()) // 0 would be for ever
	}
	return line
}
