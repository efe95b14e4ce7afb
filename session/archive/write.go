package archive

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"time"

	"github.com/seshd/seshd/session"
)

// Exporter is a store as Write needs it.
type Exporter interface {
	Export(ctx context.Context, fn func(session.Saved) error) error
}

// Write writes all that a store has, each line by one call of w.
func Write(ctx context.Context, w io.Writer, from Exporter) error {
	var buffer bytes.Buffer
	encoder := json.NewEncoder(&buffer)
	encoder.SetEscapeHTML(false) // values keep their exact text
	put := func(l line) error {
		buffer.Reset()
		if err := encoder.Encode(l); err != nil {
			return err
		}
		if buffer.Len() > MaxLine {
			return fmt.Errorf("session %s takes a line of %d bytes, the limit is %d: delete some of it", l.Session.ID, buffer.Len(), MaxLine)
		}
		_, err := w.Write(buffer.Bytes())
		return err
	}
	if _, err := io.WriteString(w, session.NewMark(kind, format, time.Now())); err != nil {
		return err
	}
	var written count
	err := from.Export(ctx, func(s session.Saved) error {
		if s.Record == nil {
			written.Tokens++
		} else {
			written.Sessions++
		}
		return put(textOf(s))
	})
	if err != nil {
		return err
	}
	return put(line{End: &written})
}
