package web

import (
	"net/http"
	"net/url"
	"time"

	"github.com/gorilla/mux"

	"github.com/seshd/seshd/hub"
	"github.com/seshd/seshd/session"
)

type userSession struct {
	ID       string       `json:"id"`
	Version  uint64       `json:"version"`
	Created  time.Time    `json:"created"`
	LastSeen time.Time    `json:"last_seen"`
	Devices  []userDevice `json:"devices"`
}

type userDevice struct {
	Device    string    `json:"device"`
	Created   time.Time `json:"created"`
	LastSeen  time.Time `json:"last_seen"`
	UserAgent string    `json:"user_agent"`
	Tabs      int       `json:"tabs"`
}

func (a *App) listUser(w http.ResponseWriter, r *http.Request) {
	user, err := userNamed(r)
	var records []*session.Record
	if err == nil {
		records, err = a.manager.UserSessions(r.Context(), user)
	}
	if err != nil {
		a.refuse(w, r, err)
		return
	}
	sessions := []userSession{}
	for _, record := range records {
		tabs, err := a.hub.List(r.Context(), record.ID)
		if err != nil {
			a.refuse(w, r, err)
			return
		}
		sessions = append(sessions, describe(record, tabs))
	}
	w.Header().Set("Content-Type", typeJSON)
	writeJSON(w, struct {
		Sessions []userSession `json:"sessions"`
	}{sessions})
}

func describe(record *session.Record, open []hub.Info) userSession {
	tabs := map[session.DeviceID]int{}
	for _, t := range open {
		tabs[t.Device]++
	}
	s := userSession{
		ID: record.ID.String(), Version: record.State.Version,
		Created: wireTime(record.Created), LastSeen: wireTime(record.Touched), Devices: []userDevice{},
	}
	for _, d := range record.Devices {
		s.Devices = append(s.Devices, userDevice{d.ID.String(), wireTime(d.Issued), wireTime(d.Seen), d.Agent, tabs[d.ID]})
	}
	return s
}

func (a *App) endUser(w http.ResponseWriter, r *http.Request) {
	user, err := userNamed(r)
	if err == nil {
		_, err = a.manager.EndUser(r.Context(), user)
	}
	if err != nil {
		a.refuse(w, r, err)
		return
	}
	w.WriteHeader(http.StatusNoContent)
}

func userNamed(r *http.Request) (string, error) {
	user, err := url.PathUnescape(mux.Vars(r)["user"])
	if err != nil {
		return "", session.Refuse(session.BadRequest, "the user is not well escaped: %v", err)
	}
	return user, session.CheckUser(user)
}
