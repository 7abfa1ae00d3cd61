// Package cache is the memo: each number is computed at most once per
// wall-clock window, kept with its last known good value, and refreshed ahead
// of its readers.
package cache
