package views

import (
	"strconv"
	"strings"
	"time"
)

// back returns this page's own address, to return to.
func (s Site) back() string {
	if s.Query == "" {
		return s.Path
	}
	return s.Path + "?" + s.Query
}

// name returns the name of the economy, or a general one if it has none yet.
func (s Site) name() string { return orElse(s.Settings.Name, "Economy") }

// current returns the aria-current of a menu entry: whether it is this page, or
// above it.
func (s Site) current() string {
	switch {
	case s.Path == home || s.Path == "/":
		return "page"
	case strings.HasPrefix(s.Path, home+"/"):
		return "true"
	}
	return ""
}

func (c Clock) text() string {
	if c.AsOf.IsZero() {
		return "being computed"
	}
	return "As of " + moment(c.AsOf, c.Next) + " UTC · next " + moment(c.Next, c.AsOf)
}

// Milliseconds for data attributes; empty if unknown.

func unixMilli(t time.Time) string {
	if t.IsZero() {
		return ""
	}
	return strconv.FormatInt(t.UnixMilli(), 10)
}

func milliseconds(d time.Duration) string { return strconv.FormatInt(d.Milliseconds(), 10) }
