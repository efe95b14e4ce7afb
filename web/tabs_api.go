package web

import (
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"net/http"
	"time"

	"github.com/seshd/seshd/hub"
	"github.com/seshd/seshd/session"
)

// openTab describes a tab to the browser that has the session.
type openTab struct {
	Tab       string    `json:"tab"`
	Transport string    `json:"transport"`
	Opened    time.Time `json:"opened"`
	Version   uint64    `json:"version"`
	UserAgent string    `json:"user_agent"`
	You       bool      `json:"you"`
}

// getTabs lists the open tabs of the session. A tab that names its client (?client=) finds itself marked; without,
// all tabs of this browser are.
func (a *App) getTabs(w http.ResponseWriter, r *http.Request) {
	v, err := a.visit(r)
	if err != nil {
		a.refuse(w, r, err)
		return
	}
	var me session.SenderID
	if query := r.URL.Query(); query.Has("client") {
		if me, err = session.ParseSender(query.Get("client")); err != nil {
			a.refuse(w, r, err)
			return
		}
	}
	open, err := a.hub.List(r.Context(), v.handle.ID)
	if err != nil {
		a.refuse(w, r, err)
		return
	}
	v.welcome(w.Header())
	tabs := []openTab{}
	for _, t := range open {
		you := t.Device == v.handle.Device
		if me != (session.SenderID{}) {
			you = t.Sender == me
		}
		tabs = append(tabs, openTab{tabName(t), t.Transport, t.Opened.UTC().Truncate(time.Millisecond), t.Version, t.UserAgent, you})
	}
	w.Header().Set("Content-Type", typeJSON)
	writeJSON(w, tabs)
}

// tabName is a name for a tab, the same on every server, that says nothing of its client's id, with which writes could be blocked.
func tabName(t hub.Info) string {
	sum := sha256.Sum256(binary.BigEndian.AppendUint64(t.Sender[:], uint64(t.Opened.UnixNano())))
	return hex.EncodeToString(sum[:4])
}

// postTicket gives the cookie's owner a ticket for one connection without the cookie, from a terminal say.
func (a *App) postTicket(w http.ResponseWriter, r *http.Request) {
	v, err := a.visit(r)
	if err == nil {
		err = checkNoForm(r)
	}
	var ticket string
	if err == nil {
		ticket, err = a.manager.MintTicket(r.Context(), v.handle)
	}
	if err != nil {
		a.refuse(w, r, err)
		return
	}
	v.welcome(w.Header())
	w.Header().Set("Content-Type", typeJSON)
	writeJSON(w, struct {
		Ticket    string `json:"ticket"`
		ExpiresIn int    `json:"expires_in"`
		URL       string `json:"url"`
	}{ticket, int(session.TicketLifetime / time.Second), socketScheme(r) + r.Host + "/ws?ticket=" + ticket})
}

func socketScheme(r *http.Request) string {
	if isSecure(r) {
		return "wss://"
	}
	return "ws://"
}
