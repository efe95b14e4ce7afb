// Package archive is the text in which sessions move from one store to another: lines of JSON (NDJSON) that a person can read.
//
// The first line says what it is, the last one how much came before it, so that a file which was cut off is told from a whole
// one. Between them is a line for each session and for each token that leads to none any more:
//
//	{"seshd":"export","format":1,"at":"2026-01-02T03:04:05Z","by":"v1.2.3"}
//	{"token":{"key":"…","session":"…","ends":"…"}}
//	{"session":{"id":"…","version":3,"data":{"fruit":"cherries"},"versions":{"fruit":3},…}}
//	{"end":{"sessions":1,"tokens":1}}
//
// There are hashes of tokens in it, and no tokens. Yet it has all that visitors keep, private keys too.
package archive

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/google/uuid"

	"github.com/seshd/seshd/session"
)

// format is the version of what this package writes, and the newest that it reads.
const format = 1

// MaxLine bounds a line: a thousand times the usual limit on a session.
const MaxLine = 64 << 20

// line is any line but the first, which is a session.Mark; exactly one member is there.
type line struct {
	Token   *token  `json:"token,omitempty"`
	Session *record `json:"session,omitempty"`
	End     *count  `json:"end,omitempty"`
}

const kind = "export"

type count struct {
	Sessions int `json:"sessions"`
	Tokens   int `json:"tokens"`
}

type token struct {
	Key      hexText   `json:"key"`
	Session  hexText   `json:"session"`
	Ends     time.Time `json:"ends"`
	Replaced time.Time `json:"replaced,omitzero"`
}

// record is a session.Record as text.
type record struct {
	ID       hexText           `json:"id"`
	Version  uint64            `json:"version"`
	Epoch    uint64            `json:"epoch"`
	By       session.Source    `json:"by,omitempty"`
	User     string            `json:"user,omitempty"`
	Shared   bool              `json:"shared,omitempty"`
	Created  time.Time         `json:"created"`
	Touched  time.Time         `json:"touched"`
	Deadline time.Time         `json:"deadline"`
	Data     session.Data      `json:"data"`
	Versions map[string]uint64 `json:"versions"` // at which each key last changed
	Deleted  []deletion        `json:"deleted,omitempty"`
	Floor    uint64            `json:"floor,omitempty"` // of deletions that were forgotten
	Devices  []device          `json:"devices"`
	Senders  []sender          `json:"senders,omitempty"`
	Absorbed []hexText         `json:"absorbed,omitempty"`
}

type deletion struct {
	Key     string `json:"key"`
	Version uint64 `json:"version"`
}

type device struct {
	ID     hexText   `json:"device"`
	Key    hexText   `json:"key"`
	Issued time.Time `json:"issued"`
	Ends   time.Time `json:"ends"`
	Seen   time.Time `json:"seen"`
	Agent  string    `json:"user_agent,omitempty"`
}

// sender is the once-memory of a client. Bit i of applied says that the id highest-i was.
type sender struct {
	Client  string  `json:"client"`
	Highest uint64  `json:"highest"`
	Applied bitmask `json:"applied"`
}

func textOf(s session.Saved) line {
	if s.Record == nil {
		return line{Token: &token{Key: s.Key[:], Session: s.Token.ID[:], Ends: utc(s.Token.Ends), Replaced: utc(s.Token.Replaced)}}
	}
	r := s.Record
	text := record{
		ID: r.ID[:], Version: r.State.Version, Epoch: r.Epoch, By: r.By, User: r.User, Shared: r.Shared,
		Created: utc(r.Created), Touched: utc(r.Touched), Deadline: utc(r.Deadline),
		Data: r.State.Data(nil), Versions: make(map[string]uint64), Floor: r.State.Floor,
	}
	for _, e := range r.State.Entries {
		text.Versions[e.Key] = e.Version
	}
	for _, d := range r.State.Deletions {
		text.Deleted = append(text.Deleted, deletion(d))
	}
	for _, d := range r.Devices {
		text.Devices = append(text.Devices, device{d.ID[:], d.Key[:], utc(d.Issued), utc(d.Ends), utc(d.Seen), d.Agent})
	}
	for _, s := range r.Senders {
		text.Senders = append(text.Senders, sender{uuid.UUID(s.ID).String(), s.Highest, bitmask(s.Mask)})
	}
	for _, id := range r.Absorbed {
		text.Absorbed = append(text.Absorbed, id[:])
	}
	return line{Session: &text}
}

// utc keeps a time as exactly as records do.
func utc(t time.Time) time.Time {
	if t.IsZero() {
		return t
	}
	return t.UTC().Truncate(time.Millisecond)
}

func (t *token) saved() (s session.Saved, err error) {
	s.Token = session.TokenRecord{Ends: t.Ends, Replaced: t.Replaced}
	err = fill(err, "key", s.Key[:], t.Key)
	err = fill(err, "session", s.Token.ID[:], t.Session)
	return s, err
}

func (text *record) saved() (s session.Saved, err error) {
	r := &session.Record{
		Epoch: text.Epoch, By: text.By, User: text.User, Shared: text.Shared,
		Created: text.Created, Touched: text.Touched, Deadline: text.Deadline,
	}
	err = fill(err, "id", r.ID[:], text.ID)
	for _, d := range text.Devices {
		to := session.Device{Issued: d.Issued, Ends: d.Ends, Seen: d.Seen, Agent: d.Agent}
		err = fill(err, "device", to.ID[:], d.ID)
		err = fill(err, "key", to.Key[:], d.Key)
		r.Devices = append(r.Devices, to)
	}
	for _, id := range text.Absorbed {
		r.Absorbed = append(r.Absorbed, session.ID{})
		err = fill(err, "absorbed", r.Absorbed[len(r.Absorbed)-1][:], id)
	}
	for _, from := range text.Senders {
		client, bad := session.ParseSender(from.Client)
		if err == nil {
			err = bad
		}
		r.Senders = append(r.Senders, session.Sender{ID: client, Highest: from.Highest, Mask: uint64(from.Applied)})
	}
	if err != nil {
		return s, err
	}
	r.State, err = text.state()
	return session.Saved{Record: r}, err
}

func (text *record) state() (*session.State, error) {
	if len(text.Data) != len(text.Versions) {
		return nil, fmt.Errorf("it has %d keys and the versions of %d", len(text.Data), len(text.Versions))
	}
	entries := make([]session.Entry, 0, len(text.Data))
	for key, value := range text.Data {
		entries = append(entries, session.Entry{Key: key, Value: value, Version: text.Versions[key]})
	}
	deletions := make([]session.Deletion, 0, len(text.Deleted))
	for _, d := range text.Deleted {
		deletions = append(deletions, session.Deletion(d))
	}
	return session.NewState(text.Version, text.Floor, entries, deletions)
}

// decode reads a line. What it does not know it refuses, since it would be lost.
func decode(text []byte) (l line, err error) {
	decoder := json.NewDecoder(bytes.NewReader(text))
	decoder.DisallowUnknownFields()
	if err := decoder.Decode(&l); err != nil {
		return l, err
	}
	if _, err := decoder.Token(); err != io.EOF {
		return l, errors.New("there is more than one object on it")
	}
	return l, nil
}
