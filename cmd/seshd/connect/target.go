package connect

import (
	"errors"
	"fmt"
	"net/url"
	"strconv"
	"strings"
)

// endpoint is the path of the WebSocket, which a URL may leave out.
const endpoint = "/ws"

// target is the server to connect to.
type target struct{ url url.URL }

// newTarget reads a URL as people write it: with the scheme of a page or of a socket, or without one. A ticket in it, as in
// the answer of POST /session/ticket, is taken out.
func newTarget(text string) (t target, ticket string, err error) {
	switch {
	case strings.HasPrefix(text, ":"):
		text = "http://localhost" + text
	case !strings.Contains(text, "://"):
		text = "http://" + text
	}
	u, err := url.Parse(text)
	if err != nil {
		if wrong, ok := errors.AsType[*url.Error](err); ok { // it quotes the URL, which may have a ticket in it
			err = wrong.Err
		}
		return t, "", fmt.Errorf("the URL cannot be read: %w", err)
	}
	query := u.Query()
	switch {
	case u.Host == "":
		return t, "", errors.New("the URL has no host: want one like http://localhost:8000")
	case u.User != nil:
		return t, "", errors.New("the URL has a user in it: seshd knows visitors by their cookie, so give --jar")
	case query.Has("client"):
		return t, "", errors.New("the URL names a client: connect makes its own, so that every line counts once")
	}
	switch u.Scheme {
	case "http":
		u.Scheme = "ws"
	case "https":
		u.Scheme = "wss"
	case "ws", "wss":
	default:
		return t, "", fmt.Errorf("the URL begins with %q: want http, https, ws or wss", u.Scheme)
	}
	if u.Path = strings.TrimSuffix(u.Path, "/"); !strings.HasSuffix(u.Path, endpoint) {
		u.Path += endpoint
	}
	ticket = query.Get("ticket")
	query.Del("ticket")
	u.RawQuery, u.Fragment = query.Encode(), ""
	return target{*u}, ticket, nil
}

// String is the URL as it may be shown.
func (t target) String() string {
	return t.url.Scheme + "://" + t.url.Host + t.url.Path
}

// page is the URL that cookies are kept for.
func (t target) page() *url.URL {
	u := t.url
	u.Scheme = strings.Replace(u.Scheme, "ws", "http", 1)
	return &u
}

// dialed is the URL of one connection. An empty session says that nothing is known yet.
func (t target) dialed(client, ticket, session string, version uint64) string {
	u := t.url
	query := u.Query()
	query.Set("client", client)
	if ticket != "" {
		query.Set("ticket", ticket)
	}
	if session != "" {
		query.Set("since", session+":"+strconv.FormatUint(version, 10))
	}
	u.RawQuery = query.Encode()
	return u.String()
}
