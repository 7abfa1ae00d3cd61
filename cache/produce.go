package cache

import (
	"context"
	"errors"
	"reflect"
	"sync"
	"time"

	"github.com/cespare/xxhash/v2"
	"github.com/sony/gobreaker/v2"
)

const (
	circuitFails = 5 // failures in a row that open a circuit
	circuitOpen  = 30 * time.Second
	firstRetry   = time.Second
	stuckLimit   = 4                      // runs of a memo that were given up and have not returned
	grace        = 100 * time.Millisecond // for a producer to return after its deadline
)

var (
	errPanic   = errors.New("producer panicked")
	errCounted = errors.New("the key has failed before")
)

// newCircuit returns a memo's circuit breaker. It counts the failures of all keys
// together, so that a memo of many keys does not hammer a database that is down. Of
// such a memo it counts each key once, so that one that always fails, which backs off
// by itself, does not keep the others from being computed.
func (m *memo) newCircuit() *gobreaker.TwoStepCircuitBreaker[struct{}] {
	return gobreaker.NewTwoStepCircuitBreaker[struct{}](gobreaker.Settings{
		Timeout:     circuitOpen,
		ReadyToTrip: func(c gobreaker.Counts) bool { return c.ConsecutiveFailures >= circuitFails },
		IsExcluded:  func(err error) bool { return abandoned(err) || errors.Is(err, errCounted) },
		OnStateChange: func(_ string, _, to gobreaker.State) {
			m.faulty.clear()
			if to == gobreaker.StateOpen {
				m.reopens.Store(int64(time.Since(m.cache.began) + circuitOpen))
				m.cache.log.Error("cache: circuit opened", "memo", m.spec.Name, "for", circuitOpen)
			}
		},
	})
}

// faults are the keys of a memo that have failed since one succeeded.
type faults struct {
	mu   sync.Mutex
	keys map[string]bool
}

// again records how a run of a key ended, and reports whether the key fails again.
func (f *faults) again(key string, failed bool) (again bool) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if !failed {
		clear(f.keys)
		return false
	}
	if f.keys == nil {
		f.keys = map[string]bool{}
	}
	again = f.keys[key]
	f.keys[key] = true
	return again
}

func (f *faults) clear() {
	f.mu.Lock()
	defer f.mu.Unlock()
	clear(f.keys)
}

// abandoned reports whether a run ended for a reason that is not the producer's.
func abandoned(err error) bool { return errors.Is(err, errClosed) || errors.Is(err, errLockLost) }

// compute runs the producer for the present window. It returns the new entry and
// its value's JSON; after a failure the old entry with the failure added, and no
// JSON; nil when the circuit is open or the run was abandoned.
func (m *Memo[P, T]) compute(ctx context.Context, s *slot[P, T], f *flight) (*entry[T], []byte) {
	c := m.cache
	done, err := m.circuit.Allow()
	if err != nil {
		// Not published: each process has its own circuits.
		s.update(m.paused(s.entry.Load()))
		m.stats.refreshes.paused.Add(1)
		return nil, nil
	}
	// Any invalidation after this one concerns this run's value.
	if err := c.pollInvalidations(ctx, false); err != nil {
		c.log.Debug("cache: invalidations unknown", "error", err)
	}
	e := entry[T]{has: true, window: WindowAt(c.now(), m.policy.Window), generation: c.generations.newest.Load()}
	began := time.Now()
	running, span := m.span(ctx, "produce")
	e.value, err = m.run(running, e.window, s.p)
	e.took = time.Since(began)
	var value []byte
	if err == nil {
		value, err = marshal(e.value)
	}
	switch {
	case err == nil:
	case errors.Is(context.Cause(ctx), errLockLost):
		err = errLockLost
	case c.ctx.Err() != nil:
		err = errClosed
	}
	endProduce(span, err)
	if m.spec.ManyKeys && !abandoned(err) && m.faulty.again(s.key, err != nil) {
		done(errCounted)
	} else {
		done(err)
	}
	m.stats.producer.Observe(e.took.Seconds())
	if abandoned(err) {
		m.stats.refreshes.lost.Add(1)
		return nil, nil
	}
	if err != nil {
		m.stats.refreshes.failed.Add(1)
		failed := m.failed(s.entry.Load(), err)
		c.log.ErrorContext(running, "cache: producer failed", "memo", m.spec.Name, "params", s.p.Key(), "took", e.took, "failures", failed.failures, "error", err)
		return failed, nil
	}
	m.stats.refreshes.done.Add(1)
	e.hash, e.bytes, e.memory = xxhash.Sum64(value), len(value), memoryOf(reflect.ValueOf(&e.value).Elem())
	e.computedAt = c.now()
	e.lag = m.lag.record(e.computedAt.Sub(f.began))
	e.softUntil = e.window.Start.Add(m.policy.Soft)
	e.hardUntil = e.window.Start.Add(m.policy.Hard)
	return e.sealed(), value
}

