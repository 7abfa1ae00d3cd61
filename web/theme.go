package web

import (
	"errors"
	"fmt"
	"io"
	"mime"
	"net/http"
	"net/url"
	"strings"
	"time"

	"exchequer/views"
)

var errForm = errors.New("form cannot be read")

// formTime is how long the body of a form may take, so that connections whose bodies do
// not come are not held for longer.
const formTime = 3 * time.Second

// readForm parses the form in a request's body.
func readForm(w http.ResponseWriter, r *http.Request) error {
	control := http.NewResponseController(w)
	_ = control.SetReadDeadline(time.Now().Add(formTime)) // if it fails, the server's holds
	if err := r.ParseForm(); err != nil {
		drain(r.Body)
		return fmt.Errorf("%w: %w", errForm, err)
	}
	_ = control.SetReadDeadline(time.Time{}) // one that passes ends the request
	return nil
}

// readPosted is readForm for what must be a form. What is in it is no part of the error.
func readPosted(w http.ResponseWriter, r *http.Request) error {
	if kind, _, err := mime.ParseMediaType(r.Header.Get("Content-Type")); err != nil || kind != "application/x-www-form-urlencoded" {
		drain(r.Body)
		return errMedia
	}
	return readForm(w, r)
}

const themeCookie = "theme"

// themeCSS answers with the style sheet of the visitor's theme. It is the one
// answer that differs between visitors.
func (s *server) themeCSS(w http.ResponseWriter, r *http.Request) error {
	theme := "system"
	if cookie, err := r.Cookie(themeCookie); err == nil {
		theme = parseTheme(cookie.Value)
	}
	h := w.Header()
	h.Set("Cache-Control", "private, no-cache")
	h.Set("Vary", "Cookie")
	h.Set("Etag", `W/"`+theme+"-"+s.Version+`"`)
	if matches(r.Header.Get("If-None-Match"), h.Get("Etag")) {
		w.WriteHeader(http.StatusNotModified)
		return nil
	}
	h.Set("Content-Type", "text/css; charset=utf-8")
	_, _ = io.WriteString(w, views.ThemeCSS(theme))
	return nil
}

// chooseTheme sets the theme cookie and redirects back to the page.
func (s *server) chooseTheme(w http.ResponseWriter, r *http.Request) error {
	if err := readForm(w, r); err != nil {
		return fmt.Errorf("theme: %w", err)
	}
	http.SetCookie(w, &http.Cookie{
		Name: themeCookie, Value: parseTheme(r.PostForm.Get("theme")), Path: "/", MaxAge: 365 * 24 * 3600,
		HttpOnly: true, SameSite: http.SameSiteLaxMode, Secure: s.proxies.secure(r),
	})
	w.Header()["Cache-Control"] = noStore
	w.Header().Set("Location", localPath(s.Root, r.PostForm.Get("back")))
	w.WriteHeader(http.StatusSeeOther)
	return nil
}

func parseTheme(s string) string {
	switch s {
	case "light", "dark":
		return s
	default:
		return "system"
	}
}

// localPath returns s if it is a path of the site below root, else that root. Browsers read a
// backslash as a slash and drop control characters, so that "/\host" and
// "/<tab>/host" would lead to another site.
func localPath(root views.Root, s string) string {
	home := root.Of("/")
	if !strings.HasPrefix(s, home) || strings.HasPrefix(s, "//") || strings.ContainsFunc(s, func(c rune) bool {
		return c == '\\' || c < ' ' || c == 0x7f
	}) {
		return home
	}
	u, err := url.Parse(s)
	if err != nil || u.Scheme != "" || u.Host != "" || u.User != nil {
		return home
	}
	return u.String()
}
