package testkit

import (
	"fmt"
	"slices"
	"sync"
)

// An Owner is what servers live for: a test, or a Run. It cleans up at its end.
type Owner interface {
	Helper()
	Fatal(args ...any)
	Fatalf(format string, args ...any)
	Cleanup(func())
}

// A Run owns servers that all tests of a package share. TestMain ends it.
type Run struct {
	mu   sync.Mutex
	ends []func()
}

// End runs the cleanups, last first.
func (r *Run) End() {
	r.mu.Lock()
	ends := r.ends
	r.ends = nil
	r.mu.Unlock()
	for _, end := range slices.Backward(ends) {
		end()
	}
}

// Cleanup implements Owner.
func (r *Run) Cleanup(f func()) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.ends = append(r.ends, f)
}

// Helper implements Owner.
func (r *Run) Helper() {}

// Fatal implements Owner. There is no test to fail, so it panics.
func (r *Run) Fatal(args ...any) { panic(fmt.Sprint(args...)) }

// Fatalf implements Owner.
func (r *Run) Fatalf(format string, args ...any) { panic(fmt.Sprintf(format, args...)) }
