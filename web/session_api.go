package web

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"mime"
	"net/http"
	"net/url"
	"strconv"
	"strings"

	"github.com/gorilla/mux"

	"github.com/seshd/seshd/hub"
	"github.com/seshd/seshd/session"
)

const (
	typeJSON       = "application/json"
	typeMergePatch = "application/merge-patch+json"
)

func (a *App) getSession(w http.ResponseWriter, r *http.Request) {
	v, err := a.visit(r)
	if err != nil {
		a.refuse(w, r, err)
		return
	}
	v.welcome(w.Header())
	state := stateOf(v.record)
	if a.notModified(w, r, v.handle.ID, state) {
		return
	}
	w.Header().Set("Content-Type", typeJSON)
	body := hub.AppendSession([]byte("{"), v.handle.ID, state, a.hub.Tabs(r.Context(), v.handle.ID),
		a.manager.Expires(v.handle, v.record), continues(r, v.handle), a.manager.Visible)
	w.Write(append(body, "}\n"...))
}

// continues is the session that the request names where it is another one, which visit has let pass.
func continues(r *http.Request, h session.Handle) session.ID {
	id, _ := session.ParseID(r.Header.Get("Session-Id"))
	if id == h.ID {
		return session.ID{}
	}
	return id
}

func stateOf(r *session.Record) *session.State {
	if r == nil {
		return &session.State{}
	}
	return r.State
}

// etag names a version of a session; it is also the id of an event and the value of since.
func etag(id session.ID, version uint64) string {
	return `"` + versionName(id, version) + `"`
}

func versionName(id session.ID, version uint64) string {
	return id.String() + ":" + strconv.FormatUint(version, 10)
}

func (a *App) notModified(w http.ResponseWriter, r *http.Request, id session.ID, s *session.State) bool {
	tag := etag(id, s.Version)
	w.Header().Set("ETag", tag)
	for _, have := range strings.Split(r.Header.Get("If-None-Match"), ",") {
		if have = strings.TrimPrefix(strings.TrimSpace(have), "W/"); have == tag || have == "*" {
			w.WriteHeader(http.StatusNotModified)
			return true
		}
	}
	return false
}

func (a *App) postSession(w http.ResponseWriter, r *http.Request) {
	a.mutate(w, r, a.bodyOf(r, typeJSON, session.DecodeMutation))
}

func (a *App) patchSession(w http.ResponseWriter, r *http.Request) {
	a.mutate(w, r, a.bodyOf(r, typeMergePatch, session.DecodeMergePatch))
}

// bodyOf reads the mutation in the body of a request when it is called.
func (a *App) bodyOf(r *http.Request, want string, decode func([]byte) (session.Mutation, error)) func() (session.Mutation, error) {
	return func() (session.Mutation, error) {
		body, err := a.readBody(r, want)
		if err != nil {
			return session.Mutation{}, err
		}
		return decode(body)
	}
}

func (a *App) deleteSession(w http.ResponseWriter, r *http.Request) {
	v, err := a.visit(r)
	var ifVersion *uint64
	if err == nil {
		ifVersion, err = ifMatch(r, &v)
	}
	switch {
	case err != nil:
	case v.cookie == nil:
		err = a.manager.Destroy(r.Context(), v.handle, ifVersion)
	default: // a newcomer's is not there to be ended: only the condition remains
		_, err = stateOf(v.record).Apply(&session.Mutation{IfVersion: ifVersion}, session.Rules{})
	}
	if err != nil && session.CodeOf(err) != session.NoSuchSession { // ended meanwhile is what was asked for
		a.refuse(w, r, err)
		return
	}
	http.SetCookie(w, a.cookies.expired(isSecure(r)))
	if r.URL.Query().Get("clear_site_data") == "true" {
		clearSiteData(w.Header())
	}
	w.WriteHeader(http.StatusNoContent)
}

func (a *App) getKey(w http.ResponseWriter, r *http.Request) {
	key, err := keyOf(r)
	if err != nil {
		a.refuse(w, r, err)
		return
	}
	v, err := a.visit(r)
	if err != nil {
		a.refuse(w, r, err)
		return
	}
	v.welcome(w.Header())
	state := stateOf(v.record)
	value, found := state.Get(key)
	if !found || !a.manager.Visible(key) {
		a.refuse(w, r, session.Refuse(session.NoSuchKey, "the session has no key %q", key))
		return
	}
	if a.notModified(w, r, v.handle.ID, state) {
		return
	}
	w.Header().Set("Content-Type", typeJSON)
	w.Write(append(bytes.Clone(value), '\n'))
}

func (a *App) putKey(w http.ResponseWriter, r *http.Request) {
	a.mutate(w, r, func() (m session.Mutation, err error) {
		key, err := keyOf(r)
		if err != nil {
			return m, err
		}
		body, err := a.readBody(r, typeJSON)
		if err != nil {
			return m, err
		}
		m.Set = map[string]json.RawMessage{key: body}
		return m, m.Check()
	})
}

func (a *App) deleteKey(w http.ResponseWriter, r *http.Request) {
	a.mutate(w, r, func() (session.Mutation, error) {
		key, err := keyOf(r)
		return session.Mutation{Delete: []string{key}}, err
	})
}

// mutate applies the mutation that read finds in a request, and answers it. The session is found before the body is
// read: a slow request that began before its session ended must meet that end, and not write into a new session.
func (a *App) mutate(w http.ResponseWriter, r *http.Request, read func() (session.Mutation, error)) {
	span := a.manager.Trace(r.Context(), session.ByHTTP)
	v, err := a.visit(r)
	var m session.Mutation
	if err == nil {
		m, err = read()
	}
	a.apply(w, r, v, session.Submission{By: session.ByHTTP, Mutation: &m, Span: span}, err)
}

