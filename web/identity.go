package web

import (
	"net/http"
	"strconv"
	"strings"

	"github.com/seshd/seshd/session"
)

// The headers by which an app learns from whoever stands before it who its visitor is.
const (
	headerID      = "X-Session-Id"
	headerUser    = "X-Session-User"
	headerVersion = "X-Session-Version"
)

// identify names a visitor in headers; nil is nobody. All three are always set, the empty ones too: a proxy then
// overwrites what a client sent under these names.
func identify(header http.Header, v *visitor) {
	id, user, version := "", "", ""
	if v != nil {
		id, user, version = v.handle.ID.String(), userOf(v.record), strconv.FormatUint(versionOf(v.record), 10)
	}
	header.Set(headerID, id)
	header.Set(headerUser, user)
	header.Set(headerVersion, version)
}

func versionOf(record *session.Record) uint64 {
	if record == nil {
		return 0
	}
	return record.State.Version
}

// ourHeaders are those that an app believes because of who set them.
var ourHeaders = map[string]bool{
	foldHeader(headerID): true, foldHeader(headerUser): true, foldHeader(headerVersion): true,
	"forwarded": true, "x-forwarded-for": true, "x-forwarded-host": true, "x-forwarded-proto": true,
}

// removeOurs removes what a client sent under the names of our headers.
func removeOurs(header http.Header) {
	for name := range header {
		if ourHeaders[foldHeader(name)] {
			delete(header, name)
		}
	}
}

// foldHeader makes one of all the spellings that CGI, and WSGI after it, take for the same header: there
// X-Session-User and x_session_user are both HTTP_X_SESSION_USER, and some servers treat any other mark like these two.
func foldHeader(name string) string {
	return strings.Map(func(c rune) rune {
		switch {
		case 'A' <= c && c <= 'Z':
			return c + 'a' - 'A'
		case 'a' <= c && c <= 'z', '0' <= c && c <= '9':
			return c
		}
		return '-'
	}, name)
}
