package web

import (
	"context"
	"errors"
	"log/slog"
	"net/http"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/go-chi/chi/v5/middleware"
)

// Limits on what a client may write into the log, in bytes.
const (
	logPath   = 256
	logMethod = 16
	logClient = 64
)

// logVisit writes the one line that a request has in the log. Only a defect of
// ours is an error; that there are no numbers is said by the memo as well.
func (s *server) logVisit(level slog.Level, v *visit, r *http.Request, took time.Duration) {
	message := "request"
	switch {
	case v.stack != nil:
		message, level = "handler panicked", slog.LevelError
	case errors.Is(v.failed, errPanic), v.failed != nil && v.status == http.StatusInternalServerError:
		message, level = "request failed", slog.LevelError
	case v.failed != nil:
		message, level = "request failed", slog.LevelWarn
	}
	ctx := context.Background()
	if !s.Log.Enabled(ctx, level) {
		return
	}
	line := []slog.Attr{
		slog.String("id", v.id), slog.String("method", printable(r.Method, logMethod)), slog.String("path", printable(r.URL.Path, logPath)),
		slog.String("route", v.route), slog.Int("status", v.status), slog.Int64("bytes", v.bytes),
		slog.Duration("took", took), slog.String("client", printable(middleware.GetClientIP(r.Context()), logClient)),
	}
	if v.failed != nil {
		line = append(line, slog.Any("error", v.failed))
	}
	if v.stack != nil {
		line = append(line, slog.String("stack", string(v.stack)))
	}
	s.Log.LogAttrs(ctx, level, message, line...)
}

// printable returns a text of a client as it may stand in the log: what does
// not print is a question mark, since a log writes it as six characters, and
// what is over the limit is an ellipsis.
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
