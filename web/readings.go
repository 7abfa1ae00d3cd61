package web

import (
	"context"
	"errors"
	"sync"
)

// readings are what is read for requests now. Those who ask for the same share one
// reading. It has a place once it has begun, and goes on then if they leave, since a
// query that is cancelled costs its connection. Before that it ends with the last of
// them, so that nobody waits for a place for a reader who has left.
type readings struct {
	mu  sync.Mutex
	all map[string]*sharedReading
}

type sharedReading struct {
	readers int
	begun   bool
	leave   context.CancelFunc
	done    chan struct{}
	value   any
	err     error
}

// get returns what read returns, which it calls once for all who ask for the same key
// at a time, and whether it was called for this one. The context that read gets ends
// with the last reader; read calls begin when it has a place.
func (rs *readings) get(ctx context.Context, key string, read func(ctx context.Context, begin func()) (any, error)) (value any, first bool, err error) {
	for {
		one, first := rs.join(ctx, key, read)
		select {
		case <-one.done:
			if !first && errors.Is(one.err, errOwnWaits) {
				continue // it was for another client
			}
			return one.value, first, one.err
		case <-ctx.Done():
			rs.left(key, one)
			return nil, first, ctx.Err()
		}
	}
}

// join returns the reading of a key, and whether it was not there before.
func (rs *readings) join(ctx context.Context, key string, read func(context.Context, func()) (any, error)) (one *sharedReading, first bool) {
	rs.mu.Lock()
	defer rs.mu.Unlock()
	if one := rs.all[key]; one != nil {
		one.readers++
		return one, false
	}
	if rs.all == nil {
		rs.all = map[string]*sharedReading{}
	}
	waiting, leave := context.WithCancel(context.WithoutCancel(ctx))
	one = &sharedReading{readers: 1, leave: leave, done: make(chan struct{})}
	rs.all[key] = one
	go func() {
		defer leave()
		defer close(one.done)
		one.err = safely(func() (err error) {
			one.value, err = read(waiting, func() { rs.began(one) })
			return err
		})
		rs.drop(key, one)
	}()
	return one, true
}

func (rs *readings) began(one *sharedReading) {
	rs.mu.Lock()
	defer rs.mu.Unlock()
	one.begun = true
}

// left ends a reading whose readers have all left, unless it has begun.
func (rs *readings) left(key string, one *sharedReading) {
	rs.mu.Lock()
	defer rs.mu.Unlock()
	if one.readers--; one.readers == 0 && !one.begun {
		one.leave()
		rs.dropLocked(key, one)
	}
}

func (rs *readings) drop(key string, one *sharedReading) {
	rs.mu.Lock()
	defer rs.mu.Unlock()
	rs.dropLocked(key, one)
}

func (rs *readings) dropLocked(key string, one *sharedReading) {
	if rs.all[key] == one {
		delete(rs.all, key)
	}
}
