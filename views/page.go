package views

import (
	"strconv"
	"strings"
	"time"
)

// back is this page's own address, to return to.
func (s Site) back() string {
	if s.Query == "" {
		return s.Path
	}
	return s.Path + "?" + s.Query
}

// name is the economy's, or what it is where it has none yet.
func (s Site) name() string { return orElse(s.Settings.Name, "Economy") }

// current says of the menu's entry whether this page is it, or below it.
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

// Milliseconds for data attributes; empty for what is not known.

func unixMilli(t time.Time) string {
	if t.IsZero() {
		return ""
	}
	return strconv.FormatInt(t.UnixMilli(), 10)
}

func milliseconds(d time.Duration) string { return strconv.FormatInt(d.Milliseconds(), 10) }
