package web

import (
	"errors"
	"log/slog"
	"net/http"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/go-chi/chi/v5/middleware"

	"exchequer/views"
)

// Limits on what a client may write into the log, in bytes.
const (
	logPath   = 256
	logMethod = 16
	logClient = 64
)

// logRequest writes the one line of a request into the log. Only a defect of ours
// has level error: why a memo has no value is logged by the memo too.
func (s *server) logRequest(level slog.Level, w *responseWriter, r *http.Request, took time.Duration) {
	message := "request"
	switch {
	case w.stack != nil:
		message, level = "handler panicked", slog.LevelError
	case errors.Is(w.err, errPanic), w.err != nil && w.status == http.StatusInternalServerError:
		message, level = "request failed", slog.LevelError
	case w.err != nil:
		message, level = "request failed", slog.LevelWarn
	}
	ctx := r.Context()
	if !s.Log.Enabled(ctx, level) {
		return
	}
	line := []slog.Attr{
		slog.String("id", w.id), slog.String("method", printable(r.Method, logMethod)), slog.String("path", printable(withoutToken(r.URL.Path), logPath)),
		slog.String("route", w.route), slog.Int("status", w.status), slog.Int64("bytes", w.bytes),
		slog.Duration("took", took), slog.String("client", printable(middleware.GetClientIP(r.Context()), logClient)),
	}
	if w.err != nil {
		line = append(line, slog.Any("error", w.err))
	}
	if w.stack != nil {
		line = append(line, slog.String("stack", string(w.stack)))
	}
	s.Log.LogAttrs(ctx, level, message, line...)
}

// withoutToken returns a path without what is secret in it.
func withoutToken(path string) string {
	if before, _, found := strings.Cut(path, views.MyFeed); found {
		return before + views.MyFeed + "…"
	}
	return path
}

// printable returns a client's text for the log. Each character that does not
// print becomes a question mark, since the log would escape it to six, and what
// is over the limit becomes an ellipsis.
func printable(text string, limit int) string {
	end := ""
	if len(text) > limit {
		cut := limit
		for cut > limit-utf8.UTFMax && !utf8.RuneStart(text[cut]) {
			cut--
		}
		text, end = text[:cut], "…"
	}
	return strings.Map(func(r rune) rune {
		if r == utf8.RuneError || !unicode.IsPrint(r) {
			return '?'
		}
		return r
	}, text) + end
}
