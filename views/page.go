package views

import (
	"strconv"
	"time"
)

// back is this page's own address, to return to.
func (s Site) back() string {
	if s.Query == "" {
		return s.Path
	}
	return s.Path + "?" + s.Query
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
