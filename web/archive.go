package web

import (
	"bufio"
	"errors"
	"io"
	"mime"
	"net/http"
	"time"

	"github.com/seshd/seshd/session/archive"
)

// typeLines is that of an export: one JSON object a line.
const typeLines = "application/x-ndjson"

// typeTar is that of a backup.
const typeTar = "application/x-tar"

// streamBuffer is how much of an export or a backup is written at once.
const streamBuffer = 64 << 10

// exportSessions streams all sessions, for another store.
func (a *App) exportSessions(w http.ResponseWriter, r *http.Request) {
	a.stream(w, r, typeLines, func(out io.Writer) error { return archive.Write(r.Context(), out, a.manager) })
}

// backUp streams a backup of the store.
func (a *App) backUp(w http.ResponseWriter, r *http.Request) {
	a.stream(w, r, typeTar, func(out io.Writer) error {
		err := a.manager.Backup(r.Context(), out)
		a.metrics.backedUpAt(time.Now(), err)
		return err
	})
}

// stream answers with what write writes. Where it breaks off the connection is cut, so that nobody takes a part for the whole.
func (a *App) stream(w http.ResponseWriter, r *http.Request, kind string, write func(io.Writer) error) {
	stream := &moving{w: w, control: http.NewResponseController(w)}
	if err := ignoreUnsupported(stream.control.SetReadDeadline(time.Time{})); err != nil { // there is nothing more to read
		a.refuse(w, r, err)
		return
	}
	out := bufio.NewWriterSize(stream, streamBuffer)
	w.Header().Set("Content-Type", kind)
	err := write(out)
	if err == nil {
		err = out.Flush()
	}
	switch {
	case err == nil:
		a.log.Info("all sessions were given out", "path", r.URL.Path)
	case !stream.begun:
		a.refuse(w, r, err)
	default:
		a.log.Error("an answer broke off", "path", r.URL.Path, "error", err)
		panic(http.ErrAbortHandler)
	}
}

// importSessions takes an export.
func (a *App) importSessions(w http.ResponseWriter, r *http.Request) {
	if got, _, err := mime.ParseMediaType(r.Header.Get("Content-Type")); err != nil || got != typeLines {
		a.refuse(w, r, &refusal{unsupportedMediaType, "send an export as " + typeLines + " (with a Content-Type header that says so)"})
		return
	}
	body := &moving{r: r.Body, control: http.NewResponseController(w)}
	counts, err := archive.Read(r.Context(), body, a.manager)
	a.log.Info("sessions imported", "imported", counts.Imported, "newer_here", counts.NewerHere,
		"ended_here", counts.EndedHere, "timed_out", counts.TimedOut, "tokens", counts.Tokens)
	if err != nil {
		_, _ = io.Copy(io.Discard, body) // who is still sending would not read the answer
		a.refuse(w, r, err)
		return
	}
	w.Header().Set("Content-Type", typeJSON)
	writeJSON(w, counts)
}

// moving is a body of any length, which may take any time as long as it moves.
type moving struct {
	r       io.Reader
	w       io.Writer
	control *http.ResponseController
	begun   bool // something was written
}

func (m *moving) Read(p []byte) (int, error) {
	if err := ignoreUnsupported(m.control.SetReadDeadline(time.Now().Add(bodyWait))); err != nil {
		return 0, err
	}
	return m.r.Read(p)
}

func (m *moving) Write(p []byte) (int, error) {
	m.begun = true
	if err := ignoreUnsupported(m.control.SetWriteDeadline(time.Now().Add(bodyWait))); err != nil {
		return 0, err
	}
	return m.w.Write(p)
}

// ignoreUnsupported is for deadlines, which a middleware may hide.
func ignoreUnsupported(err error) error {
	if errors.Is(err, http.ErrNotSupported) {
		return nil
	}
	return err
}
