package testkit

import (
	"fmt"
	"slices"
	"sync"
)

// An Owner ends what it was given when it ends: a test, or a Run.
type Owner interface {
	Helper()
	Fatal(args ...any)
	Fatalf(format string, args ...any)
	Cleanup(func())
}

// A Run owns what all tests of a package share. TestMain ends it.
type Run struct {
	mu   sync.Mutex
	ends []func()
}

// End undoes, last first, what was started.
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

// Fatal implements Owner. No test is there to fail, so it panics.
func (r *Run) Fatal(args ...any) { panic(fmt.Sprint(args...)) }

// Fatalf implements Owner.
func (r *Run) Fatalf(format string, args ...any) { panic(fmt.Sprintf(format, args...)) }