// run calls the producer under its deadline. A producer that ignores the deadline
// is given up. It keeps a goroutine until it returns, and after stuckLimit of
// those run returns errStuck at once.
func (m *Memo[P, T]) run(ctx context.Context, w Window, p P) (T, error) {
	type outcome struct {
		value T
		err   error
	}
	var zero T
	if m.stuck.Load() >= stuckLimit {
		return zero, errStuck
	}
	ctx, cancel := context.WithTimeoutCause(ctx, m.policy.Timeout, errSlow)
	defer cancel()
	result := make(chan outcome, 1)
	m.cache.tasks.flights.Go(func() {
		value, err := m.call(ctx, w, p)
		result <- outcome{value, err}
	})
	select {
	case r := <-result:
		return r.value, r.err
	case <-ctx.Done():
	}
	select {
	case r := <-result:
		if r.err != nil {
			r.err = errors.Join(context.Cause(ctx), r.err)
		}
		return r.value, r.err
	case <-time.After(grace):
	}
	m.stuck.Add(1)
	m.cache.tasks.flights.Go(func() {
		<-result
		m.stuck.Add(-1)
	})
	return zero, context.Cause(ctx)
}

// call calls the producer, and returns a panic as an error.
func (m *Memo[P, T]) call(ctx context.Context, w Window, p P) (value T, err error) {
	defer recovered(&err)
	return m.produce(ctx, w, p)
}

// failed returns the entry after a failure: the last known good value, with the
// reason and the time of the next attempt.
func (m *Memo[P, T]) failed(known *entry[T], err error) *entry[T] {
	e := copied(known)
	now := m.cache.now()
	e.err = err
	e.failures = min(e.failures+1, maxFailures)
	e.retryAt = now.Add(backoff(e.failures))
	e.reason = reasonFailed
	switch {
	case errors.Is(err, errSlow) || errors.Is(err, context.DeadlineExceeded):
		e.reason = reasonSlow
	case errors.Is(err, errTooLarge):
		e.reason = reasonLarge
	}
	if e.has {
		extended := now.Add(extension(m.policy))
		if extended.After(e.hardUntil) {
			extended = e.hardUntil
		}
		if extended.After(e.softUntil) {
			e.softUntil = extended
		}
	}
	return e.sealed()
}

// extension returns by how much a failure extends the soft limit.
func extension(p Policy) time.Duration { return min(p.Soft/2, circuitOpen) }

// paused returns the entry while the memo's circuit is open.
func (m *Memo[P, T]) paused(known *entry[T]) *entry[T] {
	e := copied(known)
	left := time.Duration(m.reopens.Load()) - time.Since(m.cache.began)
	e.retryAt = m.cache.now().Add(max(left, firstRetry)) // left is 0 while the circuit is half open
	if e.reason == "" {
		e.reason = reasonPaused
	}
	return e.sealed()
}

// copied returns a copy of an entry, the zero entry for nil.
func copied[T any](known *entry[T]) entry[T] {
	if known == nil {
		return entry[T]{}
	}
	return *known
}

// backoff returns how long the fleet waits after a number of failures in a row:
// one second, doubled each time, and circuitOpen from circuitFails on.
func backoff(failures int) time.Duration {
	if failures >= circuitFails {
		return circuitOpen
	}
	return firstRetry << (failures - 1)
}