// apply applies a visitor's mutation, unless that could not be read, and answers it.
func (a *App) apply(w http.ResponseWriter, r *http.Request, v visitor, s session.Submission, err error) {
	if err == nil {
		s.Sender, err = conditions(r, &v, s.Mutation)
	}
	if err != nil {
		code, _, _ := explain(err)
		s.Span.Refuse(session.Code(code))
		a.refuse(w, r, err)
		return
	}
	s.Handle = v.handle
	result, err := a.manager.Apply(r.Context(), s)
	if err != nil {
		a.refuse(w, r, err)
		return
	}
	visible := a.manager.Visible
	if s.By == session.ByAPI {
		visible = nil
	}
	v.welcome(w.Header())
	w.Header().Set("Content-Type", typeJSON)
	w.Header().Set("ETag", etag(v.handle.ID, result.State.Version))
	w.Write(outcome(v.handle.ID, s.Mutation, result, visible))
}

// outcome is what a mutation did, as far as its sender may see it.
func outcome(id session.ID, m *session.Mutation, result session.Result, visible func(string) bool) []byte {
	set, deleted := m.Outcome(result.Before, result.State)
	b := append([]byte(`{"id":"`), id.String()...)
	b = append(b, `","version":`...)
	b = strconv.AppendUint(b, result.State.Version, 10)
	b = append(b, `,"set":`...)
	b = session.AppendEntries(b, set, visible)
	b = append(b, `,"delete":`...)
	b = session.AppendKeys(b, deleted, visible)
	if result.Duplicate {
		b = append(b, `,"duplicate":true`...)
	}
	return append(b, "}\n"...)
}

// conditions reads If-Match and Idempotency-Key into a mutation: its if_version, and its client and id.
func conditions(r *http.Request, v *visitor, m *session.Mutation) (sender session.SenderID, err error) {
	version, err := ifMatch(r, v)
	if err != nil {
		return sender, err
	}
	if version != nil && m.IfVersion != nil && *version != *m.IfVersion {
		return sender, session.Refuse(session.BadRequest, "If-Match and if_version name different versions")
	}
	if version != nil {
		m.IfVersion = version
	}
	value := r.Header.Get("Idempotency-Key")
	if value == "" {
		return sender, nil
	}
	client, number, _ := strings.Cut(strings.Trim(value, `"`), ":")
	if sender, err = session.ParseSender(client); err != nil {
		return sender, err
	}
	own, err := strconv.ParseUint(number, 10, 64)
	if err != nil || own == 0 || own > session.MaxMutationID || m.ID != 0 && m.ID != own {
		return sender, session.Refuse(session.BadRequest, "Idempotency-Key is <client>:<id>, the id an integer from 1 to 2^53-1 and the body's own if it has one")
	}
	m.ID = own
	return sender, nil
}

// ifMatch reads the version that If-Match asks for, of the session that the cookie leads to.
func ifMatch(r *http.Request, v *visitor) (*uint64, error) {
	value := r.Header.Get("If-Match")
	if value == "" || value == "*" {
		return nil, nil
	}
	name := strings.Trim(value, `"`)
	if of, number, found := strings.Cut(name, ":"); found {
		if of != v.handle.ID.String() {
			return nil, &session.Error{
				Code: session.Conflict, Version: stateOf(v.record).Version,
				Message: "If-Match names another session than the cookie leads to",
			}
		}
		name = number
	}
	version, err := strconv.ParseUint(name, 10, 64)
	if err != nil || value != `"`+strings.Trim(value, `"`)+`"` {
		return nil, session.Refuse(session.BadRequest, `If-Match is "<id>:<version>" or "<version>", quotes included`)
	}
	return &version, nil
}

func keyOf(r *http.Request) (string, error) {
	key, err := url.PathUnescape(mux.Vars(r)["key"])
	if err != nil {
		return "", session.Refuse(session.BadKey, "the key is not well escaped: %v", err)
	}
	return key, session.CheckKey(key)
}

// checkType refuses a body that is not declared as what the path takes.
func checkType(r *http.Request, want string) error {
	if got, _, err := mime.ParseMediaType(r.Header.Get("Content-Type")); err != nil || got != want {
		return &refusal{unsupportedMediaType, "send the body as " + want + " (with a Content-Type header that says so)"}
	}
	return nil
}

// checkNoForm refuses a body that is not JSON where none is read. Forms of any site could send such a one.
func checkNoForm(r *http.Request) error {
	if r.ContentLength == 0 {
		return nil
	}
	return checkType(r, typeJSON)
}

// readBody reads a body of the type that the path takes, up to the limit on messages.
func (a *App) readBody(r *http.Request, want string) ([]byte, error) {
	if err := checkType(r, want); err != nil {
		return nil, err
	}
	limit := a.options.MaxMessageBytes
	if limit < 0 {
		return io.ReadAll(r.Body)
	}
	body, err := io.ReadAll(io.LimitReader(r.Body, int64(limit)+1))
	if len(body) > limit {
		size := max(r.ContentLength, int64(len(body))) // a length that was not announced is not waited for
		return nil, session.Refuse(session.TooLarge, "the body has %d bytes or more, the limit is %d", size, limit)
	}
	if err != nil {
		return nil, errors.Join(session.Refuse(session.BadRequest, "the body could not be read"), err)
	}
	return body, nil
}
