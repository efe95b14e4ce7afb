package web

import (
	"bytes"
	"encoding/json"
	"fmt"
	"net/http"
	"strings"

	"github.com/seshd/seshd/session"
)

// loggedIn answers a login and a rotation.
type loggedIn struct {
	ID        string             `json:"id"`
	Version   uint64             `json:"version"`
	Device    string             `json:"device"`
	SetCookie []string           `json:"set_cookie"` // to be relayed, a Set-Cookie header each
	Kept      []string           `json:"kept"`
	Combined  []session.Combined `json:"combined"`
}

type loginBody struct {
	User    string                 `json:"user"`
	Keep    session.Globs          `json:"keep"`
	Combine map[string]session.How `json:"combine"`
	Shared  bool                   `json:"shared"`
	Device  string                 `json:"device"`
}

func (a *App) login(w http.ResponseWriter, r *http.Request) {
	var body loginBody
	h, err := a.meant(r, &body, func() string { return body.Device })
	var into session.LoggedInto
	if err == nil {
		into, err = a.manager.Login(r.Context(), h, session.Login{User: body.User, Keep: body.Keep, Combine: body.Combine, Shared: body.Shared})
	}
	a.answerLogin(w, r, into, err)
}

func (a *App) rotate(w http.ResponseWriter, r *http.Request) {
	var body struct {
		Device string `json:"device"`
	}
	h, err := a.meant(r, &body, func() string { return body.Device })
	var into session.LoggedInto
	if err == nil {
		into, err = a.manager.Rotate(r.Context(), h)
	}
	a.answerLogin(w, r, into, err)
}

func (a *App) answerLogin(w http.ResponseWriter, r *http.Request, into session.LoggedInto, err error) {
	answer := loggedIn{SetCookie: []string{}, Kept: into.Kept, Combined: into.Combined}
	if err == nil {
		var cookie *http.Cookie
		if cookie, err = a.cookies.seal(a.relayedOverHTTPS(r), into.Token, into.Handle.Issued); err == nil {
			answer.SetCookie = append(answer.SetCookie, cookie.String())
		}
	}
	if err != nil {
		a.refuse(w, r, err)
		return
	}
	answer.ID, answer.Version, answer.Device = into.Handle.ID.String(), into.Record.State.Version, into.Handle.Device.String()
	if answer.Kept == nil {
		answer.Kept = []string{}
	}
	if answer.Combined == nil {
		answer.Combined = []session.Combined{}
	}
	w.Header().Set("Content-Type", typeJSON)
	writeJSON(w, answer)
}

func (a *App) logout(w http.ResponseWriter, r *http.Request) {
	var body struct {
		Scope  string `json:"scope"`
		Device string `json:"device"`
		Clear  bool   `json:"clear_site_data"`
	}
	h, err := a.meant(r, &body, func() string { return body.Device })
	var scope session.Scope
	if err == nil {
		scope, err = session.ParseScope(body.Scope)
	}
	setCookie := []string{}
	if v, none := a.relayedVisit(r); none == nil && v.handle.Device == h.Device && scope != session.Others {
		setCookie = append(setCookie, a.cookies.expired(a.relayedOverHTTPS(r)).String())
	}
	if err == nil {
		err = a.manager.Logout(r.Context(), h, scope)
	}
	if err != nil {
		a.refuse(w, r, err)
		return
	}
	if body.Clear {
		clearSiteData(w.Header())
	}
	w.Header().Set("Content-Type", typeJSON)
	writeJSON(w, struct {
		ID        string   `json:"id"`
		SetCookie []string `json:"set_cookie"`
	}{h.ID.String(), setCookie})
}

// clearSiteData asks the browser to forget what the site's pages stored; cookies are not part of it.
func clearSiteData(header http.Header) { header.Set("Clear-Site-Data", `"storage"`) }

// meant reads the body and finds the device that the request is about: the one that the body names, else the one that the
// Cookie leads to, else the only one there is.
func (a *App) meant(r *http.Request, body any, device func() string) (session.Handle, error) {
	id, err := idOf(r)
	if err == nil {
		err = a.readObject(r, body)
	}
	if err != nil {
		return session.Handle{}, err
	}
	if device() == "" && a.relaysOurs(r) {
		v, err := a.relayedVisit(r)
		if err == nil && v.handle.ID != id {
			err = &refusal{otherSession, "the Cookie leads to another session than the path names: nothing was done"}
		}
		return v.handle, err
	}
	want, ok := session.ParseDevice(device())
	if !ok && device() != "" {
		return session.Handle{}, session.Refuse(session.BadRequest, `"device" is 16 lower-case hex digits`)
	}
	record, err := a.manager.Load(r.Context(), session.Handle{ID: id})
	if err != nil {
		return session.Handle{}, err
	}
	h, found := record.Handle(want)
	switch {
	case found && (device() == "" || h.Device == want):
		return h, nil
	case device() == "":
		return h, session.Refuse(session.BadRequest, `the session has %d devices: relay the Cookie, or name one as "device"`, len(record.Devices))
	}
	return h, session.Refuse(session.NoSuchSession, "the session has no device %s", want)
}

// readObject reads a body that is one JSON object with known members into v. An empty body is an empty object.
func (a *App) readObject(r *http.Request, v any) error {
	if r.ContentLength == 0 {
		return nil
	}
	body, err := a.readBody(r, typeJSON)
	if err != nil {
		return err
	}
	compact, err := session.Compact(body)
	if err != nil {
		return err
	}
	if reason := decodeMembers(compact, v); reason != "" {
		return session.Refuse(session.BadRequest, "the body is not what this path takes: %.200s", reason)
	}
	return nil
}

// decodeMembers decodes an object with known members, or says what is wrong with it. encoding/json takes "USER" for user,
// and of both the later one: so the names are looked at first.
func decodeMembers(compact []byte, v any) (wrong string) {
	var members map[string]json.RawMessage
	if json.Unmarshal(compact, &members) != nil || members == nil {
		return "it is not an object"
	}
	for name := range members {
		if strings.ContainsFunc(name, func(c rune) bool { return c != '_' && (c < 'a' || c > 'z') }) {
			return fmt.Sprintf("unknown field %.100q", name)
		}
	}
	decoder := json.NewDecoder(bytes.NewReader(compact))
	decoder.DisallowUnknownFields()
	if err := decoder.Decode(v); err != nil {
		return strings.TrimPrefix(err.Error(), "json: ")
	}
	return ""
}
