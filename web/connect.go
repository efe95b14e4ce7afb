package web

import (
	"errors"
	"net/http"
	"strconv"
	"strings"

	"github.com/gorilla/websocket"

	"github.com/seshd/seshd/hub"
	"github.com/seshd/seshd/session"
)

// connect is GET /ws. A page of a foreign origin is refused before the upgrade; whoever else cannot be let in is told
// so in a bye after it, since neither a browser nor a terminal can read a refused handshake.
func (a *App) connect(w http.ResponseWriter, r *http.Request) {
	if !websocket.IsWebSocketUpgrade(r) {
		w.Header().Set("Upgrade", "websocket")
		w.Header().Set("Connection", "Upgrade")
		http.Error(w, "This is a WebSocket endpoint: try wscat -c "+socketScheme(r)+r.Host+"/ws", http.StatusUpgradeRequired)
		return
	}
	err := a.origins.check(r)
	if err == nil && a.options.RequireOrigin && r.Header.Get("Origin") == "" {
		err = &refusal{foreignOrigin, "a WebSocket without Origin is refused here (--require-origin)"}
	}
	if err != nil {
		a.refuse(w, r, err)
		return
	}
	v, sender, refused := a.caller(r)
	header := http.Header{}
	if refused == nil {
		v.welcome(header)
	}
	hijack := &hijacker{ResponseWriter: w, buffers: &a.buffers}
	conn, err := a.upgrader.Upgrade(hijack, r, header)
	if err != nil {
		if !errors.As(err, new(websocket.HandshakeError)) { // which refuseHandshake has told
			a.refusedConnection(r, v.handle.ID, session.Refuse(session.BadRequest, "broken handshake: %v", err))
		}
		return
	}
	if refused == nil && r.URL.Query().Has("ticket") { // a broken handshake spends none
		v.handle, refused = a.redeem(r)
	}
	boundSendBuffer(conn.NetConn())
	if !a.begin() {
		conn.Close()
		return
	}
	t := newTab(a, conn, v.handle, sender)
	t.parking, t.within = hijack.parking, a.traceOf(r)
	if refused == nil {
		refused = t.join(r, r.URL.Query().Get("since"))
	}
	if refused != nil {
		a.refusedConnection(r, v.handle.ID, refused)
		t.refused(refused)
	}
	t.start() // the handler returns, and net/http's buffers and stack with it
}

// caller says who connects: the owner of the cookie, else a new visitor; nobody yet, where there is a ticket.
func (a *App) caller(r *http.Request) (v visitor, sender session.SenderID, err error) {
	if err := surplus(r); err != nil {
		return v, sender, err
	}
	query := r.URL.Query()
	if query.Has("client") {
		if sender, err = session.ParseSender(query.Get("client")); err != nil {
			return v, sender, err
		}
	}
	if !query.Has("ticket") {
		v, err = a.visit(r)
	}
	return v, sender, err
}

// redeem finds the owner of the ticket that a connection comes with.
func (a *App) redeem(r *http.Request) (session.Handle, error) {
	h, err := a.manager.RedeemTicket(r.Context(), r.URL.Query().Get("ticket"))
	h.From = addressKey(clientAddr(r)) // the ticket's is of whoever asked for it
	return h, err
}

// resume reads <id>:<version> into a join. What is malformed counts as absent; another session's id may be that of one
// that was combined into this one.
func resume(text string, j *hub.Join) {
	of, number, _ := strings.Cut(text, ":")
	version, err := strconv.ParseUint(number, 10, 64)
	id, ok := session.ParseID(of)
	switch {
	case err != nil || !ok:
	case id == j.Handle.ID:
		j.Since = &version
	default:
		j.Former = id
	}
}

// byeFor turns the refusal of a connection into the last frame it gets.
func byeFor(err error) *hub.Bye {
	var bye *hub.Bye
	if errors.As(err, &bye) {
		return bye
	}
	code, message, _ := explain(err)
	if code == string(session.NoSuchSession) { // ended between the cookie and the room
		code = string(session.Destroyed)
	}
	return &hub.Bye{Code: code, Message: message}
}

// refuseHandshake answers a broken handshake.
func (a *App) refuseHandshake(w http.ResponseWriter, r *http.Request, status int, reason error) {
	w.Header().Set("Sec-WebSocket-Version", "13")
	if status < http.StatusInternalServerError {
		reason = session.Refuse(session.BadRequest, "broken handshake: %v", reason)
	}
	a.refuse(w, r, reason)
}
