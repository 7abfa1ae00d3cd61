// Package cache is the memo: each number is computed at most once per
// wall-clock window for a whole fleet of processes, kept with its last known
// good value, and refreshed ahead of its readers.
//
// A memo is declared once, typed, and named. Get returns the value of the
// current window, or at once the newest one before it while a refresh runs;
// it waits only where nothing is known at all. Producers run detached from the
// request that started them, with their own deadline; one that fails, panics
// or hangs costs its own memo only, which goes on showing what it has and says
// why.
//
// Two levels hold the values. The process level (Cache) has decoded values,
// shared by pointer and never changed. The shared level (Store) has one blob a
// key, the locks that let one process compute for all, and the generations by
// which values are invalidated. A process whose store fails goes on alone.
//
// The package never keeps a value that its producer did not return, never
// replaces a window by an earlier one, and never serves what was invalidated
// hard. Its values travel as JSON: a type that JSON would change is refused
// when the memo is declared.
package cache
