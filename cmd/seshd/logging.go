package main

import (
	"io"
	"log/slog"
	"os"
	"time"

	"github.com/lmittmann/tint"
	"github.com/mattn/go-isatty"
)

const (
	formatAuto = "auto"
	formatText = "text"
	formatJSON = "json"
)

// on is the format that auto stands for where logs go to w.
func (f logFormat) on(w io.Writer) logFormat {
	switch {
	case f != formatAuto:
		return f
	case isTerminal(w):
		return formatText
	}
	return formatJSON
}

func newLogger(w io.Writer, format logFormat, level logLevel) *slog.Logger {
	if format == formatJSON {
		return slog.New(slog.NewJSONHandler(w, &slog.HandlerOptions{Level: slog.Level(level)}))
	}
	return slog.New(tint.NewTextHandler(w, &tint.Options{
		Level:      slog.Level(level),
		TimeFormat: time.TimeOnly, // a person who watches a terminal knows the day
		NoColor:    !colorful(w),
	}))
}

func isTerminal(w io.Writer) bool {
	f, ok := w.(*os.File)
	return ok && isatty.IsTerminal(f.Fd())
}

// colorful follows https://no-color.org.
func colorful(w io.Writer) bool {
	return isTerminal(w) && os.Getenv("NO_COLOR") == "" && os.Getenv("TERM") != "dumb"
}
