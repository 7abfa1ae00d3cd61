package cache

import (
	"context"
	"sync"
)

// tasks are the cache's goroutines: flights, which Close lets end, and others,
// which end with the cache's context. Close waits for both.
type tasks struct {
	mu      sync.Mutex    // held to start a task and to close, so that none starts after
	closing chan struct{} // closed when the cache is
	flights sync.WaitGroup
	others  sync.WaitGroup
}

// closed reports whether the cache is closed.
func (t *tasks) closed() bool {
	select {
	case <-t.closing:
		return true
	default:
		return false
	}
}

// fly runs f as a flight in a goroutine. It returns false when the cache is
// closed.
func (t *tasks) fly(f func()) bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.closed() {
		return false
	}
	t.flights.Go(f)
	return true
}

// begin counts the caller among the others, until it calls others.Done. It
// returns false when the cache is closed.
func (t *tasks) begin() bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.closed() {
		return false
	}
	t.others.Add(1)
	return true
}

// start runs f among the others in a goroutine. It returns false when the cache
// is closed.
func (t *tasks) start(f func()) bool {
	if !t.begin() {
		return false
	}
	go func() {
		defer t.others.Done()
		f()
	}()
	return true
}

// close makes fly, begin and start return false.
func (t *tasks) close() {
	t.mu.Lock()
	defer t.mu.Unlock()
	if !t.closed() {
		close(t.closing)
	}
}

// A limit is a semaphore. A nil limit lets tryEnter pass always.
type limit chan struct{}

// enter waits for a place. It returns false when ctx ends first.
func (l limit) enter(ctx context.Context) bool {
	select {
	case l <- struct{}{}:
		return true
	case <-ctx.Done():
		return false
	}
}

// tryEnter takes a place if one is free, and reports whether it did.
func (l limit) tryEnter() bool {
	if l == nil {
		return true
	}
	select {
	case l <- struct{}{}:
		return true
	default:
		return false
	}
}

// leave gives the place back.
func (l limit) leave() {
	if l != nil {
		<-l
	}
}

// limits are several, of each of which a place is taken.
type limits []limit

func (all limits) leave() {
	for _, l := range all {
		l.leave()
	}
}
