package cache

import (
	"context"
	"sync"
)

// tasks are the cache's goroutines: flights, which Close lets end, and others,
// which end by themselves.
type tasks struct {
	mu      sync.Mutex
	closing chan struct{} // closed when the cache is
	flights sync.WaitGroup
	others  sync.WaitGroup
}

// left reports whether the cache is closed.
func (t *tasks) closed() bool {
	select {
	case <-t.closing:
		return true
	default:
		return false
	}
}

// fly runs f in a goroutine, unless the cache is closed.
func (t *tasks) fly(f func()) bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.closed() {
		return false
	}
	t.flights.Go(f)
	return true
}

// begin counts the caller among the others, unless the cache is closed.
func (t *tasks) begin() bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.closed() {
		return false
	}
	t.others.Add(1)
	return true
}

// start runs f in a goroutine that is counted among the others, unless the
// cache is closed.
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

func (t *tasks) close() {
	t.mu.Lock()
	defer t.mu.Unlock()
	if !t.closed() {
		close(t.closing)
	}
}

// A limit bounds how many run at the same time. For tryEnter and leave, nil
// bounds nothing.
type limit chan struct{}

func (l limit) enter(ctx context.Context) bool {
	select {
	case l <- struct{}{}:
		return true
	case <-ctx.Done():
		return false
	}
}

// tryEnter is enter for who does not wait.
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

func (l limit) leave() {
	if l != nil {
		<-l
	}
}
