package cache

import "time"

// A Window is the half-open span of wall-clock time [Start, End) that one set
// of numbers describes. It is the unit of both caching and refresh.
type Window struct{ Start, End time.Time }

// WindowAt returns the window of the given size that contains now. Windows are
// aligned to the Unix epoch in UTC, so every process and every browser agrees
// on their boundaries.
func WindowAt(now time.Time, size time.Duration) Window {
	start := now.UnixNano() - now.UnixNano()%int64(size)
	return Window{Start: time.Unix(0, start).UTC(), End: time.Unix(0, start+int64(size)).UTC()}
}
